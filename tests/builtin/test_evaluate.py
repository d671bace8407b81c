"""The evaluation: who counts in which figure, baselines, failures, and a real model from end to end."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from question_builders import recording

from backend.builtin.answers import Vocabulary, outside_vocabulary, read_answer
from backend.builtin.card import CardSettings, card, sources_of
from backend.builtin.evaluate import (
    Corpus,
    EvaluateSettings,
    describe_corpus,
    evaluate,
    failures,
    figures,
    questions_to_ask,
    write_evaluation,
)
from backend.builtin.examples import Example, Facts, Part, Recording, Sound, Split
from backend.builtin.figures import FIGURES, Asked, Reply
from backend.errors import ArdError
from builders.tiny_models import tiny_qwen2_audio

DOG = Sound("animal", "dog", "a dog barking")
CAT = Sound("animal", "cat", "a cat meowing")
DRUM = Sound("music", "snare drum", "a snare drum", {"family": "percussion"})
SETTINGS = EvaluateSettings(device="cpu")
CARD = CardSettings("toy", "mit", "A toy.")
DOGS: list[Split] = ["train", "train", "train", "train", "validation", "validation", "held_out", "unseen_source"]
DRUMS: list[Split] = ["train", "train", "held_out", "held_out"]


def voice(name: str, sex: str, language: str = "Spanish") -> Sound:
    known = {"language": language, "sex": sex, "voice": name}
    return Sound("speech", f"{language} {name}", f"a {sex} speaking {language}", known)


def alone(one: Recording) -> Example:
    sound = Sound(one.category, one.label, one.phrase, one.attributes)
    return Example(f"single-{one.id}", one.split, (Part(one.id, 0, 0, 1),), Facts((sound,)), 1.0)


def corpus_of(recordings: list[Recording], *more: Example, rendered: tuple[str, ...] = ()) -> Corpus:
    return Corpus([*(alone(one) for one in recordings), *more], recordings, rendered)


def toy() -> Corpus:
    """Eight dogs, two cats, ten drums; known and unseen, recorded and synthetic voices; silence and noise; a pair."""
    recordings = [recording(f"zoo/dog {i}", DOG, split) for i, split in enumerate(DOGS)]
    recordings += [recording("zoo/cat 0", CAT, "train"), recording("zoo/cat 1", CAT, "held_out")]
    recordings += [recording(f"kit/drum {i}", DRUM, DRUMS[i % 4]) for i in range(10)]
    recordings += [
        recording("studio/ana 1", voice("ana", "woman"), "train"),
        recording("studio/ana 2", voice("ana", "woman"), "held_out"),
        recording("studio/bob 1", voice("bob", "man"), "held_out"),
        recording("espeak-ng/m1", voice("m1", "man"), "train", group="m1"),
        recording("espeak-ng/m2", voice("m2", "man"), "held_out", group="m2"),
        recording("espeak-ng/f2", voice("f2", "woman"), "unseen_source", group="f2"),
    ]
    rendered = tuple(one.id for one in recordings if one.source == "espeak-ng")
    pair = Example(
        "pair", "held_out", (Part("zoo/dog 6", 0, 0, 1), Part("kit/drum 2", 1.2, 0, 1)), Facts((DOG, DRUM)), 2.2
    )
    nothing = [
        Example(name, "held_out", (), Facts((), nothing=name), 1.0, None, -40.0) for name in ("silence", "noise")
    ]
    return corpus_of(recordings, pair, *nothing, rendered=rendered)


def answered(corpus: Corpus, answer: Callable[[Asked], str]) -> list[Reply]:
    vocabulary = Vocabulary(sound for example in corpus.examples for sound in example.facts.sounds)
    replies = []
    for asked in questions_to_ask(corpus, SETTINGS):
        text = answer(asked)
        outside = outside_vocabulary(text, asked.example.facts, vocabulary)
        replies.append(Reply(asked, text, read_answer(asked.dialogue.kind, text, vocabulary), tuple(outside)))
    return replies


def by_name(found: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in found}


def of(corpus: Corpus, answer: Callable[[Asked], str]) -> dict[str, dict[str, Any]]:
    return by_name(figures(answered(corpus, answer), corpus))


def the_truth(asked: Asked) -> str:
    return asked.dialogue.answer


def test_true_answers_are_right_in_every_figure() -> None:
    found = of(toy(), the_truth)
    for name, one in found.items():
        assert one["balanced"] in (1.0, None), name
        assert one["reached"] is (None if one["goal"] is None or one["n"] == 0 else True), name
    assert not failures(answered(toy(), the_truth))


def test_every_figure_of_the_card_is_there() -> None:
    assert list(of(toy(), the_truth)) == [figure.name for figure in FIGURES]
    assert len({figure.name for figure in FIGURES}) == len(FIGURES)


def test_always_the_same_answer_gets_one_class_right() -> None:
    """Held-out categories: animal, music, speech."""
    category = of(toy(), lambda asked: "This is music.")["category"]
    assert category["balanced"] == pytest.approx(1 / 3)
    assert {one["name"]: one["recall"] for one in category["classes"]} == {"animal": 0, "music": 1, "speech": 0}
    assert category["reached"] is False
    assert category["confusions"][0] == {"expected": "speech", "read": "music", "n": 3}


def test_only_labels_with_enough_recordings_count() -> None:
    """Eight dogs and ten drums, but two cats."""
    label = of(toy(), the_truth)["label"]
    assert [one["name"] for one in label["classes"]] == ["dog", "snare drum"]
    assert "cat" in [one["name"] for one in of(toy(), the_truth)["what"]["classes"]]


def test_voices_are_counted_by_what_training_knows_of_them() -> None:
    found = of(toy(), the_truth)
    assert found["sex_synthetic"]["speakers"] == {"man": 1, "woman": 1}
    assert found["sex_recorded"]["speakers"] == {"woman": 1}
    assert found["sex_recorded_unseen"]["speakers"] == {"man": 1}
    assert found["language"]["n"] == 3
    assert found["language_known"]["n"] == 1
    assert found["language_unseen"]["n"] == 3


def test_a_mixture_counts_for_what_is_heard_and_for_order_only() -> None:
    found = of(toy(), lambda asked: "A snare drum." if len(asked.example.facts.sounds) == 2 else asked.dialogue.answer)
    assert found["what_mixtures"]["balanced"] == 0
    assert found["order"]["balanced"] == 0
    assert found["what"]["balanced"] == found["label"]["balanced"] == 1


def test_silence_and_noise_may_be_told_in_either_way_but_hold_no_sound() -> None:
    assert of(toy(), lambda asked: "There is no clear sound.")["nothing"]["balanced"] == 1
    assert of(toy(), lambda asked: "A dog barking.")["nothing"]["balanced"] == 0
    assert of(toy(), lambda asked: "It is a helicopter.")["nothing"]["balanced"] == 0


def test_an_invented_answer_to_what_does_not_apply_is_wrong() -> None:
    absent = of(toy(), lambda asked: "It is Spanish." if asked.dialogue.kind == "language" else asked.dialogue.answer)[
        "absent"
    ]
    assert {one["name"]: one["recall"] for one in absent["classes"]}["language"] == 0
    assert {one["name"]: one["recall"] for one in absent["classes"]}["sex"] == 1


def test_a_caption_may_not_claim_another_sound() -> None:
    found = of(toy(), lambda asked: asked.dialogue.answer + " A cat meowing.")["caption_true"]
    assert {one["name"]: one["recall"] for one in found["classes"]}["several sounds"] == 0


def test_unseen_phrasings_are_scored_apart() -> None:
    found = of(toy(), lambda asked: "" if asked.unseen else asked.dialogue.answer)["category"]
    assert found["balanced"] == 1
    assert found["unseen_phrasing"]["balanced"] == 0
    assert found["unseen_phrasing"]["n"] == found["n"]


def test_the_majority_is_that_of_the_training_split() -> None:
    """Training: 4 dogs and a cat, 6 drums, 2 voices; held out: animal, music, speech."""
    majority = of(toy(), the_truth)["category"]["majority"]
    assert majority["class"] == "music"
    assert majority["balanced"] == pytest.approx(1 / 3)


def test_the_probe_stands_beside_choices_where_features_are_given() -> None:
    plain = toy()
    codes = {"animal": 0, "music": 1, "speech": 2}
    pooled = np.zeros((len(plain.examples), 3), dtype=np.float32)
    for row, example in enumerate(plain.examples):
        for sound in example.facts.sounds:
            pooled[row, codes[sound.category]] += 1
    corpus = Corpus(plain.examples, plain.recordings, plain.rendered, pooled)
    found = of(corpus, the_truth)
    assert found["category"]["probe"]["balanced"] == 1
    assert found["nothing"]["probe"] is None
    assert of(plain, the_truth)["category"]["probe"] is None


def test_a_class_that_training_lacks_is_wrong_for_every_baseline() -> None:
    corpus = corpus_of([recording("zoo/dog", DOG, "train"), recording("kit/drum", DRUM, "held_out")])
    assert of(corpus, the_truth)["category"]["majority"] == {"class": "animal", "balanced": 0, "low": 0, "high": 0}


def test_a_failure_names_its_figures_its_recording_and_the_answer() -> None:
    corpus = corpus_of([recording("zoo/dog", DOG, "held_out")])
    replies = answered(
        corpus, lambda asked: "This is speech." if asked.dialogue.kind == "category" else asked.dialogue.answer
    )
    seen, unseen = failures(replies)
    assert unseen["unseen_phrasing"]
    assert seen["figures"] == ["category"]
    assert (seen["recordings"], seen["expected"], seen["read"], seen["answer"]) == (
        ["zoo/dog"], "animal", "speech", "This is speech.",
    )  # fmt: skip


def test_of_each_class_a_few_answers_count_from_as_many_groups_as_there_are() -> None:
    """Two groups with ten dogs each: of four questions two go to each group."""
    recordings = [recording(f"zoo/dog {i}", DOG, "held_out", group=f"day {i // 10}") for i in range(20)]
    asked = questions_to_ask(corpus_of(recordings), EvaluateSettings(per_class=4, per_class_unseen=1))
    category = [one for one in asked if "category" in one.figures]
    assert Counter(one.origin.group for one in category if not one.unseen) == {"day 0": 2, "day 1": 2}
    assert sum(one.unseen for one in category) == 1


def test_only_held_out_examples_are_asked_about() -> None:
    assert {asked.example.split for asked in questions_to_ask(toy(), SETTINGS)} == {"held_out", "unseen_source"}


def test_an_example_of_an_unknown_recording_is_named() -> None:
    lost = alone(recording("zoo/dog", DOG, "held_out"))
    with pytest.raises(ArdError, match="uses the recording 'zoo/dog'"):
        questions_to_ask(Corpus([lost], [], ()), SETTINGS)


def test_features_must_belong_to_the_examples() -> None:
    with pytest.raises(ArdError, match="1 examples have 2 rows"):
        Corpus([alone(recording("zoo/dog", DOG))], [], (), np.zeros((2, 3), dtype=np.float32))


def test_the_corpus_is_counted() -> None:
    counts = describe_corpus(toy())
    assert counts["unseen_source"] == {"examples": 2, "recordings": 2, "rendered": 1}


def hum(example: Example) -> np.ndarray:
    dice = np.random.default_rng(len(example.id))
    return (0.05 * dice.standard_normal(round(16_000 * example.seconds))).astype(np.float32)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_qwen2_audio(tmp_path_factory.mktemp("evaluated"), window_seconds=10)


def test_a_real_model_is_evaluated_from_its_folder(model: Path) -> None:
    corpus = corpus_of([recording("zoo/dog", DOG, "train"), recording("zoo/cat", CAT, "held_out")])
    told: list[tuple[int, int]] = []
    found = evaluate(model, corpus, hum, SETTINGS, progress=lambda done, all_: told.append((done, all_)))
    assert told == [(1, 1)]
    assert by_name(found["figures"])["category"]["n"] == 1
    assert all(one["answer"] is not None for one in found["failures"])
    json.dumps(found, allow_nan=False)
    assert "| Category | 0.00 (0.00–0.00) | 1 | 1 |" in card(found, sources_of(corpus.recordings), CARD)


def test_an_evaluation_is_made_once(model: Path, tmp_path: Path) -> None:
    path = tmp_path / "evaluation.json"
    corpus = corpus_of([recording("zoo/dog", DOG, "train"), recording("zoo/cat", CAT, "held_out")])

    def never(example: Example) -> np.ndarray:
        raise AssertionError("answered again")

    first = write_evaluation(path, model, corpus, hum, SETTINGS)
    assert write_evaluation(path, model, corpus, never, SETTINGS) == first
    with pytest.raises(AssertionError):
        write_evaluation(path, model, corpus_of([recording("zoo/cat", CAT, "held_out")]), never, SETTINGS)


def test_a_folder_without_weights_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArdError, match="has no weights"):
        write_evaluation(tmp_path / "evaluation.json", tmp_path, toy(), hum, SETTINGS)
