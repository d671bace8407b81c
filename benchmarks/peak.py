"""The largest resident memory of this process while something runs."""

from __future__ import annotations

import threading

import psutil


class Peak:
    """Largest resident memory of this process while in the block, in bytes, sampled every 10 ms."""

    def __enter__(self) -> Peak:
        self.process = psutil.Process()
        self.before = self.peak = self.process.memory_info().rss
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def _watch(self) -> None:
        while not self._end.wait(0.01):
            self.peak = max(self.peak, self.process.memory_info().rss)

    def __exit__(self, *error: object) -> None:
        self._end.set()
        self._thread.join()
