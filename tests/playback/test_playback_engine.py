"""The real engine, driven by its `render` as a device would."""

from __future__ import annotations

import numpy as np
import pytest
from clicks import RATE, Listener, click_db, ready, sine
from hypothesis import given, settings
from hypothesis import strategies as st

from ard_gui.services.playback.engine import BLOCK, Command
from ard_gui.services.playback.history import SIZE, History
from ard_gui.services.playback.programme import FADE_SECONDS, compose

FADE = round(FADE_SECONDS * RATE)
QUIET = -60.0


def test_sound_is_played_sample_by_sample_to_its_faded_end_and_silence_follows() -> None:
    samples = sine(0.1)
    listener = Listener()
    listener.tell(compose(ready(samples), 1))
    heard = listener.hear(len(samples) + 500)
    np.testing.assert_array_equal(heard[FADE : len(samples) - FADE], samples[FADE : len(samples) - FADE])
    assert not heard[len(samples) :].any()
    assert click_db(heard) < QUIET
    assert listener.engine.ended is not None
    assert listener.engine.ended[1] == len(samples)


@given(st.lists(st.integers(1, 2 * BLOCK), min_size=1, max_size=8))
@settings(deadline=None, max_examples=30)
def test_blocks_of_any_size_give_the_same_samples(sizes: list[int]) -> None:
    programme = compose(ready(sine(0.15)), 1, loop=True)
    whole, parts = Listener(), Listener()
    for listener in (whole, parts):
        listener.tell(programme)
    expected = whole.hear(sum(sizes), block=sum(sizes))
    heard = np.concatenate([parts.hear(size, block=size) for size in sizes])
    np.testing.assert_array_equal(heard, expected)


def test_all_channels_carry_the_same() -> None:
    listener = Listener()
    listener.tell(compose(ready(sine(0.1)), 1))
    out = np.full((700, 3), np.nan, np.float32)
    listener.engine.render(out)
    assert out[:, 0].any()
    np.testing.assert_array_equal(out, np.repeat(out[:, :1], 3, axis=1))


@pytest.mark.parametrize("region", [None, (0.05, 0.2), (0.0, 0.2), (0.05, 0.25)])
def test_loop_keeps_its_length_and_its_seam_does_not_click(region: tuple[float, float] | None) -> None:
    samples = sine(0.25, hertz=443.7)
    first, last = (0, len(samples)) if region is None else (round(region[0] * RATE), round(region[1] * RATE))
    length = last - first
    listener = Listener()
    listener.tell(compose(ready(samples), 1, region=region, loop=True), jump=1, start=first / RATE)
    heard = listener.hear(10 * length)
    assert click_db(heard, hertz=443.7) < QUIET
    np.testing.assert_array_equal(heard[length : 2 * length], heard[5 * length : 6 * length])
    body = slice(first + FADE, last - FADE)
    np.testing.assert_array_equal(heard[3 * length + FADE : 4 * length - FADE], samples[body])
    expected = (first + np.arange(10 * length) % length) / RATE
    np.testing.assert_allclose(listener.seconds(), expected, atol=1e-9)


def test_loop_with_sound_around_it_keeps_the_level_at_its_seam() -> None:
    hertz = 400.0  # 0.1 s are 40 periods, so that the crossfade meets in phase and nothing may be seen of it
    listener = Listener()
    listener.tell(compose(ready(sine(0.3, hertz)), 1, region=(0.1, 0.2), loop=True), jump=1, start=0.1)
    heard = listener.hear(RATE)
    expected = sine(1.1, hertz)[round(0.1 * RATE) :]
    np.testing.assert_allclose(heard[FADE:], expected[FADE:], atol=1e-4)


def test_naive_loop_would_fail_the_measure_of_clicks() -> None:
    samples = sine(0.25, hertz=443.7)
    assert click_db(np.tile(samples, 2), hertz=443.7) > -20


