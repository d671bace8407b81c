from __future__ import annotations

import io
import math
import zipfile
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import resample_poly
from sound_files import ENCODINGS, clip_of, noise, put, sine

from backend.audio.crop import lengthen, spans
from backend.audio.load import RESAMPLER, load_wave, load_waves
from backend.errors import ArdError
from backend.store.clips import Clip
from backend.study.settings import ClipsSection


def test_44100_hz_stereo_sine_keeps_length_and_frequency(tmp_path: Path) -> None:
    left = sine(1.7, 44100, 1000.0)
    path = put(tmp_path / "a.wav", np.stack([left, 0.5 * left], axis=1), 44100)
    samples = load_wave(clip_of(path), 16000)
    assert samples.dtype == np.float32
    assert abs(len(samples) - round(1.7 * 16000)) <= 1
    spectrum = np.abs(np.fft.rfft(samples[:16000]))
    assert int(np.argmax(spectrum)) == 1000  # bins of one hertz
    assert np.abs(samples[2000:-2000]).max() == pytest.approx(0.375, abs=1e-3)  # mean of 0.5 and 0.25


def test_channels_are_averaged_and_not_the_first_taken(tmp_path: Path) -> None:
    path = put(tmp_path / "a.wav", np.tile(np.array([[0.8, -0.4]], "f4"), (400, 1)), 16000, subtype="FLOAT")
    assert load_wave(clip_of(path), 16000) == pytest.approx(np.full(400, 0.2), abs=1e-6)


def test_eight_channels_are_averaged(tmp_path: Path) -> None:
    channels = np.tile(np.arange(8, dtype="f4") / 10, (500, 1))
    path = put(tmp_path / "a.wav", channels, 16000, subtype="FLOAT")
    assert load_wave(clip_of(path), 16000) == pytest.approx(np.full(500, 0.35), abs=1e-6)


def test_192_khz_agrees_with_scipys_polyphase_filter(tmp_path: Path) -> None:
    tone = sine(0.5, 192000, 3000.0)
    path = put(tmp_path / "a.wav", tone, 192000, subtype="FLOAT")
    samples = load_wave(clip_of(path), 16000)
    other = resample_poly(tone, 1, 12)
    assert len(samples) == len(other) == 8000
    assert np.abs(samples - other)[500:-500].max() < 2e-3


def test_no_alias_of_a_tone_above_the_new_nyquist(tmp_path: Path) -> None:
    path = put(tmp_path / "a.wav", sine(1.0, 44100, 12000.0), 44100, subtype="FLOAT")
    assert np.abs(load_wave(clip_of(path), 16000)[1000:-1000]).max() < 1e-3


def test_the_rate_of_the_file_itself_changes_no_sample(tmp_path: Path) -> None:
    tone = noise(0.3, 16000)
    path = put(tmp_path / "a.wav", tone, 16000, subtype="FLOAT")
    np.testing.assert_array_equal(load_wave(clip_of(path), 16000), tone)


@pytest.mark.parametrize("ending", ENCODINGS)
def test_every_encoding_gives_the_tone_back(tmp_path: Path, ending: str) -> None:
    path = put(tmp_path / f"a.{ending}", sine(1.0, 48000, 500.0), 48000)
    samples = load_wave(clip_of(path), 16000)
    assert abs(len(samples) - 16000) <= 1
    middle = samples[4000:12000]
    assert int(np.argmax(np.abs(np.fft.rfft(middle)))) == 250  # bins of two hertz
    assert np.abs(middle).max() == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("ending", ENCODINGS)
def test_a_part_is_what_the_whole_holds_there(tmp_path: Path, ending: str) -> None:
    path = put(tmp_path / f"a.{ending}", noise(6.0, 48000), 48000)
    whole = load_wave(clip_of(path), 48000)
    part = load_wave(clip_of(path, start=2.0, end=5.0), 48000, start=1.0, seconds=1.5)
    np.testing.assert_allclose(part, whole[48000 * 3 : 48000 * 3 + 72000], atol=1e-6)


