"""Sweeps, codes and blind tests as plain values: what is asked, what is counted, what is written."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ard_gui.state.share_interval import share_interval
from ard_gui.state.steering import Setup
from ard_gui.state.steering_blind import CANNOT_TELL, BlindTest
from ard_gui.state.steering_code import Bar, TokenCode
from ard_gui.state.steering_rows import Row, feature_row, set_row
from ard_gui.state.steering_sweep import (
    TIMES,
    TOGETHER,
    VALUE,
    Sweep,
    as_csv,
    first_words,
    parse_steps,
    parse_words,
    time_left,
    why_no_sweep,
)
from backend.quality.splice import SplicedAnswer, SpliceReport
from backend.store.notes.steering import SteeredClip

RAIN, DOG = feature_row(3, 2.0), feature_row(7, 10.0)
BOTH = set_row("weather", [(3, 1.0), (4, 5.0)])
SOUNDS = [SteeredClip(f"key{i}", f"clip {i}", f"{i}.wav") for i in range(6)]


def overrides(sweep: Sweep, step: float, *rows: Row, bypass: bool = False) -> tuple[tuple[int, float], ...]:
    return sweep.setup_at(Setup(rows=rows, bypass=bypass), step).overrides


def test_a_swept_feature_takes_absolute_values_and_the_others_stay() -> None:
    assert overrides(Sweep("3", VALUE, (5.0,)), 5.0, RAIN, DOG) == ((3, 5.0), (7, 10.0))


def test_multiples_are_of_the_largest_value() -> None:
    assert overrides(Sweep("7", TIMES, (1.5,)), 1.5, RAIN, DOG) == ((3, 2.0), (7, 15.0))


def test_all_rows_are_swept_together_but_for_those_that_are_bypassed() -> None:
    off = replace(RAIN, bypass=True)
    assert overrides(Sweep(TOGETHER, TIMES, (2.0,)), 2.0, off, DOG) == ((7, 20.0),)
    assert overrides(Sweep(TOGETHER, TIMES, (2.0,)), 2.0, BOTH, DOG) == ((7, 20.0), (3, 2.0), (4, 10.0))


def test_a_bypassed_row_that_is_swept_counts_and_a_bypassed_panel_leaves_the_others_out() -> None:
    sweep = Sweep("3", VALUE, (4.0,))
    assert overrides(sweep, 4.0, replace(RAIN, bypass=True), DOG) == ((3, 4.0), (7, 10.0))
    assert overrides(sweep, 4.0, RAIN, DOG, bypass=True) == ((3, 4.0),)


def test_the_swept_slider_itself_does_not_matter() -> None:
    sweep, elsewhere = Sweep("3", VALUE, (4.0,)), replace(RAIN, amount=9.0)
    assert sweep.setup_at(Setup(rows=(RAIN, DOG)), 4.0) == sweep.setup_at(Setup(rows=(elsewhere, DOG)), 4.0)


@pytest.mark.parametrize(
    ("text", "steps"),
    [("0, 1, 5", (0, 1, 5)), ("2x 1x;0.5×", (2, 1, 0.5)), ("1, 1, 2,", (1, 2)), ("1e3", (1000,))],
)
def test_values_are_read_from_text(text: str, steps: tuple[float, ...]) -> None:
    assert parse_steps(text, negative=False) == steps


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "at least one"), ("1, two", "“two” is no number"), ("nan", "cannot be used"), ("1e9", "cannot be used"),
        ("-1", "never keeps"), (" ".join(map(str, range(201))), "201 values are too many"),
    ],
)  # fmt: skip
def test_values_that_cannot_be_swept_are_refused_with_a_reason(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse_steps(text, negative=False)


def test_values_below_zero_go_where_the_mode_knows_them() -> None:
    assert parse_steps("-2, 0", negative=True) == (-2.0, 0.0)


def test_words_stand_between_commas() -> None:
    assert parse_words(" yes, no ,yes,a  dog,") == ("yes", "no", "a dog")
    with pytest.raises(ValueError, match="9 words are too many"):
        parse_words("a,b,c,d,e,f,g,h,i")


def test_the_first_words_of_answers_are_watched_by_themselves() -> None:
    assert first_words(["“Rain falls.", "Rain.", "", "...", "A dog"]) == ("Rain", "A")


def test_what_is_missing_before_a_sweep_is_said() -> None:
    setup = Setup(sound=SOUNDS[0], rows=(RAIN,))
    assert why_no_sweep(setup, "3") == ""
    assert "removed" in why_no_sweep(setup, "5")
    assert "sound" in why_no_sweep(replace(setup, sound=None), "3")
    assert "Add a feature" in why_no_sweep(replace(setup, rows=()), "3")
    assert "bypassed" in why_no_sweep(replace(setup, rows=(replace(RAIN, bypass=True),)), TOGETHER)


def test_time_left_follows_from_the_time_that_was_needed() -> None:
    assert time_left(10.0, 2, 8) == "about 30 s left"
    assert time_left(300.0, 1, 3) == "about 10 min left"
    assert time_left(1.0, 0, 8) == time_left(1.0, 8, 8) == ""


def test_a_sweep_is_written_with_exact_numbers_and_nothing_where_nothing_is_known() -> None:
    rows: list[dict[str, Any]] = [
        {"step": 0.1, "answer": 'a "b", c', "coherent": True, "survived": (1.0, None)},
        {"step": None},
    ]
    assert as_csv(rows) == 'step,answer,coherent,survived\n0.1,"a ""b"", c",true,1.0 \n,,,\n'
    assert as_csv([]) == ""
    # a carriage return would end the line for whoever reads it
    assert as_csv([{"answer": "one\rtwo\r\nthree"}]) == 'answer\n"one\ntwo\nthree"\n'


def test_what_came_in_and_what_left_is_told_in_words() -> None:
    bars = (Bar(3, 0.0, 5.0, True), Bar(4, 2.0, 0.0, False), Bar(5, 1.0, 1.5, False), Bar(6, 1.0, 1.0, False))
    code = TokenCode(0, 9, (0.0, 0.04), 1.0, bars)
    assert [bar.change for bar in bars] == ["came in", "left", "changed", "same"]
    assert code.sentence(lambda k: "rain" if k == 3 else "") == "Came in: 3 rain. Left: 4."
    assert replace(code, bars=bars[2:]).sentence(str) == "No feature came in or left; values changed."
    assert replace(code, bars=bars[3:]).sentence(str) == "Nothing changes at this token."


def judged(question: str = "steered") -> BlindTest:
    """Six sounds: two right, one wrong, one not told apart, one the same, one failed."""
    test = BlindTest(SOUNDS, "original", question, 5)  # type: ignore[arg-type]
    for trial in test.trials[:5]:
        trial.texts = {"original": "a", "steered": "b"}
    test.trials[4].texts = {"original": "a", "steered": "a"}
    test.trials[5].problem = "the sound is not there"
    sides = [trial.steered for trial in test.trials]
    for verdict in (sides[0], sides[1], "B" if sides[2] == "A" else "A", CANNOT_TELL):
        test.judge(verdict)
    return test


def test_a_blind_test_counts_verdicts_apart_from_what_could_not_be_judged() -> None:
    test = judged()
    found = test.outcome()
    assert (found.right, found.n, found.undecided, found.same, found.failed, found.open) == (2, 3, 1, 1, 1, 0)
    assert test.current is None
    assert test.sentence() == (
        "A/B blind against original, seed 5: steered one found in 2 of 3 (67%, 95 % Wilson interval 21% to 94%; "
        "guessing gives 50 %); 1 could not tell, 1 with the same answer, 1 failed."
    )
    with pytest.raises(ValueError, match="nothing to judge"):
        test.judge("A")


def test_preferring_is_not_finding() -> None:
    assert "steered one preferred in 2 of 3" in judged("fits").sentence()


def test_the_draws_follow_from_the_seed_and_put_the_steered_answer_on_both_sides() -> None:
    many = [SteeredClip(str(i), str(i), "") for i in range(400)]
    one, same, other = (BlindTest(many, "original", "steered", seed).trials for seed in (1, 1, 2))
    assert one == same != other
    assert {trial.sound for trial in one} == set(many)
    assert 160 < sum(trial.steered == "A" for trial in one) < 240


def test_a_and_b_are_the_two_answers_on_their_drawn_sides() -> None:
    test = judged()
    for trial in test.trials[:4]:
        assert test.shown(trial)["AB".index(trial.steered)] == "b"
        assert sorted(test.shown(trial)) == ["a", "b"]


def test_every_judgement_is_written_with_seed_and_settings() -> None:
    row = judged().rows({"mode": "delta", "record": "not this one"})[0]
    assert row["mode"] == "delta"
    assert row["drawn_with"] == 5
    assert row["for_steered"] is True
    assert row["record"].startswith("clip ")
    assert judged().rows({})[3]["for_steered"] is None


@given(n=st.integers(1, 500), data=st.data())
def test_the_interval_of_a_share_is_that_of_the_quality_reports(n: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(0, n))
    answers = tuple(SplicedAnswer("", "", "a", "a" if i < k else "b", 0.0, 0.0) for i in range(n))
    assert share_interval(k, n) == pytest.approx(SpliceReport(answers).interval(), abs=1e-12)


def test_the_interval_of_nothing_is_not_a_number() -> None:
    assert all(map(math.isnan, share_interval(0, 0)))
