"""Judging whether a name finds a feature's clips (P-10), on cosines and answers written out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.describe.detection import area, best_cut, cross_fitted, judge_by_answers, judge_by_embedder, yes_or_no
from backend.describe.detection_samples import Sample
from backend.resources import resource
from backend.store import concepts
from backend.store.concepts import NO_DETECTION, Concept, ConceptsFile, Detection

EMPTY = np.empty(0, dtype=np.int64)
IDS = np.arange(100, dtype=np.uint64)
PROMPT = "Is {name} heard in this clip? Answer yes or no."


def angles(*cosines: float) -> np.ndarray:
    """Vectors with these cosines with [1, 0], of different lengths."""
    return np.array([[c, np.sqrt(1 - c * c)] for c in cosines]) * np.arange(1, len(cosines) + 1)[:, None]


def texts(vector: Sequence[float]):  # type: ignore[no-untyped-def]
    return lambda names: np.tile(np.array(vector), (len(names), 1))


def four_and_four(hard: np.ndarray = EMPTY) -> Sample:
    return Sample(3, np.arange(4), np.arange(4, 8), hard)


def test_name_that_separates_the_clips_has_score_1() -> None:
    clips = angles(0.9, 0.8, 0.7, 0.6, 0.4, 0.3, 0.2, 0.1)
    (found,) = judge_by_embedder([four_and_four()], ["a bell"], texts([7, 0]), clips, IDS, 4)
    assert (found.balanced_accuracy, found.area, found.active, found.random) == (1, 1, 4, 4)
    assert np.isnan(found.hard_balanced_accuracy)


def test_hard_clips_are_judged_apart() -> None:
    """The hard clips are nearer to the name than the active ones, so that no threshold beats finding everything."""
    clips = angles(0.9, 0.8, 0.7, 0.6, 0.4, 0.3, 0.2, 0.1, 0.95, 0.94, 0.93, 0.92)
    (found,) = judge_by_embedder([four_and_four(np.arange(8, 12))], ["a bell"], texts([1, 0]), clips, IDS, 4)
    assert (found.balanced_accuracy, found.hard, found.hard_area) == (1, 4, 0)
    assert found.hard_balanced_accuracy == 0.5, "all clips are found, none is refused"


def test_threshold_of_one_half_is_tried_on_the_other() -> None:
    """Half A: active 5, 4, inactive 1, 0: θ = 2.5. Half B: active 2, 9, inactive 3, 0: θ = 6 (as good as 1, wider).

    A under θ = 6: no active clip found, both inactive refused. B under θ = 2.5: 9 found, 0 refused, 2 and 3 wrong.
    """
    value = np.array([5.0, 4, 1, 0, 2, 9, 3, 0])
    active = np.array([1, 1, 0, 0, 1, 1, 0, 0], dtype=bool)
    assert cross_fitted(value, active, np.arange(8) < 4) == (1 / 4 + 3 / 4) / 2


@pytest.mark.parametrize(
    ("value", "active", "cut"),
    [
        ([1, 2, 3, 4], [0, 0, 1, 1], 2.5),
        ([1, 2, 3, 9], [0, 1, 0, 1], 6.0),
        ([1, 5, 6, 7], [0, 1, 0, 1], 3.0),
        ([2, 2, 2, 2], [0, 1, 0, 1], -np.inf),
        ([1, 2, 3, 4], [1, 1, 0, 0], -np.inf),
        ([1, 1, 3, 3], [0, 1, 1, 1], 2.0),
    ],
)
def test_best_cut_is_in_the_widest_of_the_best_gaps(value: list[float], active: list[int], cut: float) -> None:
    assert best_cut(np.array(value, dtype=float), np.array(active, dtype=bool)) == cut


def test_area_counts_pairs_and_half_of_ties() -> None:
    """Of 2 × 3 pairs: 3 over 1, 2, 3 gives 2½, 1 gives ½."""
    found = area(np.array([3.0, 1, 1, 2, 3]), np.array([1, 1, 0, 0, 0], dtype=bool))
    assert found == 3 / 6


@given(
    st.lists(st.tuples(st.integers(0, 5), st.booleans(), st.booleans()), min_size=4, max_size=20).filter(
        lambda rows: len({r[1:] for r in rows}) == 4
    )
)
def test_cross_fitted_accuracy_equals_trying_every_threshold(rows: list[tuple[int, bool, bool]]) -> None:
    """On either half the threshold is one of the best there, so nothing does better than it."""
    value, active, half = (np.array(column) for column in zip(*rows, strict=True))
    for one in (half, ~half):
        own, on = value[one].astype(float), active[one]

        def accuracy(cut: float, own: np.ndarray = own, on: np.ndarray = on) -> float:
            return float(((own > cut)[on].mean() + (own <= cut)[~on].mean()) / 2)

        assert accuracy(best_cut(own, on)) == pytest.approx(max(accuracy(cut) for cut in (-1, 0, 1, 2, 3, 4, 5)))
    assert 0 <= cross_fitted(value.astype(float), active, half) <= 1


def test_random_vectors_have_a_score_of_one_half() -> None:
    dice = np.random.default_rng(0)
    samples = [Sample(k, *np.split(dice.permutation(400)[:60], 3)) for k in range(300)]
    clips, ids = dice.standard_normal((400, 16)), dice.permutation(400).astype(np.uint64)
    names = [f"name {k}" for k in range(300)]
    found = judge_by_embedder(samples, names, lambda t: dice.standard_normal((len(t), 16)), clips, ids, 8)
    for field in ("balanced_accuracy", "area", "hard_balanced_accuracy", "hard_area"):
        assert np.mean([getattr(one, field) for one in found]) == pytest.approx(0.5, abs=0.02), field


@pytest.mark.parametrize("vector", [[np.nan, 0.0], [0.0, 0.0], [np.inf, 1.0]])
def test_name_without_a_usable_embedding_has_no_score(vector: list[float]) -> None:
    (found,) = judge_by_embedder([four_and_four()], ["a bell"], texts(vector), angles(*[0.1] * 8), IDS, 4)
    assert np.isnan(found.balanced_accuracy)
    assert np.isnan(found.area)
    assert (found.active, found.random) == (4, 4)


def test_too_few_clips_give_their_number_and_no_score() -> None:
    (found,) = judge_by_embedder([four_and_four()], ["a bell"], texts([1, 0]), angles(*[0.1] * 8), IDS, 5)
    assert np.isnan(found.balanced_accuracy)
    assert (found.active, found.random, found.hard) == (4, 4, 0)


def test_distinct_names_are_embedded_once_and_empty_ones_never() -> None:
    asked: list[list[str]] = []

    def embed(names: Sequence[str]) -> np.ndarray:
        asked.append(list(names))
        return np.ones((len(names), 2))

    found = judge_by_embedder([four_and_four()] * 4, ["b", " ", "a", "b"], embed, angles(*[0.1] * 8), IDS, 4)
    assert asked == [["a", "b"]]
    assert [np.isnan(one.balanced_accuracy) for one in found] == [False, True, False, False]
    judge_by_embedder([four_and_four()], [""], embed, angles(*[0.1] * 8), IDS, 4)
    assert len(asked) == 1


def test_answers_are_asked_for_once_and_scored_by_kind() -> None:
    """Three of four active clips and one of four random ones are said to fit: (3/4 + 3/4)/2."""
    asked: list[tuple[int, str]] = []

    def ask(clips: Sequence[int], question: str) -> list[str]:
        asked.extend((clip, question) for clip in clips)
        return ["Yes, it is." if clip in (0, 1, 2, 4) else "no" for clip in clips]

    question = "Is a bell heard in this clip? Answer yes or no."
    answers = {(0, question): "Yes."}
    sample = four_and_four(np.array([7, 6, 5]))
    (found,), unclear = judge_by_answers([sample], ["a bell"], ask, answers, PROMPT, 3)
    assert (found.balanced_accuracy, found.active, found.random) == (0.75, 4, 4)
    assert (found.hard_balanced_accuracy, found.hard, unclear) == ((3 / 4 + 1) / 2, 3, 0)
    assert asked == [(clip, question) for clip in (1, 2, 3, 4, 5, 6, 7)]
    assert len(answers) == 8
    again, _ = judge_by_answers([sample], ["a bell"], ask, answers, PROMPT, 3)
    assert (again[0].balanced_accuracy, len(asked)) == (0.75, 7)


def test_answers_that_say_neither_are_left_out_and_counted() -> None:
    said = ["Yes.", "It may be.", "yes", "No.", "no", "", "No, it is not.", "A dog barks."]
    (found,), unclear = judge_by_answers([four_and_four()], ["a dog"], lambda c, _: [said[i] for i in c], {}, PROMPT, 2)
    assert (found.active, found.random, unclear) == (3, 2, 3)
    assert found.balanced_accuracy == pytest.approx((2 / 3 + 1) / 2)
    (found,), _ = judge_by_answers([four_and_four()], ["a dog"], lambda c, _: [said[i] for i in c], {}, PROMPT, 3)
    assert np.isnan(found.balanced_accuracy)


def test_feature_without_a_name_is_not_asked_about() -> None:
    def never(clips: Sequence[int], question: str) -> list[str]:
        raise AssertionError("nothing to ask")

    (found,), _ = judge_by_answers([four_and_four()], [""], never, {}, PROMPT, 2)
    assert np.isnan(found.balanced_accuracy)


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("Yes", True), (" yes.", True), ("**Yes**, a bell rings.", True), ("YES!", True), ("The answer is yes.", True),
        ("No", False), ("no, there is none", False), ("Answer: No", False), ("'No'", False),
        ("", None), ("Nobody speaks.", None), ("Yesterday", None), ("No idea.", None), ("I hear a bell.", None),
        ("It could be yes or no.", None),
    ],
)  # fmt: skip
def test_answer_is_read_by_its_first_word(answer: str, said: bool | None) -> None:
    assert yes_or_no(answer) is said


def test_shipped_prompt_asks_about_the_name() -> None:
    prompt = resource("prompts/detection.txt").read_text(encoding="utf-8")
    assert prompt.count("{name}") == 1
    assert prompt.strip() == PROMPT


def test_detection_is_kept_in_the_concepts_file(tmp_path: Path) -> None:
    detection = Detection(0.75, 40, 50, 0.6, 50, 0.81, 0.62)
    rows = [Concept(4, "ok", "a bell", detection=detection), Concept(2, "not named", detection=NO_DETECTION)]
    concepts.write(tmp_path / "concepts.h5", rows, {})
    found = ConceptsFile(tmp_path / "concepts.h5").concepts
    assert found[0].detection == detection
    assert np.isnan(found[1].detection.area)
    assert found[1].detection.active == 0
