"""Read the residual stream after chosen blocks and stop the forward after the last of them (A-08)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch


class _Reached(BaseException):
    """Ends a forward early; a BaseException, so that no library handler swallows it."""


def block_output(output: Any) -> torch.Tensor:
    """The hidden states in what a block returned: a tensor, or the first of a tuple (older releases, WavLM)."""
    hidden = output[0] if isinstance(output, (tuple, list)) else output
    if not isinstance(hidden, torch.Tensor):
        raise TypeError(f"a block returned a {type(hidden).__name__}, not hidden states")
    return hidden


Replace = Callable[[torch.Tensor], torch.Tensor]
"""Residual stream [positions, d] → what stands there instead."""
Where = Callable[[torch.Tensor], slice | torch.Tensor | None]
"""Positions to replace, from a block's output [1, positions, d]; None for none, as in decoding steps."""


@contextmanager
def spliced(block: torch.nn.Module, replace: Replace, where: Where) -> Iterator[None]:
    """While it lasts, `block` gives `replace(x)` at the positions `where` tells, for one clip at a time."""

    def hook(module: torch.nn.Module, inputs: Any, output: Any) -> Any:
        hidden = block_output(output)
        chosen = where(hidden)
        if chosen is None:
            return output
        changed = hidden.clone()
        changed[0, chosen] = replace(hidden[0, chosen]).to(hidden.dtype)
        return (changed, *output[1:]) if isinstance(output, (tuple, list)) else changed

    handle = block.register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def mapped(block: torch.nn.Module, new: Replace) -> Iterator[None]:
    """While it lasts, `block` gives `new` of what it would give, a tensor [batch, positions, d]."""

    def hook(module: torch.nn.Module, inputs: Any, output: Any) -> Any:
        hidden = block_output(output)
        changed = new(hidden).to(hidden.dtype)
        return (changed, *output[1:]) if isinstance(output, (tuple, list)) else changed

    handle = block.register_forward_hook(hook)
    try:
        yield
    finally:
        handle.remove()


@torch.no_grad()
def tap(
    blocks: Mapping[str, torch.nn.Module], forward: Callable[[], Any], *, stop: bool = True
) -> dict[str, torch.Tensor]:
    """Outputs of `blocks` during one `forward()`.

    Parameters
    ----------
    blocks : mapping of name to module
        Each must run during the forward; of several runs the first counts.
    forward : callable
        Runs the model.
    stop : bool
        End the forward as soon as every block has run.

    Returns
    -------
    dict of name to tensor, as the blocks gave it (batch, positions, d).
    """
    found: dict[str, torch.Tensor] = {}

    def hook(name: str) -> Callable[..., None]:
        def keep(module: torch.nn.Module, inputs: Any, output: Any) -> None:
            found.setdefault(name, block_output(output))
            if stop and len(found) == len(blocks):
                raise _Reached

        return keep

    handles = [block.register_forward_hook(hook(name)) for name, block in blocks.items()]
    try:
        forward()
    except _Reached:
        pass
    finally:
        for handle in handles:
            handle.remove()
    if len(found) < len(blocks):
        silent = ", ".join(name for name in blocks if name not in found)
        raise RuntimeError(f"the forward did not run through: {silent}")
    return {name: found[name] for name in blocks}
