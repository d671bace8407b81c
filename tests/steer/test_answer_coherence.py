"""Repetition, length and labels of answers, with the figures written out (A-59)."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.steer.answers import Answer, Token
from backend.steer.coherence import coherence, names_label, repetition, share_outside


def answer(text: str, ids: list[int], *, ended: bool = True) -> Answer:
    return Answer([Token(i, "", 1.0, ()) for i in ids], text, ended)


@pytest.mark.parametrize(
    ("ids", "share"),
    [([], 0), ([1, 1], 0), ([1, 1, 1], 0), ([1, 1, 1, 1], 1 / 2), ([1, 2, 3, 1, 2, 3], 1 / 4), (list(range(9)), 0)],
)
def test_repetition_is_the_share_of_three_tokens_that_stood_there_before(ids: list[int], share: float) -> None:
    assert repetition(ids) == share


@given(st.lists(st.integers(0, 3), max_size=30), st.permutations(range(4)))
def test_repetition_does_not_depend_on_which_token_is_which(ids: list[int], names: list[int]) -> None:
    assert repetition([names[i] for i in ids]) == repetition(ids)
    assert 0 <= repetition(ids) < 1


def test_answers_that_repeat_themselves_are_empty_or_broken_are_not_coherent() -> None:
    assert coherence(answer("A dog barks.", [1, 2, 3, 4])).coherent
    loop = coherence(answer("the the the the the the", [5] * 6))
    assert (loop.coherent, loop.repetition) == (False, 0.75)
    assert loop.why == "the answer repeats itself: 75% of its 3-grams stood in it before"
    assert coherence(answer("", [])).why == "the answer is empty"
    assert coherence(answer("  ", [7])).why == "the answer is empty"
    assert (
        coherence(answer("ab\N{REPLACEMENT CHARACTER}", [1, 2, 3])).why == "33% of the answer's characters are no text"
    )


def test_transcript_may_be_empty_and_a_cut_answer_coherent() -> None:
    assert coherence(answer("", []), may_be_empty=True).coherent
    assert not coherence(answer("  ", [7]), may_be_empty=True).coherent
    cut = coherence(answer("A dog barks and", [1, 2, 3, 4], ended=False))
    assert (cut.coherent, cut.ended, cut.length) == (True, False, 4)


def test_labels_are_found_as_whole_words() -> None:
    assert names_label("The speaker is Angry.", ["happy", "angry"])
    assert not names_label("The hangar is loud.", ["angry", "hang"])
    assert names_label("It is a field-recording.", ["field recording"])
    assert coherence(answer("A cat.", [1, 2, 3]), ["dog"]).names_label is False
    assert coherence(answer("A cat.", [1, 2, 3]), ["dog"]).coherent
    assert coherence(answer("A cat.", [1, 2, 3])).names_label is None


def test_share_outside_counts_answers_without_a_label() -> None:
    assert share_outside(["A dog.", "A cat.", "Dogs."], ["dog"]) == pytest.approx(2 / 3)
    assert math.isnan(share_outside([], ["dog"]))
