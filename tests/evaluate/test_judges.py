"""Judges: what they read in an answer, and what they make of nonsense (A-56, P-9)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from backend.errors import ArdError
from backend.evaluate.judges.base import JUDGES, Judge, Scale, Verdict
from backend.evaluate.judges.binary import filled, rating
from backend.evaluate.judges.direct import named
from backend.evaluate.judges.rules import stated
from backend.evaluate.sensitivity.agree import agreement
from backend.evaluate.sensitivity.request import read_words
from backend.resources import resource
from backend.study.settings import AudioSection, ModelSection, NamesSection, Settings
from builders.chat_server import Reply, chat_server, said

WORDS, REFERENCES = read_words("emotion")
EMOTIONS = Scale(
    tuple(WORDS), WORDS, REFERENCES,
)  # fmt: skip
GENDERS = Scale(("female", "male"), read_words("gender")[0])


def settings(folder: str = "m", **names: Any) -> Settings:
    return Settings(model=ModelSection(path=folder), audio=[AudioSection(path="a")], names=NamesSection(**names))


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("The speaker sounds happy.", {"happy"}),
        ("It is full of JOY", {"happy"}),
        ("She is not happy, she is sad.", {"sad"}),
        ("Either anger or sadness.", {"angry", "sad"}),
        ("A dog barks.", set()),
        ("", set()),
    ],
)
def test_rules_find_the_labels_that_are_stated(answer: str, expected: set[str]) -> None:
    assert stated(answer, EMOTIONS) == expected


def test_a_male_voice_is_not_found_in_a_female_one() -> None:
    assert stated("This is a female voice.", GENDERS) == {"female"}
    assert stated("A woman speaks.", GENDERS) == {"female"}


def test_rules_read_nothing_in_an_answer_that_states_several_labels(tmp_path: Path) -> None:
    judge = JUDGES.get("rules").load(settings(), tmp_path)
    assert judge.judge("q", "angry and sad", "sad", EMOTIONS) == Verdict(False, parsed=False, stated="angry,sad")
    assert judge.judge("q", "hmm", "sad", EMOTIONS) == Verdict(False, parsed=True, stated="")


def test_merged_labels_count_as_one() -> None:
    merged = Scale(tuple(WORDS), WORDS, merge={"excited": "happy"})
    assert stated("The speaker is excited and happy.", merged) == {"happy"}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("Explanation: the same.\nRating: 1", 1),
        ("Rating: 0", 0),
        ("Rating: 1.0", 1),
        ("Rating: (1)", None),
        ("Rating: 7", None),
        ("Rating: nan", None),
        ("Rating: -1e309", None),
        ("I cannot say", None),
        ("", None),
    ],
)
def test_rating_is_the_last_word_if_it_is_0_or_1(answer: str, expected: int | None) -> None:
    assert rating(answer) == expected


@pytest.mark.parametrize(
    ("answer", "expected"),
    [("happy", "happy"), ("'Sad'.", "sad"), ("None.", ""), ("happy or sad", None), ("banana", None), ("", None)],
)
def test_direct_judge_must_name_one_label(answer: str, expected: str | None) -> None:
    assert named(answer, tuple(WORDS)) == expected


def test_braces_in_an_answer_are_no_fields_of_the_prompt() -> None:
    assert filled("{answer} to {question}", {"answer": "{question}", "question": "q"}) == "{question} to q"


def endpoint(url: str, name: str, folder: Path) -> Judge:
    return JUDGES.get(name).load(settings(namer="endpoint", model="m", url=url, key_env="", retries=0), folder)


def test_binary_judge_compares_with_the_reference_sentence_and_asks_once(tmp_path: Path) -> None:
    with chat_server([said("Explanation: yes.\nRating: 1")]) as server:
        judge = endpoint(server.url, "binary", tmp_path)
        for _ in range(2):
            assert judge.judge("Which emotion?", "She is glad.", "happy", EMOTIONS) == Verdict(True)
        (body,) = server.bodies()
    (message,) = body["messages"]
    assert message["role"] == "user"
    for block in (
        "[Reference Answer]\nThe speaker's emotion seems happiness.", "[Model Answer]\nShe is glad.",
        "[Question]\nWhich emotion?", "[Task]", "Rating: (int)",
    ):  # fmt: skip
        assert block in message["content"]


@pytest.mark.parametrize("name", ["binary", "direct"])
@pytest.mark.parametrize("nonsense", ["", "¯\\_(ツ)_/¯", "Rating: " + "9" * 400, "happy sad angry 0.5"])
def test_nonsense_of_a_judge_is_no_shift_and_no_error(tmp_path: Path, name: str, nonsense: str) -> None:
    with chat_server(lambda body: said(nonsense)) as server:
        found = endpoint(server.url, name, tmp_path).judge("q", "a", "happy", EMOTIONS)
    assert (found.yes, found.parsed) == (False, False)


def test_endpoint_that_fails_is_an_error_and_no_verdict(tmp_path: Path) -> None:
    with chat_server([Reply(status=500)]) as server, pytest.raises(ArdError, match="could not be used"):
        endpoint(server.url, "direct", tmp_path).judge("q", "a", "happy", EMOTIONS)


def test_judge_without_a_language_model_says_which_to_give(tmp_path: Path) -> None:
    with pytest.raises(ArdError, match=r"no language model.*--judge-model"):
        JUDGES.get("binary").load(settings(), tmp_path)


def test_builtin_judge_reads_answers_of_the_built_in_model(tmp_path: Path) -> None:
    judge = JUDGES.get("builtin").load(settings(str(resource("demo/model"))), tmp_path)
    scale = Scale(("animal", "speech"), kind="category")
    assert judge.judge("q", "It is an animal.", "animal", scale) == Verdict(True, stated="animal")
    assert judge.judge("q", "It is an animal.", "speech", scale) == Verdict(False, stated="animal")
    assert not judge.judge("q", "zzz", "animal", scale).parsed
    with pytest.raises(ArdError, match="cannot be read"):
        judge.judge("q", "a", "animal", Scale((), kind="weather"))
    with pytest.raises(ArdError, match="has no vocabulary"):
        JUDGES.get("builtin").load(settings(str(tmp_path)), tmp_path)


def test_agreement_counts_equal_verdicts_and_leaves_out_what_was_not_read(tmp_path: Path) -> None:
    rules = JUDGES.get("rules").load(settings(), tmp_path)
    answers = [("q", "happy"), ("q", "sad"), ("q", "happy and sad")]
    with chat_server(lambda body: said("happy")) as server:
        found = agreement(rules, endpoint(server.url, "direct", tmp_path), answers, "happy", EMOTIONS)
    assert (found["equal"]["hits"], found["equal"]["n"], found["unparsed"]) == (1, 2, [1, 0])


def test_words_that_are_no_toml_are_named(tmp_path: Path) -> None:
    (tmp_path / "w.toml").write_text("happy = [")
    with pytest.raises(ArdError, match="words of labels cannot be read"):
        read_words(str(tmp_path / "w.toml"))
    with pytest.raises(ArdError, match="one of: emotion, gender"):
        read_words("mood")
