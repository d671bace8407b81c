"""What lies under active tokens, counted by hand (S-42)."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from backend.describe.active_audio import ActiveAudio, active_part, join_active

RATE = 16_000


def frames(count: int, step: float = 0.02) -> np.ndarray:
    edges = np.arange(count + 1) * step
    return np.stack([edges[:-1], edges[1:]], axis=1)


def one_clip(wave: np.ndarray, tokens: list[int], values: list[float], above: float = 0.1) -> np.ndarray:
    return active_part(wave, RATE, frames(1000), np.array(tokens, dtype=np.int64), np.array(values), above=above)


def test_250_active_frames_are_two_chunks_and_a_remainder_of_one_second() -> None:
    wave = np.arange(400 * 320, dtype=np.float32)
    part = one_clip(wave, list(range(100, 350)), [1.0] * 250)
    assert np.array_equal(part, wave[100 * 320 : 350 * 320])
    found = join_active([part], RATE)
    assert [len(chunk) for chunk in found.chunks] == [32_000, 32_000, 32_000]
    assert np.array_equal(np.concatenate(found.chunks)[:80_000], part)
    assert not found.chunks[2][16_000:].any()
    assert np.array_equal(found.wave, part)


def test_a_remainder_below_one_second_is_in_the_wave_only() -> None:
    found = join_active([np.ones(32_000 + 15_999, dtype=np.float32)], RATE)
    assert len(found.chunks) == 1
    assert len(found.wave) == 47_999
    assert join_active([np.ones(15_999, dtype=np.float32)], RATE).chunks == []


def test_at_most_ten_chunks_are_kept() -> None:
    parts = [np.full(5 * RATE, number, dtype=np.float32) for number in range(5)]
    found = join_active(parts, RATE)
    assert len(found.chunks) == 10
    assert len(found.wave) == 20 * RATE
    assert np.array_equal(np.unique(found.wave), [0, 1, 2, 3])


def test_a_value_at_the_threshold_is_not_active() -> None:
    wave = np.arange(3 * 320, dtype=np.float32)
    assert np.array_equal(one_clip(wave, [0, 1, 2], [0.5, 0.25, 0.75], above=0.5), wave[640:])
    assert len(one_clip(wave, [0, 1, 2], [0.5, 0.25, 0.125], above=0.5)) == 0


def test_frames_keep_the_order_of_the_clip_and_overlaps_come_once() -> None:
    wave = np.arange(RATE, dtype=np.float32)
    seconds = np.array([[0.5, 0.75], [0.0, 0.25], [0.125, 0.5]])
    part = active_part(wave, RATE, seconds, np.array([0, 1, 2]), np.array([1.0, 1.0, 1.0]))
    assert np.array_equal(part, wave[:12_000])


def test_tokens_without_time_and_beyond_the_end_have_no_sound() -> None:
    wave = np.arange(1000, dtype=np.float32)
    seconds = np.array([[np.nan, np.nan], [0.05, 0.1], [0.1, 0.2]])
    part = active_part(wave, RATE, seconds, np.array([0, 1, 2]), np.array([9.0, 9.0, 9.0]))
    assert np.array_equal(part, wave[800:])


def test_nothing_active_is_silence_of_no_length() -> None:
    found = join_active([], RATE)
    assert isinstance(found, ActiveAudio)
    assert len(found.wave) == 0
    assert found.wave.dtype == np.float32
    assert found.chunks == []


@given(st.lists(st.integers(0, 6 * RATE), max_size=8))
def test_chunks_are_the_wave_cut_up(lengths: list[int]) -> None:
    found = join_active([np.arange(n, dtype=np.float32) + 1 for n in lengths], RATE)
    joined = np.concatenate([np.zeros(0, dtype=np.float32), *found.chunks])
    kept = joined[joined > 0]
    assert all(len(chunk) == 2 * RATE for chunk in found.chunks)
    assert len(found.wave) == min(sum(lengths), 20 * RATE)
    assert np.array_equal(kept, found.wave[: len(kept)])
    assert len(found.wave) - len(kept) < RATE
