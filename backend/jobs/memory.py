"""What a job uses of the machine: memory at each stage's peak, and every few seconds what it uses now."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType

import psutil

SAMPLE_SECONDS = 0.1
TELL_SECONDS = 2.0


class PeakMemory:
    """Samples the resident memory of this process and keeps the largest value of each running stage.

    The value includes mapped files that happen to be in memory, as the system's own tools do.
    A sampling thread is used because the system's counter of the peak cannot be reset between
    stages on every platform.

    Parameters
    ----------
    tell : callable, optional
        Called from that thread every few seconds while a stage runs, with `memory_bytes`, `device_bytes` (0 without a
        device in use) and `cpu_percent` (100 is one core).
    """

    def __init__(self, tell: Callable[[dict[str, float]], None] | None = None) -> None:
        self.bytes: dict[str, int] = {}
        self._tell = tell
        self._told = 0.0
        self._process = psutil.Process()
        self._running: set[str] = set()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="peak-memory", daemon=True)

    def __enter__(self) -> PeakMemory:
        self._process.cpu_percent()  # the first answer is meaningless: it counts from here
        self._told = time.monotonic()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Sample no more; nothing is told after this."""
        self._end.set()
        self._thread.join()

    def begin(self, stage: str) -> None:
        self._running = self._running | {stage}
        self._sample()

    def end(self, stage: str) -> int:
        """Bytes at the peak of `stage`, now over."""
        self._sample()
        self._running = self._running - {stage}
        return self.bytes.get(stage, 0)

    def _watch(self) -> None:
        while not self._end.wait(SAMPLE_SECONDS):
            now = self._sample()
            if now and self._tell is not None and time.monotonic() - self._told >= TELL_SECONDS:
                self._told = time.monotonic()
                self._tell({
                    "memory_bytes": now,
                    "device_bytes": device_bytes(),
                    "cpu_percent": float(self._process.cpu_percent()),
                })  # fmt: skip

    def _sample(self) -> int:
        """Resident bytes now; 0 while no stage runs."""
        if not self._running:
            return 0
        now = int(self._process.memory_info().rss)
        for stage in self._running:
            self.bytes[stage] = max(self.bytes.get(stage, 0), now)
        return now


def device_bytes() -> int:
    """Memory that torch has allocated on the graphics devices; 0 as long as it uses none."""
    cuda = getattr(sys.modules.get("torch"), "cuda", None)
    try:
        if cuda is None or not cuda.is_initialized():
            return 0
        return sum(int(cuda.memory_allocated(device)) for device in range(cuda.device_count()))
    except (AttributeError, RuntimeError):  # torch is just being imported, or has lost its device
        return 0


def device_peak_bytes() -> int:
    """Largest memory torch had allocated on the graphics device since the last call; 0 without one."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return 0
    peak = int(torch.cuda.max_memory_allocated())
    torch.cuda.reset_peak_memory_stats()
    return peak
