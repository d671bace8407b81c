"""Seconds and memory of a piece of work, sampled beside it."""

from __future__ import annotations

import sys
import threading
import time
from types import TracebackType
from typing import Any

import psutil

EVERY = 0.005


class Watch:
    """Times what happens in the block and keeps the largest resident memory of this process meanwhile.

    Attributes
    ----------
    seconds : float
    before, peak, after : int
        Resident bytes.
    device : int
        Largest bytes that torch held on a CUDA device; 0 without one.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self.before = self.peak = self.after = self.device = 0
        self._process = psutil.Process()
        self._end = threading.Event()

    def __enter__(self) -> Watch:
        self._end.clear()
        torch = _cuda()
        if torch is not None:
            torch.cuda.synchronize()
            torch.cuda.reset_peak_memory_stats()
        self.before = self.peak = self._resident()
        self._thread = threading.Thread(target=self._sample, name="watch", daemon=True)
        self._thread.start()
        self._began = time.perf_counter()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        torch = _cuda()
        if torch is not None:
            torch.cuda.synchronize()
            self.device = int(torch.cuda.max_memory_allocated())
        self.seconds = time.perf_counter() - self._began
        self._end.set()
        self._thread.join()
        self.after = self._resident()
        self.peak = max(self.peak, self.after)

    def _sample(self) -> None:
        while not self._end.wait(EVERY):
            self.peak = max(self.peak, self._resident())

    def _resident(self) -> int:
        return int(self._process.memory_info().rss)


def _cuda() -> Any:
    """torch, if it is loaded and has a CUDA device in use."""
    torch = sys.modules.get("torch")
    return torch if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized() else None
