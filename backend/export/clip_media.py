"""What a report shows and plays of a clip: its sound as FLAC, its mel spectrogram as PNG, a feature's trace as SVG.

FLAC of 16 bits, mono, at the 16 kHz that the models under study hear: every current browser plays it, it is half of
a WAV's size, and unlike MP3, Ogg or Opus it neither changes the sound nor moves it against the trace.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import soundfile

from backend.audio.load import Audio, load_wave
from backend.audio.spectrogram import hertz_to_mel, mel_spectrogram
from backend.errors import ArdError
from backend.export.colours import magma
from backend.export.png import indexed_png
from backend.store.clips import Clip, ClipTable
from backend.store.retrieval import RetrievalFile, Trace

RATE = 16000
LONGEST_SECONDS = 60.0
COLUMNS, COLOURS = 320, 64
TICKS_HERTZ = (500, 1000, 2000, 4000)
HEIGHT = 100.0
Float = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ClipMedia:
    """One clip, ready to be shown.

    Attributes
    ----------
    start, seconds : float
        The part of the clip that is shown and played.
    cut : bool
        Whether the clip goes on behind it.
    sound, picture : bytes
        FLAC and PNG; empty where `problem` says why.
    """

    start: float
    seconds: float
    cut: bool
    sound: bytes
    picture: bytes
    problem: str = ""


class MediaReader:
    """Media of the clips of one retrieval file; a clip that returns soon is not decoded again."""

    def __init__(self, file: RetrievalFile, table: ClipTable, *, sound: bool) -> None:
        self._file, self._table, self._sound = file, table, sound
        self.media = lru_cache(maxsize=64)(self._media)

    def _media(self, i: int) -> ClipMedia:
        """Sound and picture of clip `i`; a file that cannot be read gives its reason instead."""
        clip = self._table[i]
        start = self._start(clip)
        try:
            # a little more than is shown tells whether the clip goes on
            wave = load_wave(clip, RATE, start=start, seconds=LONGEST_SECONDS + 0.01)
        except (ArdError, OSError) as error:
            what = error.what if isinstance(error, ArdError) else "the file cannot be read"
            return ClipMedia(start, 0.0, False, b"", b"", what)
        if not len(wave):
            return ClipMedia(start, 0.0, False, b"", b"", "the clip is shorter than one sample")
        limit = round(LONGEST_SECONDS * RATE)
        shown = wave[:limit]
        sound = flac(shown) if self._sound else b""
        return ClipMedia(start, len(shown) / RATE, len(wave) > limit, sound, picture(shown))

    def _start(self, clip: Clip) -> float:
        """Where what the model heard begins, of a clip too long to be shown whole (A-03)."""
        known = math.isfinite(clip.duration) and clip.duration <= LONGEST_SECONDS
        if known or not self._file.tokens(clip.index):
            return 0.0
        first = float(self._file.token_seconds(clip.index)[0, 0])
        return max(0.0, first) if math.isfinite(first) else 0.0


def flac(wave: Audio) -> bytes:
    """Mono `wave` [n] at `RATE` as FLAC of 16 bits; what exceeds [-1, 1] is clipped."""
    samples = np.rint(np.clip(wave, -1.0, 1.0) * 32767).astype(np.int16)
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, RATE, format="FLAC", subtype="PCM_16")
    return buffer.getvalue()


def picture(wave: Audio) -> bytes:
    """Mel spectrogram of `wave` at `RATE`, 0 to 8 kHz from bottom to top, at most `COLUMNS` wide, as PNG."""
    found = mel_spectrogram(wave, RATE)
    frames = found.db.shape[1]
    starts = np.unique(np.arange(COLUMNS) * frames // COLUMNS) if frames > COLUMNS else np.arange(frames)
    loudest = np.maximum.reduceat(found.db, starts, axis=1)
    level = np.rint((1 + loudest[::-1] / 80.0) * (COLOURS - 1))
    return indexed_png(np.clip(level, 0, COLOURS - 1).astype(np.uint8), magma(COLOURS))


def tick_positions() -> list[tuple[int, float]]:
    """Frequencies in hertz and how far below the picture's upper edge they lie, in per cent of its height."""
    top = float(hertz_to_mel(RATE / 2))
    return [(hertz, 100 * (1 - float(hertz_to_mel(hertz)) / top)) for hertz in TICKS_HERTZ]


def trace_path(trace: Trace, token_seconds: Float, start: float, seconds: float, top: float) -> str:
    """The trace as an SVG path over `COLUMNS` × `HEIGHT`, on the time axis of [start, start + seconds].

    Each column is as high as the strongest token in it, `top` being the whole height; inactive columns stay empty.
    """
    heights = np.zeros(COLUMNS)
    spans = (token_seconds[trace.token] - start) * (COLUMNS / seconds) if seconds > 0 else np.zeros((0, 2))
    for (first, last), value in zip(spans, trace.value, strict=False):
        if not (math.isfinite(first) and math.isfinite(last)) or last <= 0 or first >= COLUMNS:
            continue
        low = min(max(0, math.floor(first + 1e-6)), COLUMNS - 1)
        part = slice(low, max(low + 1, math.ceil(last - 1e-6)))
        heights[part] = np.maximum(heights[part], float(value))
    height = np.clip(heights / top, 0, 1) if top > 0 else np.zeros(COLUMNS)
    edges = np.flatnonzero(np.diff(height, prepend=0.0, append=0.0))
    steps, before = [], 0.0
    for x in edges.tolist():
        now = float(height[x]) if x < COLUMNS else 0.0
        steps.append(
            f"{'M' if before == 0 else 'H'}{x}{f' {HEIGHT:g}' if before == 0 else ''}V{HEIGHT * (1 - now):.1f}"
        )
        before = now
    return "".join(steps)
