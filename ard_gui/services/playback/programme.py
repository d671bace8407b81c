"""What the engine plays: pieces of prepared samples, cut and faded beforehand, so that playing is only copying."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Audio = npt.NDArray[np.float32]
Interval = tuple[float, float]
"""Start and end in seconds of the original sound."""

FADE_SECONDS = 0.005
"""Length of every crossfade and edge fade: long enough that no click is heard, too short to hear as a fade."""

SHORTEST_CYCLE = 0.01
"""Seconds. A shorter loop is filled up with silence: the callback could not keep up with a loop of one sample."""


@dataclass(frozen=True)
class Track:
    """A sound made ready for an output: at the output's rate and at the wanted speed.

    Attributes
    ----------
    samples : float32 [n]
    rate : int
        Frames per second of the output.
    speed : float
        Seconds of the original sound per second of playing.
    seconds : float
        Length of the original sound.
    loudness : float
        Integrated loudness in LUFS, minus infinity for silence.
    peak : float
        Largest magnitude of `samples`.
    """

    samples: Audio
    rate: int
    speed: float
    seconds: float
    loudness: float
    peak: float

    @property
    def seconds_per_frame(self) -> float:
        """Seconds of the original sound per frame of the output."""
        return self.speed / self.rate

    def frame(self, seconds: float) -> int:
        """The frame at which `seconds` of the original sound begins, inside the track."""
        return min(max(round(seconds / self.seconds_per_frame), 0), len(self.samples))


class Piece(NamedTuple):
    """Samples to copy; `source` is the track's frame the first one stands for, `step` 0 where time stands still."""

    samples: Audio
    source: int
    step: int = 1


@dataclass(frozen=True)
class Programme:
    """Pieces in playing order; immutable, so that it can be handed to the callback without a lock.

    Attributes
    ----------
    sound : int
        Number under which the history files what is heard of it.
    pieces : tuple of Piece
        The first pass, then, in a loop, the piece that leads from the end back to `loop_to`.
    loop_to : int or None
        Index of the piece that follows the last one; None: the programme ends.
    gain : float
        Applied to all samples (loudness matching).
    """

    sound: int
    pieces: tuple[Piece, ...]
    loop_to: int | None
    seconds_per_frame: float
    gain: float = 1.0
    _sources: tuple[int, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        first_pass = self.pieces if self.loop_to is None else self.pieces[:-1]
        object.__setattr__(self, "_sources", tuple(piece.source for piece in first_pass))

    @property
    def end(self) -> tuple[int, int]:
        """Place behind the last frame."""
        return len(self.pieces), 0

    def place(self, seconds: float, *, restart: bool) -> tuple[int, int]:
        """Index of a piece and frame in it that play `seconds` of the original sound.

        A moment before the first piece is its start, a moment in a gap is the start of the piece behind the gap. A
        moment behind the last piece is the beginning if `restart` or in a loop, otherwise the end.
        """
        frame = round(seconds / self.seconds_per_frame)
        index = bisect_right(self._sources, frame) - 1
        if index < 0:
            return 0, 0
        offset = frame - self._sources[index]
        if offset < len(self.pieces[index].samples) * self.pieces[index].step:
            return index, offset
        if index + 1 < len(self._sources):
            return index + 1, 0
        return (0, 0) if restart or self.loop_to is not None else self.end

    def seconds(self, index: int, offset: int) -> float:
        """The moment of the original sound that is played at a place."""
        if index < len(self.pieces):
            piece = self.pieces[index]
            return (piece.source + offset * piece.step) * self.seconds_per_frame
        if not self.pieces:
            return 0.0
        last = self.pieces[-1]
        return (last.source + len(last.samples) * last.step) * self.seconds_per_frame


@lru_cache(maxsize=64)
def rise(frames: int) -> Audio:
    """Half a raised cosine from 0 to 1; with its reverse it adds to one, so that equal sounds keep their level."""
    steps = (np.arange(frames) + 0.5) * (np.pi / max(frames, 1))
    ramp = np.asarray(0.5 - 0.5 * np.cos(steps), np.float32)
    ramp.flags.writeable = False
    return ramp


def compose(
    track: Track,
    sound: int,
    *,
    region: Interval | None = None,
    active: Sequence[Interval] | None = None,
    loop: bool = False,
    gain: float = 1.0,
) -> Programme:
    """The programme that plays a track, a region of it, or only its active intervals inside the region.

    Each active interval is faded at its edges and the gaps are dropped. A loop of one span leads from its end to its
    start by a crossfade with the sound that lies before the start (or behind the end) and keeps its length; where the
    span is the whole sound there is nothing to cross into, and its edges are faded. Only the fades are copied.
    """
    spans = _spans(track, region, active)
    if not spans:
        return Programme(sound, (), None, track.seconds_per_frame, gain)
    fade = round(FADE_SECONDS * track.rate)
    pieces = [piece for a, b in spans for piece in _faded(track.samples, a, b, fade)]
    entry = pieces[0]
    # the engine fades in wherever it starts: a faded head here would be faded twice
    pieces[0] = _view(track.samples, entry.source, entry.source + len(entry.samples))
    if not loop:
        return Programme(sound, tuple(pieces), None, track.seconds_per_frame, gain)
    if len(spans) == 1:
        pieces, entry = _crossed(track.samples, *spans[0], pieces, entry)
    missing = round(SHORTEST_CYCLE * track.rate) - sum(len(piece.samples) for piece in pieces)
    if missing > 0:
        pieces.append(Piece(np.zeros(missing, np.float32), spans[-1][1], step=0))
    return Programme(sound, (*pieces, entry), 1, track.seconds_per_frame, gain)


def _spans(track: Track, region: Interval | None, active: Sequence[Interval] | None) -> list[tuple[int, int]]:
    first, last = (0, len(track.samples)) if region is None else (track.frame(region[0]), track.frame(region[1]))
    wanted = [[first, last]]
    if active is not None:
        frames = np.rint(np.reshape(active, (-1, 2)) / track.seconds_per_frame)
        wanted = sorted(np.clip(frames, 0, len(track.samples)).astype(np.int64).tolist())
    found: list[tuple[int, int]] = []
    for start, end in wanted:
        a, b = max(start, first), min(end, last)
        if a >= b:
            continue
        if found and a <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], b))
        else:
            found.append((a, b))
    return found


def _view(samples: Audio, a: int, b: int) -> Piece:
    return Piece(samples[a:b], a)


def _faded(samples: Audio, a: int, b: int, fade: int) -> list[Piece]:
    """A span as its faded head, its body and its faded tail."""
    n = min(fade, (b - a) // 2)
    ramp = rise(n)
    return [
        Piece(samples[a : a + n] * ramp, a),
        _view(samples, a + n, b - n),
        Piece(samples[b - n : b] * ramp[::-1], b - n),
    ]


def _crossed(samples: Audio, a: int, b: int, pieces: list[Piece], entry: Piece) -> tuple[list[Piece], Piece]:
    """The tail or the head of a looped span with the sound beyond its other end mixed in, where there is enough."""
    n = len(entry.samples)
    ramp = rise(n)
    if a >= n:
        crossed = pieces[-1].samples + samples[a - n : a] * ramp
        return [*pieces[:-1], Piece(crossed, b - n)], _view(samples, a, a + n)
    if len(samples) - b >= n:
        crossed = entry.samples + samples[b : b + n] * ramp[::-1]
        return [*pieces[:-1], _view(samples, b - n, b)], Piece(crossed, a)
    return pieces, entry
