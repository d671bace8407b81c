"""Batches of drawn clips through the model, shared by the layers that ask for them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Generator, Iterator, Sequence

import torch

from backend.errors import ArdError
from backend.extract.decode import Decoded, Load, decode, decoded
from backend.extract.forward import Forward, by_stack
from backend.store.clips import Clip, ClipTable
from backend.streams.augmentation import Augmentation
from backend.streams.draws import Draws


class DrawnBatches:
    """Batch j holds draws [j·n, (j+1)·n): its tokens are a function of j, so any layer may ask for any j.

    Layers of one stack share the forward of a batch that one of them asks for first. What the others have not asked
    for yet is kept, the oldest dropped beyond `kept_tokens` rows a layer; a dropped batch is run again when asked
    for, so that memory stays bounded however far one layer lags.

    Parameters
    ----------
    stride : int
        Batches are expected in the order j, j + stride, …, and decoded ahead accordingly.

    Attributes
    ----------
    unreadable : dict of int to str
        Clips that gave no token so far, and why.
    """

    def __init__(
        self,
        forward: Forward,
        layers: Sequence[str],
        table: ClipTable,
        draws: Draws,
        load: Load,
        *,
        batch_clips: int,
        threads: int,
        ahead_seconds: float,
        kept_tokens: int,
        stride: int = 1,
        augmentation: Augmentation | None = None,
    ) -> None:
        self.draws = draws
        self.unreadable: dict[int, str] = {}
        self._forward = forward
        self._stacks = by_stack(layers)
        self._table = table
        self._load = load
        self._batch_clips = batch_clips
        self._threads = threads
        self._ahead_seconds = ahead_seconds
        self._kept_tokens = kept_tokens
        self._stride = stride
        self._augmentation = augmentation
        self._found: dict[str, OrderedDict[int, torch.Tensor]] = {layer: OrderedDict() for layer in layers}
        self._decoders: dict[str, tuple[int, Generator[Decoded, None, None]]] = {}

    def tokens(self, number: int, layer: str) -> torch.Tensor:
        """Rows [n, d] of batch `number` at `layer`, on the CPU in the model's precision."""
        if number not in self._found[layer]:
            self._run(number, layer)
        return self._found[layer].pop(number)

    def close(self) -> None:
        for _, decoder in self._decoders.values():
            decoder.close()
        self._decoders.clear()

    def _run(self, number: int, layer: str) -> None:
        stack = next(group for group in self._stacks if layer in group)
        expected = self._decoders[stack[0]][0] if stack[0] in self._decoders else number
        layers = stack if number >= expected else [layer]
        batch = self._ahead(number, stack[0]) if layers is stack else self._now(number)
        first = number * self._batch_clips
        found = self._forward([self._augmented(one, first + i) for i, one in enumerate(batch)], layers)
        for name in layers:
            rows = [one.x for one in found[name] if not one.problem]
            self.unreadable |= {one.clip: one.problem for one in found[name] if one.problem}
            kept = self._found[name]
            kept[number] = torch.cat(rows) if rows else torch.empty(0, self._forward.target.width(name))
            while len(kept) > 1 and sum(map(len, kept.values())) > self._kept_tokens:
                kept.popitem(last=False)

    def _ahead(self, number: int, stack: str) -> list[Decoded]:
        """The clips of a batch that follows the last one, decoded in the background meanwhile."""
        expected, decoder = self._decoders.get(stack, (-1, None))
        if decoder is None or expected != number:
            if decoder is not None:
                decoder.close()
            decoder = decoded(
                self._drawn_from(number), self._load, threads=self._threads, ahead_seconds=self._ahead_seconds
            )
        batch = [next(decoder) for _ in range(self._batch_clips)]
        self._decoders[stack] = (number + self._stride, decoder)
        return batch

    def _now(self, number: int) -> list[Decoded]:
        return [decode(self._clip(draw), self._load) for draw in self._draws_of(number)]

    def _draws_of(self, number: int) -> range:
        return range(number * self._batch_clips, (number + 1) * self._batch_clips)

    def _drawn_from(self, number: int) -> Iterator[Clip]:
        while True:
            yield from (self._clip(draw) for draw in self._draws_of(number))
            number += self._stride

    def _clip(self, draw: int) -> Clip:
        return self._table[self.draws[draw]]

    def _augmented(self, one: Decoded, draw: int) -> Decoded:
        if self._augmentation is None or not one.waves:
            return one
        waves = self._augmentation(one.waves, draw, self._forward.target.sample_rate)
        return Decoded(one.clip, waves, one.problem)


def no_tokens() -> ArdError:
    """When a whole pass over the training clips gave nothing."""
    return ArdError(
        "none of the training clips gives the model a token",
        todo="Run ard status to see why clips were left out, and correct the data set or the layer.",
    )
