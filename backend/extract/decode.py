"""Decode clips on background threads, in order, a bounded stretch ahead of the model."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from backend.audio.load import Wave
from backend.errors import ArdError
from backend.store.clips import Clip

Load = Callable[[Clip], Sequence[Wave]]


@dataclass(frozen=True)
class Decoded:
    """One clip as the model takes it.

    Attributes
    ----------
    waves : tuple of Wave
        One, or several windows of a long clip in order; empty where `problem` says why.
    problem : str
        Reason the clip could not be read, or "".
    """

    clip: Clip
    waves: tuple[Wave, ...]
    problem: str = ""


def decode(clip: Clip, load: Load) -> Decoded:
    """Read one clip; a damaged file gives its reason, a missing data set folder an ArdError.

    The two are told apart because a disk that was unplugged must not turn every later clip into an unreadable one.
    """
    try:
        return Decoded(clip, tuple(load(clip)))
    except (ArdError, OSError) as error:
        if clip.root and not Path(clip.root).exists():
            raise ArdError(
                "the folder of a data set is not there",
                path=clip.root,
                todo="Connect the disk it lies on, or correct its path in study.toml, and run the command again.",
            ) from error
        return Decoded(clip, (), error.what if isinstance(error, ArdError) else str(error))


def decoded(clips: Iterable[Clip], load: Load, *, threads: int, ahead_seconds: float) -> Generator[Decoded, None, None]:
    """The clips in order, decoded by `threads` threads.

    At most `ahead_seconds` of audio (by the index) wait decoded or being decoded, and at least one clip.
    """
    waiting: deque[tuple[float, Future[Decoded]]] = deque()
    held = 0.0
    pool = ThreadPoolExecutor(threads, thread_name_prefix="decode")
    try:
        for clip in clips:
            seconds = _seconds(clip)
            while waiting and held + seconds > ahead_seconds:
                size, future = waiting.popleft()
                held -= size
                yield future.result()
            waiting.append((seconds, pool.submit(decode, clip, load)))
            held += seconds
        while waiting:
            yield waiting.popleft()[1].result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _seconds(clip: Clip) -> float:
    length = clip.end - clip.start if np.isfinite(clip.end) else clip.duration
    return float(length) if np.isfinite(length) else 30.0
