"""Decode the part of a clip that is asked for: mono float32 at the asked rate (A-02)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from backend.audio.content import Samples, content
from backend.audio.crop import lengthen, spans
from backend.audio.probe import UNKNOWN
from backend.errors import ArdError
from backend.store.clips import Clip

if TYPE_CHECKING:  # reading the settings of a study takes pydantic, playing a clip does not
    from backend.study.settings import ClipsSection

Audio = npt.NDArray[np.float32]

QUALITY = "HQ"
RESAMPLER = f"soxr {soxr.__version__} {QUALITY}"
"""Name of the resampler, for manifests (A-02): band-limited, linear phase."""

BLOCK = 1 << 15
"""Frames decoded at once: many channels at a high rate need little memory, and damage is located."""


@dataclass(frozen=True)
class Wave:
    """One part of a clip, ready for a model.

    Attributes
    ----------
    samples : float32 [n]
        Mono, at the rate that was asked for.
    start : float
        Seconds from the clip's start at which the part begins.
    """

    samples: Audio
    start: float


def load_waves(clip: Clip, settings: ClipsSection, rate: int, window_seconds: float) -> list[Wave]:
    """The parts of a clip that a model is shown, after the crop policy and the short-clip rule (A-03, A-04).

    Parameters
    ----------
    rate : int
        Samples per second the model takes.
    window_seconds : float
        The model's longest input (infinity for none). Only the parts that are returned are decoded.

    The length of an MP3 file without a Xing header is an estimate from its size: chunks that turn out
    to lie behind its end are left away, and "center" is the middle of the estimate.

    Returns
    -------
    list of Wave
        One, or several under ``crop = "chunk"``; none holds more than `window_seconds`, unless
        the appended second of ``short = "audiobench"`` exceeds a window below two seconds.

    Raises
    ------
    ArdError
        Naming the file, if it is missing, not audio, damaged, empty, or holds NaN or infinity.
    """
    with _decoder(clip) as source:
        first, last = _range(clip, source)
        parts = spans((last - first) / source.rate, window_seconds, settings.crop)
        whole = len(parts) == 1 and parts[0][1] - parts[0][0] >= (last - first) / source.rate
        waves: list[Wave] = []
        for start, end in parts:
            samples = _read(source, first, last, start, end, rate, required=not waves)
            if not len(samples) and waves:
                break
            if math.isfinite(window_seconds):
                samples = samples[: round(window_seconds * rate)]
            waves.append(Wave(lengthen(samples, rate, settings.short) if whole else samples, start))
    return waves


def load_wave(clip: Clip, rate: int, *, start: float = 0.0, seconds: float = math.inf) -> Audio:
    """Samples of a clip from `start` (seconds inside the clip) on, at most `seconds` of them.

    Returns
    -------
    float32 [n]
        Mean over the channels, resampled with `RESAMPLER`; in [-1, 1] for integer formats.
        Empty where the clip is shorter than half a sample at `rate`.

    Raises
    ------
    ArdError
        As `load_waves`.
    """
    with _decoder(clip) as source:
        first, last = _range(clip, source)
        return _read(source, first, last, start, start + seconds, rate, required=True)


def clip_seconds(clip: Clip) -> float:
    """Length of a clip in seconds, from its file itself and not from the index; ArdError as `load_waves`."""
    with _decoder(clip) as source:
        first, last = _range(clip, source)
        return (last - first) / source.rate


class _Decoder:
    """An open sound file or array: its rate, its length in frames, and any range of it as mono."""

    def __init__(self, handle: Any, path: str) -> None:
        self.handle = handle
        self.path = path
        self.rate: int = handle.rate if isinstance(handle, Samples) else handle.samplerate

    def frames(self) -> int:
        """Length; counted by decoding where the header does not tell."""
        if isinstance(self.handle, Samples):
            return len(self.handle.values)
        if self.handle.frames < UNKNOWN:
            return int(self.handle.frames)
        return sum(len(block) for block in self.blocks(0, UNKNOWN))

    def blocks(self, first: int, last: int) -> Iterator[Audio]:
        """Frames [first, last) averaged over the channels, a block at a time; ArdError on damage."""
        if isinstance(self.handle, Samples):
            yield self.handle.values[first:last].mean(axis=1, dtype=np.float32)
            return
        done = first
        try:
            self.handle.seek(first)
            while done < last:
                block = self.handle.read(min(BLOCK, last - done), dtype="float32", always_2d=True)
                if not len(block):
                    return
                done += len(block)
                yield block[:, 0] if block.shape[1] == 1 else block.mean(axis=1, dtype=np.float32)
        except (soundfile.LibsndfileError, RuntimeError) as error:
            reason = getattr(error, "error_string", str(error)).rstrip(".")
            place = f"between {done / self.rate:.2f} s and {(done + BLOCK) / self.rate:.2f} s"
            raise ArdError(
                f"the audio is damaged {place}: {reason}",
                path=self.path,
                todo="Replace the file, or leave it out.",
            ) from error


@contextmanager
def _decoder(clip: Clip) -> Iterator[_Decoder]:
    path = Path(clip.root) / clip.path
    name = f"{path} [{clip.member}]" if clip.member else str(path)
    found = content(path, clip.member)
    if isinstance(found, Samples):
        yield _Decoder(found, name)
        return
    try:
        handle = soundfile.SoundFile(found)
    except (soundfile.LibsndfileError, TypeError, OSError) as error:
        reason = getattr(error, "error_string", str(error)).rstrip(".")
        raise ArdError(
            f"this file cannot be decoded as audio: {reason}", path=name, todo="Replace the file, or leave it out."
        ) from error
    with handle:
        yield _Decoder(handle, name)


def _range(clip: Clip, source: _Decoder) -> tuple[int, int]:
    """First and one-past-last frame of the clip in its file; an end beyond the file is the file's end."""
    frames = source.frames()
    first = round(clip.start * source.rate)
    last = frames if math.isnan(clip.end) else min(frames, round(clip.end * source.rate))
    if frames <= 0:
        raise ArdError("the file holds no samples", path=source.path, todo="Replace it, or leave it out.")
    if first >= last:
        raise ArdError(
            f"the clip from {clip.start:g} s to {clip.end:g} s is not in its file of {frames / source.rate:.2f} s",
            path=source.path,
            todo="Correct its start and end in the data set's manifest.",
        )
    return first, last


def _read(source: _Decoder, first: int, last: int, start: float, end: float, rate: int, *, required: bool) -> Audio:
    begin = first + round(start * source.rate)
    stop = last if math.isinf(end) else min(last, first + round(end * source.rate))
    blocks = list(source.blocks(begin, stop)) if stop > begin else []
    samples = np.concatenate(blocks) if blocks else np.zeros(0, dtype=np.float32)
    if required and stop > begin and not len(samples):
        raise ArdError(
            "the file ends before the part that is asked for; it seems to be cut off",
            path=source.path,
            todo="Replace the file, or leave it out.",
        )
    if not np.isfinite(samples).all():
        raise ArdError("the audio holds NaN or infinite samples", path=source.path, todo="Repair the file.")
    if source.rate != rate:
        samples = soxr.resample(samples, source.rate, rate, quality=QUALITY)
    return np.ascontiguousarray(samples, dtype=np.float32)
