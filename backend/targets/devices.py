"""The devices a model can run on, with their memory."""

from __future__ import annotations

import platform
from dataclasses import asdict, dataclass
from typing import Any

import psutil
import torch


@dataclass(frozen=True)
class Device:
    """One device.

    Attributes
    ----------
    id : str
        As `model.device` takes it: cpu, mps, cuda:0 …
    name : str
        For people.
    memory_bytes, free_bytes : int
        All, and what is free now; of an Apple GPU what Metal recommends to use, and what of that is not in use.
    """

    id: str
    name: str
    memory_bytes: int
    free_bytes: int

    def plain(self) -> dict[str, Any]:
        return asdict(self)


def devices() -> list[Device]:
    """The device that `auto` takes first, the CPU last."""
    found = []
    for number in range(torch.cuda.device_count() if torch.cuda.is_available() else 0):
        free, total = torch.cuda.mem_get_info(number)
        found.append(Device(f"cuda:{number}", torch.cuda.get_device_name(number), total, free))
    if torch.backends.mps.is_available():
        total = int(torch.mps.recommended_max_memory())
        found.append(Device("mps", "Apple GPU", total, total - int(torch.mps.driver_allocated_memory())))
    memory = psutil.virtual_memory()
    threads = torch.get_num_threads()
    name = f"{platform.machine() or 'CPU'}, {threads} thread{'' if threads == 1 else 's'}"
    return [*found, Device("cpu", name, memory.total, memory.available)]
