"""Which layers of a model are chosen, and at which one the keyboard is; nothing of Qt."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Block = tuple[str, int]
"""Stack and 0-based number: ("decoder", 3) is the layer "decoder.3"."""
ROWS = 16
"""Most blocks on top of one another; a deeper stack goes on in a column beside it."""
ORDER = ("encoder", "decoder")


@dataclass(frozen=True)
class Stack:
    """One stack of a model.

    Attributes
    ----------
    d : int
        Width of its residual stream.
    tokens_per_second : float or None
        None where that is not fixed.
    usual : bool
        Whether a bare layer number means this stack.
    """

    name: str
    layers: int
    d: int
    tokens_per_second: float | None = None
    usual: bool = False

    @property
    def columns(self) -> int:
        return -(-self.layers // ROWS)

    @property
    def rows(self) -> int:
        """Blocks of a full column: as even as it goes."""
        return -(-self.layers // self.columns) if self.layers else 0

    @property
    def rate(self) -> str:
        """How many tokens a second there are, in words."""
        return "tokens at words" if self.tokens_per_second is None else f"{self.tokens_per_second:g} tokens/s"


class LayerChoice:
    """Stacks, the chosen blocks, and the block that the keyboard is at.

    Attributes
    ----------
    stacks : tuple of Stack
        In the order of the sound: encoder before decoder.
    chosen : set of Block
    at : Block or None
        None where there is no block.
    """

    def __init__(self) -> None:
        self.stacks: tuple[Stack, ...] = ()
        self.chosen: set[Block] = set()
        self.at: Block | None = None
        self._anchor: Block | None = None
        self._adding = True
        self._asked: tuple[str, ...] = ()

    def set_stacks(self, stacks: Sequence[Mapping[str, Any]]) -> None:
        """Another model's stacks, as `ard inspect-model` tells them; layers that it does not have are chosen no more.

        Without any stack the choice is kept until there are some again.
        """
        asked = self.layers()
        found = [Stack(**{name: one[name] for name in Stack.__dataclass_fields__ if name in one}) for one in stacks]
        self.stacks = tuple(sorted(found, key=lambda one: ORDER.index(one.name) if one.name in ORDER else len(ORDER)))
        self.at = self._anchor = None
        self.set_layers(asked)

    def layers(self) -> list[str]:
        """Full names of the chosen layers, from the sound to the answer."""
        if not self.stacks:
            return list(self._asked)
        return [f"{name}.{number}" for name, number in self.blocks() if (name, number) in self.chosen]

    def set_layers(self, layers: Sequence[str]) -> None:
        """Choose these: "decoder.3", or "3" and "last" of the usual stack; one that is not there is left out."""
        self._asked = tuple(layers)
        found = [self.block(one) for one in layers]
        self.chosen = {one for one in found if one is not None}
        first = next((one for one in found if one is not None), None)
        self.at = self._anchor = first or self.at or next(iter(self.blocks()), None)

    def block(self, layer: str) -> Block | None:
        """The block of a layer's name; None if there is none."""
        name, _, number = layer.rpartition(".")
        usual = next((one for one in self.stacks if one.usual), self.stacks[0] if self.stacks else None)
        stack = next((one for one in self.stacks if one.name == name), None) if name else usual
        if stack is None:
            return None
        if number == "last" and stack.layers:
            return stack.name, stack.layers - 1
        fits = number.isascii() and number.isdigit() and int(number) < stack.layers
        return (stack.name, int(number)) if fits else None

    def blocks(self) -> list[Block]:
        """All blocks, from the sound to the answer."""
        return [(stack.name, number) for stack in self.stacks for number in range(stack.layers)]

    def toggle(self, block: Block) -> None:
        """Choose a block, or choose it no more; a range begins here."""
        self.at = self._anchor = block
        self.chosen ^= {block}
        self._adding = block in self.chosen

    def extend(self, block: Block) -> None:
        """Choose all blocks from where the keyboard was put to this one; after one was taken away, take these away."""
        anchor = self._anchor if self._anchor is not None and self._anchor[0] == block[0] else block
        low, high = sorted((anchor[1], block[1]))
        span = {(block[0], number) for number in range(low, high + 1)}
        self.chosen = self.chosen | span if self._adding else self.chosen - span
        self.at, self._anchor = block, anchor

    def move(self, across: int, up: int) -> Block | None:
        """The block that lies so many columns and blocks from where the keyboard is, as near as there is one."""
        if self.at is None:
            return None
        name, number = self.at
        stack = self.stack(name)
        if up:
            return name, min(max(number + up, 0), stack.layers - 1)
        columns = [(one, column) for one in self.stacks for column in range(one.columns)]
        place = columns.index((stack, number // stack.rows)) + across
        other, column = columns[min(max(place, 0), len(columns) - 1)]
        return other.name, min(column * other.rows + number % stack.rows, other.layers - 1)

    def go(self, block: Block) -> None:
        """Put the keyboard at a block; a range begins here."""
        self.at = self._anchor = block
        self._adding = True

    def end(self, *, top: bool) -> Block | None:
        """The last or the first block of the stack where the keyboard is."""
        return None if self.at is None else (self.at[0], self.stack(self.at[0]).layers - 1 if top else 0)

    def stack(self, name: str) -> Stack:
        return next(one for one in self.stacks if one.name == name)

    def told(self) -> str:
        """The choice in words, for who cannot see it."""
        if self.at is None:
            return "No model has been looked at yet."
        layers = self.layers()
        number = f"{self.at[0]}.{self.at[1]}"
        here = f"At {number}, {'chosen' if self.at in self.chosen else 'not chosen'}."
        return f"Chosen: {', '.join(layers)}. {here}" if layers else f"No layer is chosen. {here}"
