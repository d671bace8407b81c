"""The phrase that tells a feature's captions from all others, worked out by hand."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.describe.namers.base import NAMERS, Namer
from backend.describe.namers.consensus import NO_BOUNDS, _divergence
from backend.describe.naming import judge_naming
from builders.describe_settings import describe_settings

DOGS = ["A dog barking in the park.", "the audio clip contains a dog barking, and rain", "Small dog barking at night"]
OTHERS = ["A man speaking Italian", "A woman speaking Italian", "rain on a roof", "piano music in the park"]


def namer(captions: list[str]) -> Namer:
    found = NAMERS.get("consensus").load(describe_settings(), "", "")
    found.read(captions)
    return found


def test_the_shared_phrase_is_the_name_and_the_description_counts() -> None:
    said = namer(DOGS + OTHERS).name(DOGS)
    assert said.short_name == "dog barking"
    assert said.description == (
        '"dog barking" is in 3 of the 3 captions and in 0 of the 4 others (compared word by word, without a language '
        "model)."
    )
    assert judge_naming(said) == ("ok", said.short_name, said.description)


def test_what_all_captions_say_is_no_name() -> None:
    """ "music" is in every caption of the study, "fast" only here."""
    here, there = ["fast music", "music, fast"], ["slow music", "calm music", "sad music"]
    assert namer(here + there).name(here).short_name == "fast"
    assert namer(there + here).name(["slow music", "sad music"]).short_name == ""


def test_a_phrase_of_all_beats_one_of_half_that_is_rarer_elsewhere() -> None:
    """D(1, 3/22) = 1.99; D(1/2, 1/22) = 0.85."""
    here = ["dog growls", "dog growls", "dog at a gate", "dog in the rain"]
    there = ["dog sleeps", "dog eats", *(f"piano {n} tune{n}" for n in range(17))]
    assert namer(here + there).name(here).short_name == "dog"
    assert _divergence(1.0, 3 / 22) == pytest.approx(math.log(22 / 3))
    assert _divergence(0.5, 1 / 22) == pytest.approx(0.5 * math.log(11) + 0.5 * math.log(0.5 / (21 / 22)))


def test_without_a_phrase_in_half_of_the_captions_there_is_no_name() -> None:
    said = namer(DOGS + OTHERS).name([DOGS[0], OTHERS[0], OTHERS[2]])
    assert said.short_name == ""
    assert judge_naming(said) == ("no common concept", "", said.description)


def test_half_of_the_captions_is_enough_if_these_are_two() -> None:
    assert namer(DOGS + OTHERS).name(OTHERS[2:]).short_name == ""
    assert namer(DOGS + OTHERS).name(OTHERS[2:3]).short_name == "rain on a roof"
    assert namer(DOGS + OTHERS).name([DOGS[0], DOGS[2], "x", "y"]).short_name == "dog barking"


def test_phrases_do_not_reach_over_punctuation() -> None:
    here = ["a dog, barking", "dog. barking"]
    assert namer([*here, "b", "c", "d"]).name(here).short_name == "barking"


def test_phrases_neither_begin_nor_end_with_a_function_word() -> None:
    here = ["The recording of the rain in the forest of a", "The recording of the rain in the forest of b"]
    assert namer([*here, "x", "y"]).name(here).short_name == "rain in the forest"


def test_phrases_have_at_most_five_words() -> None:
    here = ["one two three four five six", "one two three four five six"]
    assert namer([*here, "x", "y"]).name(here).short_name == "two three four five six"


def test_captions_are_counted_as_often_as_they_come() -> None:
    said = namer(["rain", "snow", "hail"]).name(["rain", "rain", "snow"])
    assert said.short_name == "rain"
    assert '"rain" is in 2 of the 3 captions and in 0 of the 1 others' in said.description


def test_numbers_are_no_names_and_words_count_as_written() -> None:
    here = ["dogs 42", "dog 42"]
    assert namer([*here, "x"]).name(here).short_name == ""


def test_captions_that_were_not_read_before_can_be_named() -> None:
    assert namer([]).name(["rain falls", "rain stops"]).short_name == "rain"


def test_no_language_model_is_named_in_the_identity() -> None:
    assert namer([]).identity() == {"namer": "consensus", "version": 2, "language_model": None}


WORDS = st.sampled_from(["dog", "rain", "the", "of", "bark", "music", ",", "loud"])
CAPTIONS = st.lists(st.lists(WORDS, min_size=1, max_size=7).map(" ".join), min_size=1, max_size=8)


@settings(max_examples=60)
@given(CAPTIONS, CAPTIONS, st.randoms())
def test_the_order_of_captions_does_not_matter_and_the_name_keeps_its_promise(
    here: list[str], there: list[str], dice: object
) -> None:
    said = namer(here + there).name(here)
    shuffled, everything = list(here), here + there
    dice.shuffle(shuffled)  # type: ignore[attr-defined]
    dice.shuffle(everything)  # type: ignore[attr-defined]
    again = namer(everything).name(shuffled)
    assert again == said
    if said.short_name:
        words = said.short_name.split()
        assert 1 <= len(words) <= 5
        assert words[0] not in NO_BOUNDS
        assert words[-1] not in NO_BOUNDS
        holding = sum(said.short_name in " ".join(caption.split()) for caption in here)
        assert holding >= max(len(here) / 2, min(2, len(here)))


def test_name_is_spelt_as_its_words_are_inside_of_sentences() -> None:
    captions = ["A woman speaking English.", "English is spoken: a woman speaking English loudly."]
    one = namer([*captions, "Rain falls.", "Rain and more rain.", "A dog barks."])
    assert one.name(captions).short_name == "woman speaking English"
    assert one.name(["Rain falls.", "Rain and more rain."]).short_name == "rain"