def test_only_where_active_plays_exactly_the_intervals_and_the_playhead_jumps_the_gaps() -> None:
    samples = sine(1.0)
    active = [(0.7, 0.8), (0.1, 0.15), (0.15, 0.2), (0.5, 0.52)]
    listener = Listener()
    listener.tell(compose(ready(samples), 1, active=active))
    spans = [(0.1, 0.2), (0.5, 0.52), (0.7, 0.8)]
    frames = [np.arange(round(a * RATE), round(b * RATE)) for a, b in spans]
    heard = listener.hear(sum(map(len, frames)) + 100)
    assert listener.engine.ended is not None
    assert listener.engine.ended[1] == sum(map(len, frames))
    assert click_db(heard) < QUIET
    at = 0
    for span in frames:
        np.testing.assert_array_equal(heard[at + FADE : at + len(span) - FADE], samples[span[FADE:-FADE]])
        np.testing.assert_allclose(listener.seconds()[at : at + len(span)], span / RATE, atol=1e-9)
        at += len(span)


def test_looped_active_intervals_repeat_with_their_length() -> None:
    listener = Listener()
    listener.tell(compose(ready(sine(1.0)), 1, active=[(0.2, 0.3), (0.6, 0.7)], loop=True))
    period = round(0.2 * RATE)
    heard = listener.hear(4 * period)
    np.testing.assert_array_equal(heard[period : 2 * period], heard[2 * period : 3 * period])
    assert click_db(heard) < QUIET


def test_active_intervals_outside_the_region_are_left_out() -> None:
    programme = compose(ready(sine(1.0)), 1, region=(0.25, 0.5), active=[(0.1, 0.3), (0.6, 0.7)])
    assert sum(len(piece.samples) for piece in programme.pieces) == round(0.05 * RATE)
    assert compose(ready(sine(1.0)), 1, active=[]).pieces == ()


def test_switch_goes_on_at_the_same_second_of_a_sound_of_another_length_without_a_click() -> None:
    first, second = sine(1.0, phase=0.2), sine(0.6, phase=2.9)
    listener = Listener()
    listener.tell(compose(ready(first), 1))
    listener.hear(9600)
    listener.tell(compose(ready(second), 2))
    heard = listener.hear(4800)
    np.testing.assert_array_equal(heard[FADE:], second[9600 + FADE : 14400])
    assert click_db(listener.everything()) < QUIET
    assert listener.engine.history.at(9599).sound == 1
    assert listener.engine.history.at(9600) == (2, pytest.approx(0.2), True)


def test_switch_behind_the_end_of_a_shorter_sound_begins_anew() -> None:
    listener = Listener()
    listener.tell(compose(ready(sine(1.0)), 1))
    listener.hear(24_000)
    listener.tell(compose(ready(sine(0.3, phase=2.0)), 2))
    listener.hear(480)
    assert listener.engine.history.at(24_000) == (2, 0.0, True)
    assert click_db(listener.everything()) < QUIET


def test_pause_and_play_neither_click_nor_lose_the_place() -> None:
    listener = Listener()
    programme = compose(ready(sine(1.0)), 1)
    listener.tell(programme)
    listener.hear(4800)
    listener.tell(programme, playing=False)
    silent = listener.hear(4800)
    assert not silent[FADE:].any()
    assert listener.engine.history.at(9000) == (1, pytest.approx(0.1), False)
    listener.tell(programme)
    listener.hear(4800)
    assert listener.engine.history.at(9600 + 48) == (1, pytest.approx(0.101), True)
    assert click_db(listener.everything()) < QUIET


def test_seek_is_heard_at_once_without_a_click_and_moves_the_playhead_at_that_frame() -> None:
    samples = sine(1.0)
    listener = Listener()
    programme = compose(ready(samples), 1)
    listener.tell(programme)
    listener.hear(4800)
    listener.tell(programme, jump=1, start=0.70001)
    heard = listener.hear(4800)
    frame = round(0.70001 * RATE)
    np.testing.assert_array_equal(heard[FADE:], samples[frame + FADE : frame + 4800])
    np.testing.assert_allclose(
        listener.seconds(), np.concatenate([np.arange(4800), frame + np.arange(4800)]) / RATE, atol=1e-9
    )
    assert click_db(listener.everything()) < QUIET


