"""What the steering panel holds, without a window: rows, values, settings, undo, keeping."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ard_gui.services.steering_answers import Memory, Place, Request, missing, next_steps
from ard_gui.state.steering import Setup, Steering
from ard_gui.state.steering_rows import Row, covered, feature_row, overrides, reach, rows_from_plain, set_row
from ard_gui.state.steering_settings import MODE_TEXT, PROFILES, Settings, profile_of, settings_from_plain
from ard_gui.state.undo import UndoStack
from backend.steer.intervention import DIRECTION_MODES, ERROR_PRESERVING_MODES, MODES, SELECTING_MODES
from backend.store.notes.steering import SteeredClip

SOUND = SteeredClip("key", "dog-1", "animal/dog-1.flac", "", 0.0, None, 2.0)


def state(*features: tuple[int, float]) -> Steering:
    found = Steering(UndoStack())
    found.use_ranking("sae")
    found.add_features(features)
    return found


def test_value_is_a_multiple_of_the_features_maximum() -> None:
    one = state((12, 2.5))
    assert one.now.overrides == ((12, 2.5),)
    one.set_amount("12", 2.0)
    assert one.now.overrides == ((12, 5.0),)
    one.set_value("12", 1.0)
    assert one.row("12") == Row(((12, 2.5),), 0.4)


def test_feature_without_a_maximum_has_the_amount_as_its_value() -> None:
    for nothing in (0.0, math.nan, -1.0):
        row = feature_row(3, nothing)
        assert (row.value, row.relative) == (1.0, False)


def test_values_have_six_digits_so_that_equal_numbers_are_equal_requests() -> None:
    row = Row(((1, 3.0),), 0.1 + 0.2)
    assert row.value == 0.9
    assert math.copysign(1.0, Row(((1, 3.0),), -0.0).value) == 1.0


def test_set_is_driven_by_one_slider_and_a_feature_of_its_own_comes_first() -> None:
    rows = (set_row("dog", [(1, 2.0), (2, 4.0)]), set_row("cat", [(2, 9.0), (3, 1.0)]), feature_row(1, 5.0))
    assert overrides((replace(rows[0], amount=0.5), *rows[1:])) == ((1, 5.0), (2, 2.0), (3, 1.0))
    assert covered(rows, rows[0]) == (1,)
    assert covered(rows, rows[1]) == (2,)
    assert covered(rows, rows[2]) == ()


def test_set_without_a_name_or_features_is_refused() -> None:
    for name, pairs in (("", [(1, 1.0)]), (" ", [(1, 1.0)]), ("dog", [])):
        with pytest.raises(ValueError, match="a set has a name"):
            set_row(name, pairs)


def test_bypassed_rows_are_left_out_one_or_all() -> None:
    one = state((1, 2.0), (2, 3.0))
    one.set_bypass("1", True)
    assert one.now.overrides == ((2, 3.0),)
    one.bypass_all(True)
    assert one.now.overrides == ()
    one.reset()
    assert one.now.overrides == ((1, 2.0), (2, 3.0))


def test_feature_is_added_once() -> None:
    one = state((1, 2.0))
    assert one.add_features([(1, 7.0), (4, 1.0), (4, 1.0)]) == 1
    assert [row.key for row in one.now.rows] == ["1", "4"]


def test_a_dragged_slider_is_one_step_of_undo() -> None:
    undo = UndoStack()
    one = Steering(undo)
    one.add_features([(1, 2.0)])
    for amount in (1.1, 1.2, 1.3):
        one.set_amount("1", amount)
    one.settle()
    one.set_amount("1", 3.0)
    undo.undo()
    assert one.row("1") == Row(((1, 2.0),), 1.3)
    undo.undo()
    assert one.row("1") == Row(((1, 2.0),), 1.0)
    undo.redo()
    assert one.row("1") == Row(((1, 2.0),), 1.3)


def test_undo_leaves_what_changed_otherwise_meanwhile() -> None:
    undo = UndoStack()
    one = Steering(undo)
    one.add_features([(1, 2.0)])
    one.set_amount("1", 2.0)
    one.set_sound(SOUND)
    undo.undo()
    assert (one.now.sound, one.row("1")) == (SOUND, Row(((1, 2.0),), 1.0))


def test_undo_of_another_saes_rows_does_not_touch_the_shown_ones() -> None:
    undo = UndoStack()
    one = Steering(undo)
    one.use_ranking("a")
    one.add_features([(1, 2.0)])
    one.use_ranking("b")
    one.add_features([(9, 1.0)])
    undo.undo()
    undo.undo()
    assert one.now.rows == ()
    one.use_ranking("a")
    assert one.now.rows == ()


def test_values_below_zero_go_where_the_mode_selects() -> None:
    one = state((1, 2.0))
    one.set_amount("1", -1.0)
    assert one.now.overrides == ((1, 0.0),)
    one.set_settings(mode="delta")
    one.set_amount("1", -1.5)
    assert one.now.overrides == ((1, -3.0),)
    one.set_settings(mode="keep")
    assert one.now.overrides == ((1, -3.0),)
    one.set_settings(mode="pre_topk")
    assert one.now.overrides == ((1, 0.0),)


def test_modes_are_those_of_the_engine_and_mean_the_same() -> None:
    assert tuple(MODE_TEXT) == MODES
    for mode in MODES:
        settings = Settings(mode=mode)
        assert settings.negative == (mode not in SELECTING_MODES)
        assert settings.keeps_error == (mode in ERROR_PRESERVING_MODES)
    assert set(DIRECTION_MODES) < set(MODES)


def test_raw_units_are_steered_by_delta() -> None:
    one = state()
    one.use_ranking("raw-decoder.1", raw=True)
    assert one.now.settings.mode == "delta"


def test_profile_is_named_while_its_values_stand() -> None:
    one = state()
    assert profile_of(one.now.settings) == "ard"
    one.use_profile("lmms")
    assert (one.now.settings.positions, one.now.settings.decode) == ("prompt", "reconstruct")
    one.set_settings(add_error=True)
    assert profile_of(one.now.settings) == ""
    assert set(PROFILES) == {"ard", "lmms"}


@pytest.mark.parametrize(
    "values",
    [{"mode": "louder"}, {"tokens": 0}, {"temperature": math.nan}, {"seed": -1}, {"conditions": ()}, {"tokens": 2.5}],
)
def test_setting_that_means_nothing_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="cannot be"):
        state().set_settings(**values)


def test_everything_is_kept_over_a_restart() -> None:
    before = state((1, 2.0), (2, 0.0))
    before.add_set("dog", [(5, 1.5), (6, 2.5)])
    before.set_amount("set dog", 2.0)
    before.set_bypass("1", True)
    before.set_follows(False)
    before.set_sound(SOUND)
    before.set_prompt("What is heard?")
    before.asked()
    before.set_settings(mode="keep", temperature=0.5, seed=3, conditions=("original", "steered"))
    before.keep_preset("mine")
    after = Steering(UndoStack())
    after.restore(json.loads(json.dumps(before.plain())))
    after.use_ranking("sae")
    assert after.now == before.now
    assert (after.prompts, after.presets, after.follows) == (before.prompts, before.presets, False)


def test_rows_of_each_sae_come_back_with_it() -> None:
    one = state((1, 2.0))
    one.use_ranking("other")
    assert one.now.rows == ()
    one.add_features([(7, 1.0)])
    one.use_ranking("sae")
    assert [row.key for row in one.now.rows] == ["1"]


@pytest.mark.parametrize("found", [None, [], {"version": 99}, {"version": 1, "rows": [3], "sound": 5, "presets": 1}])
def test_damaged_state_is_left_out(found: object) -> None:
    one = state((1, 2.0))
    one.restore(found)
    assert one.now == Setup()
    assert one.presets == ()


def test_damaged_rows_and_settings_are_left_out_one_by_one() -> None:
    good = feature_row(1, 2.0).plain()
    bad = [{**good, "pairs": []}, {**good, "pairs": [[-1, 2.0]]}, {**good, "amount": "x"}, {**good, "pairs": [[2, 0]]}]
    assert rows_from_plain([*bad, good, good, 5]) == (feature_row(1, 2.0),)
    assert settings_from_plain({"mode": "keep", "tokens": "many", "seed": True}) == Settings(mode="keep")


def test_prompts_asked_before_are_listed_once_the_newest_first() -> None:
    one = state()
    for prompt in ("a", "b", "a", " "):
        one.set_prompt(prompt)
        one.asked()
    assert one.prompts == ("a", "b")


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_any_amount_is_bounded_and_within_the_sliders_reach(amount: float) -> None:
    one = state((1, 2.0))
    one.set_settings(mode="delta")
    one.set_amount("1", amount)
    row = one.row("1")
    assert row is not None
    assert math.isfinite(row.value)
    assert reach(row.amount) >= abs(row.amount)


def request(setup: Setup) -> Request:
    return Request(Place("/a.wav"), setup, "sae")


def test_each_condition_depends_on_what_changes_it_and_on_nothing_else() -> None:
    one = state((1, 2.0))
    before = request(one.now)
    one.set_amount("1", 2.0)
    moved = request(one.now)
    one.set_settings(mode="delta", add_error=True)
    other = request(one.now)
    one.set_settings(positions="prompt")
    elsewhere = request(one.now)
    for name, same in (("original", True), ("reconstructed", True), ("steered", False)):
        assert (before.key(name) == moved.key(name)) == same
        assert (moved.key(name) == other.key(name)) == same
    assert other.key("original") == elsewhere.key("original")
    assert other.key("reconstructed") != elsewhere.key("reconstructed")


def test_nothing_is_steered_without_a_feature() -> None:
    assert request(Setup()).conditions == ("original", "reconstructed")
    assert missing(request(Setup()), Memory()) == ["original", "reconstructed"]


def test_next_steps_are_those_of_the_moved_slider() -> None:
    one = state((1, 2.0), (2, 3.0))
    assert next_steps(request(one.now), "1", Memory()) == [[2.2, 3.0], [1.8, 3.0]]
    one.set_amount("1", 0.0)
    assert next_steps(request(one.now), "1", Memory()) == [[0.2, 3.0]]
    assert next_steps(request(one.now), "none", Memory()) == []
