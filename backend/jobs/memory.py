"""Peak memory of each stage, sampled beside the work."""

from __future__ import annotations

import sys
import threading
from types import TracebackType

import psutil

SAMPLE_SECONDS = 0.1


class PeakMemory:
    """Samples the resident memory of this process and keeps the largest value of each running stage.

    The value includes mapped files that happen to be in memory, as the system's own tools do.
    A sampling thread is used because the system's counter of the peak cannot be reset between
    stages on every platform.
    """

    def __init__(self) -> None:
        self.bytes: dict[str, int] = {}
        self._process = psutil.Process()
        self._running: set[str] = set()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="peak-memory", daemon=True)

    def __enter__(self) -> PeakMemory:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
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
            self._sample()

    def _sample(self) -> None:
        if self._running:
            now = int(self._process.memory_info().rss)
            for stage in self._running:
                self.bytes[stage] = max(self.bytes.get(stage, 0), now)


def device_peak_bytes() -> int:
    """Largest memory torch had allocated on the graphics device since the last call; 0 without one."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return 0
    peak = int(torch.cuda.max_memory_allocated())
    torch.cuda.reset_peak_memory_stats()
    return peak
