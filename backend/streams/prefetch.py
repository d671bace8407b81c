"""Prepare the next batches on a thread while the trainer works on this one (anchors D)."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Prefetched(Generic[T]):
    """Results of `make(0)`, `make(1)`, … in order, at most `depth` of them ahead.

    An exception in `make` is raised where its result would have been taken. `close` ends the thread.
    """

    def __init__(self, make: Callable[[int], T], first: int = 0, depth: int = 3) -> None:
        self._ready: queue.Queue[tuple[T | None, BaseException | None]] = queue.Queue(depth)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._work, args=(make, first), name="prefetch", daemon=True)
        self._thread.start()

    def _work(self, make: Callable[[int], T], number: int) -> None:
        while not self._closed.is_set():
            try:
                item: tuple[T | None, BaseException | None] = (make(number), None)
            except BaseException as error:
                item = (None, error)
            while not self._closed.is_set():
                try:
                    self._ready.put(item, timeout=0.1)
                    break
                except queue.Full:
                    continue
            if item[1] is not None:
                return
            number += 1

    def __iter__(self) -> Iterator[T]:
        return self

    def __next__(self) -> T:
        item, error = self._ready.get()
        if error is not None:
            raise error
        return item  # type: ignore[return-value]

    def close(self) -> None:
        self._closed.set()
        self._thread.join()