def test_start_and_end_cut_the_file(tmp_path: Path) -> None:
    path = put(tmp_path / "a.wav", np.arange(100, dtype="f4") / 100, 100, subtype="FLOAT")
    assert load_wave(clip_of(path, start=0.2, end=0.25), 100) == pytest.approx([0.20, 0.21, 0.22, 0.23, 0.24])


def test_an_end_after_the_file_is_the_files_end(tmp_path: Path) -> None:
    path = put(tmp_path / "a.wav", np.zeros(100, "f4"), 100)
    assert len(load_wave(clip_of(path, start=0.9, end=5.0), 100)) == 10


def test_a_member_of_an_archive_is_read_like_a_file(tmp_path: Path) -> None:
    plain = put(tmp_path / "a.flac", noise(0.5, 16000))
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        archive.write(plain, "long/prefix/a.flac")
    inside = Clip(record="a", path="all.zip", member="long/prefix/a.flac", root=str(tmp_path))
    np.testing.assert_array_equal(load_wave(inside, 16000), load_wave(clip_of(plain), 16000))
    with pytest.raises(ArdError, match=r"'b\.flac' cannot be read from its archive"):
        load_wave(Clip(record="b", path="all.zip", member="b.flac", root=str(tmp_path)), 16000)


def test_a_damaged_archive_is_named(tmp_path: Path) -> None:
    (tmp_path / "all.zip").write_bytes(b"PK\x03\x04 and then nothing")
    with pytest.raises(ArdError, match=r"archive cannot be opened.*all\.zip"):
        load_wave(Clip(record="a", path="all.zip", member="a.flac", root=str(tmp_path)), 16000)


