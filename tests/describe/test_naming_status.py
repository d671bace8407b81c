"""What a namer said becomes a status, a short name and a description; no text is lost (A-36)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.describe.namers.base import Naming
from backend.describe.naming import clean, judge_naming
from backend.store.concepts import STATUS

SENTENCE = "All captions speak of dogs that bark."


@pytest.mark.parametrize(
    "short",
    [
        "dog barking", "Dog barking.".lower(), " **dog barking** ", '"dog barking."', "“dog barking”", "`dog barking`",
        "Answer: dog barking", "Short name: *dog barking*", "### dog barking", "- dog barking", "1. dog barking",
        "The common concept is dog barking.", 'A suitable noun phrase would be: "dog barking".',
        "dog barking (the sharp sound of one or several dogs)",
        "dog barking\n\nThis phrase names what all captions share.",
        "dog barking – a sharp and repeated call", "<think>They all have dogs.</think>\ndog barking",
    ],
)  # fmt: skip
def test_a_short_name_is_freed_from_what_is_around_it(short: str) -> None:
    assert judge_naming(Naming(SENTENCE, short)) == ("ok", "dog barking", SENTENCE)


def test_five_words_with_commas_are_a_short_name() -> None:
    name = "sudden, loud, and isolated sounds"
    assert judge_naming(Naming("x", name)) == ("ok", name, "x")


def test_an_article_goes_where_that_makes_the_name_fit() -> None:
    assert judge_naming(Naming("x", "the sound of a dog barking"))[1] == "sound of a dog barking"
    assert judge_naming(Naming("x", "the dog"))[1] == "the dog"


def test_a_name_of_300_words_leaves_the_description_whole() -> None:
    long = " ".join(["barking"] * 300)
    assert judge_naming(Naming(long, long)) == ("too long", "", long)
    assert judge_naming(Naming(long, "dog")) == ("ok", "dog", long)
    assert judge_naming(Naming("", long)) == ("too long", "", long)


def test_a_description_without_a_short_name_stands_for_it_if_it_is_short() -> None:
    assert judge_naming(Naming("Dogs barking", "")) == ("ok", "", "Dogs barking")
    assert judge_naming(Naming(SENTENCE, "")) == ("too long", "", SENTENCE)


@pytest.mark.parametrize(
    "nothing", ["", "  \n", "**", '""', "…", "<think>Hm, what now", "###", "```\n```", "[EXPLANATION]:"]
)
def test_saying_nothing_is_empty(nothing: str) -> None:
    assert judge_naming(Naming(nothing, nothing)) == ("empty", "", "")


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't assist with that.", "I’m sorry.", "Sorry, that is not possible.",
        "I am unable to listen.",
        "As an AI language model, I do not hear sounds.", "Unfortunately, I cannot describe these.", "I cannot help.",
        "My apologies, I will not answer.", "I can't do that",
    ],
)  # fmt: skip
def test_refusals_are_marked_and_kept(text: str) -> None:
    assert judge_naming(Naming(text, text)) == ("refused", "", text)
    assert judge_naming(Naming(SENTENCE, text)) == ("too long", "", SENTENCE)


@pytest.mark.parametrize(
    "text",
    [
        "There is no common concept.", "No clear or specific common theme can be found.",
        "Unable to produce descriptions",
        "I'm sorry, but I cannot identify a common concept among these captions.",
        "These captions have nothing in common.",
        "The captions do not share a common sound.", "No common phrase: none is in at least half of the 4 captions.",
    ],
)  # fmt: skip
def test_the_absence_of_a_concept_is_marked_and_kept(text: str) -> None:
    status, _, description = judge_naming(Naming(text, ""))
    assert (status, description) == ("no common concept", text)


@pytest.mark.parametrize(
    "text", ["A person who says that they cannot come.", "Artificial voices and robots.", "A common bird, not rare."]
)
def test_a_description_that_speaks_of_such_things_is_no_refusal(text: str) -> None:
    assert judge_naming(Naming(text, "speech"))[0] == "ok"


def test_markup_goes_and_words_stay() -> None:
    text = "**Concept:**\n\n> The *common* sound is `rain`:\n- on a __roof__\n- on snake_case_leaves"
    assert clean(text) == "The common sound is rain: on a roof on snake_case_leaves"
    assert clean("[EXPLANATION]: barking dogs") == "barking dogs"


@given(st.text(max_size=60), st.text(alphabet="ab .*_\"'`:-(#>\n1", max_size=60))
def test_any_answer_gets_a_status_and_a_name_that_fits(description: str, short: str) -> None:
    for naming in (Naming(description, short), Naming(short, description)):
        status, name, kept = judge_naming(naming)
        assert status in STATUS
        assert len(name.split()) <= 5
        assert "\n" not in name + kept
        assert (status == "empty") == (not kept)


@given(st.lists(st.sampled_from(["dogs", "bark", "rain", "a", "loud"]), min_size=1, max_size=400))
def test_plain_words_pass_unchanged(words: list[str]) -> None:
    text = " ".join(words)
    status, name, kept = judge_naming(Naming(text, text))
    assert kept == text
    assert (status, name) == (("ok", text) if len(words) <= 5 else (status, name))
    assert clean(clean(text)) == clean(text)