def test_commands_in_a_row_count_as_their_last_one_even_within_a_crossfade() -> None:
    listener = Listener()
    programme = compose(ready(sine(1.0)), 1)
    listener.tell(programme)
    listener.hear(96, block=96)
    for jump, start in enumerate((0.3, 0.5, 0.8), 1):
        listener.tell(programme, jump=jump, start=start)
        listener.hear(48, block=48)
    listener.hear(480, block=48)
    assert listener.engine.history.at(listener.engine.written - 1).seconds == pytest.approx(0.8, abs=0.02)
    assert click_db(listener.everything()) < QUIET


def test_seek_behind_the_end_ends_and_while_paused_only_moves_the_playhead() -> None:
    listener = Listener()
    programme = compose(ready(sine(0.5)), 1)
    listener.tell(programme, jump=1, start=0.25, playing=False)
    assert not listener.hear(480).any()
    assert listener.engine.history.at(100) == (1, pytest.approx(0.25), False)
    listener.tell(programme, jump=2, start=0.5)
    assert not listener.hear(480).any()
    assert listener.engine.ended is not None
    assert listener.engine.ended[0].jump == 2


def test_turning_the_volume_is_smooth_and_reaches_its_value() -> None:
    samples = sine(1.0)
    listener = Listener()
    programme = compose(ready(samples), 1)
    listener.tell(programme)
    listener.hear(4800)
    for volume in (0.0, 0.9, 0.25):
        listener.engine.command = Command(programme, playing=True, volume=volume)
        listener.hear(960)
    np.testing.assert_allclose(listener.everything()[-100:], 0.25 * samples[7580:7680], atol=1e-6)
    assert click_db(listener.everything()) < QUIET


def test_gain_of_a_programme_changes_by_a_crossfade_at_the_same_place() -> None:
    samples = sine(1.0)
    listener = Listener()
    listener.tell(compose(ready(samples), 1))
    listener.hear(4800)
    listener.tell(compose(ready(samples), 1, gain=0.25))
    heard = listener.hear(4800)
    np.testing.assert_allclose(heard[FADE:], 0.25 * samples[4800 + FADE : 9600], atol=1e-6)
    assert click_db(listener.everything()) < QUIET


@pytest.mark.parametrize("length", [0, 1, 2, 100])
@pytest.mark.parametrize("loop", [False, True])
def test_sound_of_a_few_samples_is_played_and_looped_without_trouble(length: int, loop: bool) -> None:
    listener = Listener()
    listener.tell(compose(ready(np.full(length, 0.5, np.float32)), 1, loop=loop))
    heard = listener.hear(4800)
    assert np.isfinite(heard).all()
    assert (listener.engine.ended is None) == (loop and length > 0)
    assert max(listener.seconds()) <= length / RATE


def test_playhead_of_a_slowed_sound_speaks_of_the_original_seconds() -> None:
    listener = Listener()
    listener.tell(compose(ready(sine(1.0), speed=0.5), 1, region=(0.1, 0.2), loop=True), jump=1, start=0.1)
    listener.hear(12_000)
    expected = 0.1 + (np.arange(12_000) % 9600) * 0.5 / RATE
    np.testing.assert_allclose(listener.seconds(), expected, atol=1e-9)


def test_rendering_reuses_its_arrays_and_leaves_the_prepared_samples_alone() -> None:
    samples = sine(0.5)
    before = samples.copy()
    listener = Listener()
    listener.tell(compose(ready(samples), 1, loop=True, gain=0.5))
    scratch = (listener.engine._mono, listener.engine._other)
    listener.hear(RATE)
    assert (listener.engine._mono, listener.engine._other) == scratch or scratch[0] is listener.engine._mono
    assert scratch[1] is listener.engine._other
    np.testing.assert_array_equal(samples, before)


def test_plain_playing_costs_the_history_one_line_and_old_lines_are_forgotten() -> None:
    history = History()
    for block in range(1000):
        history.note(block * 480, block * 0.01, 0.01 / 480, 1)
    assert history._count == 1
    for entry in range(2 * SIZE):
        history.note(480_000 + entry * 10, float(entry % 7), 1e-5, 2)
    assert history.at(480_000 + (2 * SIZE - 1) * 10 + 5).seconds == pytest.approx((2 * SIZE - 1) % 7 + 5e-5)
    assert history.at(0).sound == 0