def test_rows_of_a_parquet_file_are_read_across_row_groups(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    cells = []
    for number in range(5):
        buffer = io.BytesIO()
        soundfile.write(buffer, np.full(100, number / 10, "f4"), 16000, format="WAV", subtype="FLOAT")
        cells.append({"bytes": buffer.getvalue(), "path": f"{number}.wav"})
    parquet.write_table(arrow.table({"context": cells}), tmp_path / "t.parquet", row_group_size=2)
    for row in (4, 0, 3):
        clip = Clip(record="r", path="t.parquet", member=f"context:{row}", root=str(tmp_path))
        assert load_wave(clip, 16000) == pytest.approx(np.full(100, row / 10), abs=1e-6)
    for member, message in [("context:5", "row 5 is not in this file of 5 rows"), ("context", "does not name a cell")]:
        with pytest.raises(ArdError, match=message):
            load_wave(Clip(record="r", path="t.parquet", member=member, root=str(tmp_path)), 16000)


def test_parquet_cells_may_hold_decoded_samples(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    cells = [{"array": [0.0, 0.5, -0.5], "sampling_rate": 8000}]
    parquet.write_table(arrow.table({"context": cells}), tmp_path / "t.parquet")
    clip = Clip(record="r", path="t.parquet", member="context:0", root=str(tmp_path))
    assert load_wave(clip, 8000) == pytest.approx([0.0, 0.5, -0.5])


def test_the_resampler_is_named_for_manifests() -> None:
    assert RESAMPLER.startswith("soxr ")
    assert RESAMPLER.endswith(" HQ")


# --- crop policies and short clips (A-04) ---------------------------------------------------


def test_crop_policies_of_a_31_second_clip() -> None:
    assert spans(31.0, 30.0, "first") == [(0.0, 30.0)]
    assert spans(31.0, 30.0, "center") == [(0.5, 30.5)]
    assert spans(31.0, 30.0, "chunk") == [(0.0, 30.0), (30.0, 31.0)]


@pytest.mark.parametrize("crop", ["first", "center", "chunk"])
def test_a_clip_that_fits_the_window_is_whole(crop: str) -> None:
    assert spans(30.0, 30.0, crop) == [(0.0, 30.0)]  # type: ignore[arg-type]
    assert spans(2.5, math.inf, crop) == [(0.0, 2.5)]  # type: ignore[arg-type]
    assert spans(0.0, 30.0, crop) == []  # type: ignore[arg-type]


def test_no_window_is_an_error() -> None:
    with pytest.raises(ArdError, match=r"cut into windows of 0\.0 s"):
        spans(1.0, 0.0, "first")


@given(duration=st.floats(0.01, 5000), window=st.floats(0.5, 40))
def test_chunks_cover_the_clip_without_gap_or_overlap(duration: float, window: float) -> None:
    parts = spans(duration, window, "chunk")
    assert parts[0][0] == 0.0
    assert parts[-1][1] == pytest.approx(duration, abs=2e-6)
    assert all(a[1] == b[0] for a, b in pairwise(parts))
    assert all(0 < end - start <= window + 2e-6 for start, end in parts)


def test_audiobench_appends_one_second_to_a_clip_under_one_second() -> None:
    half = np.ones(8000, "f4")
    longer = lengthen(half, 16000, "audiobench")
    assert len(longer) == 24000  # 1.5 s, not padded *to* 1 s
    assert longer[:8000].min() == 1.0
    assert longer[8000:].max() == 0.0
    assert len(lengthen(half, 16000, "plain")) == 8000
    assert len(lengthen(np.ones(16000, "f4"), 16000, "audiobench")) == 16000


def tokens(samples: int) -> int:
    """A-05, written out here on its own."""
    frames = math.ceil(samples / 160)
    return ((frames - 1) // 2 + 1 - 2) // 2 + 1


@pytest.mark.parametrize(
    ("seconds", "settings", "expected"),
    [
        (0.5, ClipsSection(), [12]),
        (0.5, ClipsSection(short="audiobench"), [37]),
        (31.0, ClipsSection(), [750]),
        (31.0, ClipsSection(crop="center"), [750]),
        (31.0, ClipsSection(crop="chunk"), [750, 25]),
        (31.0, ClipsSection(crop="chunk", short="audiobench"), [750, 25]),
    ],
)
def test_waves_give_the_token_counts_of_the_table(
    tmp_path: Path, seconds: float, settings: ClipsSection, expected: list[int]
) -> None:
    path = put(tmp_path / "a.wav", np.zeros(round(seconds * 44100), "f4"), 44100)
    assert [tokens(len(w.samples)) for w in load_waves(clip_of(path), settings, 16000, 30.0)] == expected


def test_the_short_remainder_of_a_chunked_clip_is_not_lengthened(tmp_path: Path) -> None:
    path = put(tmp_path / "a.wav", np.zeros(16000 * 5 // 2, "f4"))
    settings = ClipsSection(crop="chunk", short="audiobench")
    assert [len(w.samples) for w in load_waves(clip_of(path), settings, 16000, 2.0)] == [32000, 8000]


def test_waves_say_where_they_start(tmp_path: Path) -> None:
    path = put(tmp_path / "a.wav", np.arange(500, dtype="f4") / 1000, 100, subtype="FLOAT")
    waves = load_waves(clip_of(path, start=1.0), ClipsSection(crop="chunk"), 100, 1.5)
    assert [w.start for w in waves] == [0.0, 1.5, 3.0]
    assert [w.samples[0] for w in waves] == pytest.approx([0.1, 0.25, 0.4])
    (middle,) = load_waves(clip_of(path), ClipsSection(crop="center"), 100, 1.0)
    assert middle.start == 2.0
    assert middle.samples[0] == pytest.approx(0.2)


def test_an_hour_long_recording_is_read_only_where_it_is_needed(tmp_path: Path) -> None:
    path = tmp_path / "hour.flac"
    with soundfile.SoundFile(path, "w", 8000, 1, format="FLAC") as handle:
        for minute in range(60):
            handle.write(np.full(8000 * 60, minute / 100, "f4"))
    data = path.read_bytes()
    # The second half is damaged: reading it would fail, so success proves that it was left alone.
    path.write_bytes(data[: int(len(data) * 0.6)] + b"\0" * 1000)
    (first,) = load_waves(clip_of(path), ClipsSection(), 16000, 30.0)
    (middle,) = load_waves(clip_of(path), ClipsSection(crop="center"), 16000, 30.0)
    assert len(first.samples) == len(middle.samples) == 480000
    assert middle.start == 1785.0
    assert middle.samples[1000] == pytest.approx(0.29, abs=1e-3)
    with pytest.raises(ArdError, match="damaged between"):
        load_waves(clip_of(path), ClipsSection(crop="chunk"), 16000, 30.0)


# --- bad input (design §8) ---------------------------------------------------------------------------


def refuse(clip: Clip, message: str) -> None:
    with pytest.raises(ArdError, match=message) as caught:
        load_waves(clip, ClipsSection(), 16000, 30.0)
    assert Path(clip.path).name in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    refuse(clip_of(tmp_path / "a.wav"), "an audio file is not there")


def test_a_file_without_bytes_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.wav").touch()
    refuse(clip_of(tmp_path / "a.wav"), "cannot be decoded as audio")


def test_a_file_without_samples_is_refused(tmp_path: Path) -> None:
    refuse(clip_of(put(tmp_path / "a.wav", np.zeros(0, "f4"))), "holds no samples")


def test_a_text_named_wav_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_text("this is no sound " * 100)
    refuse(clip_of(tmp_path / "a.wav"), "cannot be decoded as audio")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_nan_and_infinity_are_refused(tmp_path: Path, value: float) -> None:
    samples = np.zeros(16000, "f4")
    samples[500] = value
    refuse(clip_of(put(tmp_path / "a.wav", samples, subtype="FLOAT")), "NaN or infinite")


def test_a_truncated_flac_is_refused_with_the_second_it_breaks_at(tmp_path: Path) -> None:
    path = put(tmp_path / "a.flac", noise(5.0, 16000))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    refuse(clip_of(path), r"damaged between 2\.05 s and 4\.10 s")


@pytest.mark.parametrize("ending", ["wav", "ogg", "mp3", "opus"])
def test_other_truncated_files_give_what_is_there(tmp_path: Path, ending: str) -> None:
    path = put(tmp_path / f"a.{ending}", noise(5.0, 48000), 48000)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    (wave,) = load_waves(clip_of(path), ClipsSection(), 16000, 30.0)
    assert 16000 < len(wave.samples) < 48000


def test_a_clip_after_the_end_of_a_truncated_file_is_refused(tmp_path: Path) -> None:
    path = put(tmp_path / "a.wav", noise(5.0, 16000))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    refuse(clip_of(path, start=4.0, end=5.0), "is not in its file of 2.50 s")


def test_a_clip_in_the_lost_half_of_an_mp3_is_refused(tmp_path: Path) -> None:
    # The header still promises five seconds, so only reading shows that the second half is gone.
    path = put(tmp_path / "a.mp3", noise(5.0, 48000), 48000)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ArdError, match=r"seems to be cut off|damaged between"):
        load_waves(clip_of(path, start=4.0), ClipsSection(), 16000, 30.0)


def test_an_mp3_whose_length_is_only_estimated_loses_no_clip(tmp_path: Path) -> None:
    how = {"format": "MP3", "bitrate_mode": "CONSTANT", "compression_level": 0.9}
    data = put(tmp_path / "a.mp3", noise(4.0, 16000), **how).read_bytes()
    first_sound = data.index(data[:2], 4)  # behind the frame that holds the Xing header
    tag = b"ID3\x03\x00\x00" + bytes([0, 0, 64, 0]) + bytes(8192)
    path = tmp_path / "b.mp3"
    path.write_bytes(tag + data[first_sound:])
    estimate = soundfile.info(path).duration
    waves = load_waves(clip_of(path), ClipsSection(crop="chunk"), 16000, 1.0)
    real = sum(len(wave.samples) for wave in waves) / 16000
    assert real == pytest.approx(4.0, abs=0.2)
    assert estimate > math.ceil(real)  # by the estimate there would be one more chunk
    with pytest.raises(ArdError, match="seems to be cut off"):
        load_wave(clip_of(path), 16000, start=real + 0.1)


def test_one_sample_is_one_sample_and_no_error(tmp_path: Path) -> None:
    path = put(tmp_path / "a.wav", np.array([0.25], "f4"))
    (wave,) = load_waves(clip_of(path), ClipsSection(), 16000, 30.0)
    assert wave.samples == pytest.approx([0.25])
    fast = put(tmp_path / "b.wav", np.array([0.25], "f4"), 192000)
    (wave,) = load_waves(clip_of(fast), ClipsSection(), 16000, 30.0)
    assert len(wave.samples) <= 1
