"""Data-parallel training: what the processes of a torchrun group tell each other.

Each process holds a contiguous slice of the global batch, in rank order, and the same parameters.
Everything that is a property of the batch (gradients, BatchTopK's selection, dead counters, metrics)
is combined here, so that any number of processes computes what one would.
"""

from __future__ import annotations

import os
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor

from backend.errors import ArdError


class World:
    """One process among `size`; with size 1 every method returns at once.

    Methods that combine work in place on `tensor` where they can and return it. Every process must
    call the same methods in the same order.
    """

    rank = 0
    size = 1

    def sum(self, *tensors: Tensor) -> None:
        """Replace each tensor by its sum over the processes."""

    def max(self, tensor: Tensor) -> None:
        """Replace `tensor` by its maximum over the processes."""

    def min(self, tensor: Tensor) -> None:
        """Replace `tensor` by its minimum over the processes."""

    def gather(self, tensor: Tensor) -> list[Tensor]:
        """Every process's tensor in rank order; they may differ in their first dimension."""
        return [tensor]

    def total(self, n: int, device: torch.device) -> int:
        """Sum of a count over the processes."""
        return n


ALONE = World()


class Group(World):
    """The default torch.distributed group (gloo or nccl)."""

    def __init__(self) -> None:
        self.rank = dist.get_rank()
        self.size = dist.get_world_size()

    def sum(self, *tensors: Tensor) -> None:
        waiting = [dist.all_reduce(t, op=dist.ReduceOp.SUM, async_op=True) for t in tensors]
        for work in waiting:
            work.wait()

    def max(self, tensor: Tensor) -> None:
        dist.all_reduce(tensor, op=dist.ReduceOp.MAX)

    def min(self, tensor: Tensor) -> None:
        dist.all_reduce(tensor, op=dist.ReduceOp.MIN)

    def gather(self, tensor: Tensor) -> list[Tensor]:
        length = torch.tensor([tensor.shape[0]], device=tensor.device)
        lengths = [torch.empty_like(length) for _ in range(self.size)]
        dist.all_gather(lengths, length)
        longest = int(max(int(n) for n in lengths))
        padded = tensor.new_zeros((longest, *tensor.shape[1:]))
        padded[: tensor.shape[0]] = tensor
        parts = [torch.empty_like(padded) for _ in range(self.size)]
        dist.all_gather(parts, padded)
        return [part[: int(n)] for part, n in zip(parts, lengths, strict=True)]

    def total(self, n: int, device: torch.device) -> int:
        count = torch.tensor(n, device=device)
        dist.all_reduce(count)
        return int(count)


PATIENCE = timedelta(days=2)
"""How long a process waits for the others: after a resume one may have hours of extraction more to do."""


def world_size() -> int:
    """Processes that torchrun started, 1 without it."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def join(device: torch.device) -> World:
    """The world of this process: joins torchrun's group (nccl on CUDA, else gloo), or is ALONE without one.

    Raises ArdError if torchrun's variables are there but this build of PyTorch cannot communicate.
    """
    if world_size() == 1:
        return ALONE
    if not dist.is_available():
        raise ArdError(
            "this build of PyTorch has no torch.distributed, so it cannot train on several processes",
            todo="Run the command without torchrun.",
        )
    if not dist.is_initialized():
        if device.type == "cuda":
            torch.cuda.set_device(device)
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=PATIENCE)
    return Group()


def leave() -> None:
    """End membership in the group, if there is one."""
    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()
