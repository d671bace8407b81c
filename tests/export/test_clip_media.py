"""Pictures, sounds and traces of a report, read back by other means than they were written."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import soundfile

from backend.export.clip_media import COLUMNS, LONGEST_SECONDS, RATE, MediaReader, flac, picture, trace_path
from backend.export.colours import magma
from backend.export.png import indexed_png
from backend.store.clips import Clip, ClipTable
from backend.store.retrieval import Trace


def pixels(data: bytes) -> np.ndarray:
    """Colour numbers [height, width] of an indexed PNG; every checksum is verified."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    parts: dict[bytes, bytes] = {}
    at = 8
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        assert struct.unpack(">I", data[at + 8 + length : at + 12 + length]) == (zlib.crc32(kind + body),)
        parts[kind] = body
        at += 12 + length
    width, height, depth, colour = struct.unpack(">IIBB", parts[b"IHDR"][:10])
    assert (depth, colour, list(parts)[-1]) == (8, 3, b"IEND")
    rows = np.frombuffer(zlib.decompress(parts[b"IDAT"]), np.uint8).reshape(height, width + 1)
    assert not rows[:, 0].any()
    assert rows.max() < len(parts[b"PLTE"]) / 3
    return rows[:, 1:]


def test_png_holds_the_pixels_it_was_given() -> None:
    given = np.arange(12, dtype=np.uint8).reshape(3, 4)
    assert pixels(indexed_png(given, magma(12))).tolist() == given.tolist()


@pytest.mark.parametrize("shape", [(0, 4), (2, 0)])
def test_empty_picture_and_unknown_colour_are_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="no picture"):
        indexed_png(np.zeros(shape, np.uint8), magma(4))
    with pytest.raises(ValueError, match="no picture"):
        indexed_png(np.full((2, 2), 4, np.uint8), magma(4))


def test_colour_map_grows_lighter_at_every_step() -> None:
    linear = np.where((c := magma(64) / 255) <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    luminance = linear @ [0.2126, 0.7152, 0.0722]
    lightness = np.where(luminance > 216 / 24389, 116 * np.cbrt(luminance) - 16, luminance * 24389 / 27)
    steps = np.diff(lightness)
    assert steps.min() > 0.5
    assert steps.max() < 2.2


def test_picture_has_high_tones_above_low_ones_and_a_bounded_width() -> None:
    t = np.arange(4 * RATE) / RATE
    low, high = pixels(picture(np.sin(2 * np.pi * 300 * t))), pixels(picture(np.sin(2 * np.pi * 6000 * t)))
    assert low.shape == high.shape == (80, COLUMNS)
    assert high[:, 100].argmax() < 20 < 60 < low[:, 100].argmax()
    assert pixels(picture(np.zeros(1600, np.float32))).shape == (80, 11)


def test_flac_decodes_to_the_sound_and_never_wraps_around() -> None:
    wave = np.array([0.0, 0.5, -0.5, 1.0, 3.0, -3.0], np.float32)
    found, rate = soundfile.read(io.BytesIO(flac(wave)))
    assert rate == RATE
    np.testing.assert_allclose(found, np.clip(wave, -1, 1), atol=1e-4)


def trace(tokens: list[int], values: list[float]) -> Trace:
    return Trace(np.array(tokens), np.array(values, np.float32))


SECONDS = np.stack([np.arange(4) * 0.5, np.arange(1, 5) * 0.5], axis=1)


def test_trace_is_drawn_at_the_times_of_its_tokens() -> None:
    path = trace_path(trace([1, 2], [2.0, 1.0]), SECONDS, 0.0, 2.0, 2.0)
    assert path == "M80 100V0.0H160V50.0H240V100.0"


def test_trace_of_separate_tokens_is_of_separate_pieces() -> None:
    path = trace_path(trace([0, 3], [1.0, 2.0]), SECONDS, 0.0, 2.0, 2.0)
    assert path == "M0 100V50.0H80V100.0M240 100V0.0H320V100.0"


def test_trace_outside_the_shown_part_or_without_times_is_not_drawn() -> None:
    assert trace_path(trace([0, 3], [1.0, 2.0]), SECONDS, 0.5, 1.0, 2.0) == ""
    assert trace_path(trace([1], [1.0]), np.full((4, 2), np.nan), 0.0, 2.0, 2.0) == ""
    assert trace_path(trace([1], [1.0]), SECONDS, 0.0, 2.0, float("nan")) == ""
    assert trace_path(trace([1], [1.0]), SECONDS, 0.0, 0.0, 2.0) == ""


class LongClip(ClipTable):
    """One clip of a file that is longer than a report shows."""

    def __init__(self, path: Path, duration: float) -> None:
        self._clip = Clip("long.wav", "long.wav", root=str(path), duration=duration, index=0)

    def __getitem__(self, index: int) -> Clip:
        return self._clip


class Tokens:
    """Token times of one clip whose middle the model heard."""

    def tokens(self, i: int) -> int:
        return 1

    def token_seconds(self, i: int) -> np.ndarray:
        return np.array([[3.0, 4.0]])


def test_long_clip_is_cut_and_begins_where_the_model_listened(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "long.wav", np.zeros(8000 * 70), 8000)
    found = MediaReader(Tokens(), LongClip(tmp_path, 70.0), sound=True).media(0)  # type: ignore[arg-type]
    assert (found.start, found.seconds, found.cut) == (3.0, LONGEST_SECONDS, True)
    assert soundfile.info(io.BytesIO(found.sound)).duration == LONGEST_SECONDS
    whole = MediaReader(Tokens(), LongClip(tmp_path, 60.0), sound=False).media(0)  # type: ignore[arg-type]
    assert (whole.start, whole.sound, whole.problem) == (0.0, b"", "")
