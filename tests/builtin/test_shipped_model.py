"""The model that ships: right about the clips that ship with it, and sensible about bad input."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from backend.builtin.answers import Vocabulary, outside_vocabulary, read_answer
from backend.builtin.embedder import load_embedder
from backend.builtin.encode import TowerEncoder
from backend.builtin.examples import CATEGORIES, RATE, Example, Facts
from backend.builtin.shipped import ClipAnswer, ask_shipped, clip_examples, clip_wave, read_vocabulary, shares
from backend.builtin.train_embedder import recall_at
from backend.resources import resource
from backend.study.settings import ModelSection
from backend.targets.load import load_target
from backend.targets.qwen2_audio import Qwen2Audio

Wave = npt.NDArray[np.float32]
ENOUGH = 0.85
LEAST = {
    **dict.fromkeys(("absent", "category", "count", "language", "music", "pitch", "rate", "sex", "speech"), ENOUGH),
    # these fall short of it; the card lists every wrong answer, docs/built-in-model.md says why
    "caption": 0.55, "family": 0.7, "label": 0.5, "what": 0.55,
}  # fmt: skip
CLIPS = resource("demo/clips")


@pytest.fixture(scope="module")
def target() -> Qwen2Audio:
    found = load_target(ModelSection(path=str(resource("demo/model")), device="cpu"))
    assert isinstance(found, Qwen2Audio)
    return found


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return read_vocabulary(resource("demo/model"))


@pytest.fixture(scope="module")
def answers(target: Qwen2Audio, vocabulary: Vocabulary) -> list[ClipAnswer]:
    """About every third clip; `make soak` asks about all."""
    return ask_shipped(target, CLIPS, vocabulary, slice(1, None, 3))


def clips(category: str, count: int) -> list[Wave]:
    """The first shipped clips of a category that are at least two seconds long."""
    long = (one.id for one in clip_examples(CLIPS) if one.facts.sounds[0].category == category and one.seconds >= 2)
    return [clip_wave(CLIPS, name) for name, _ in zip(long, range(count), strict=False)]


def clip(category: str) -> Wave:
    return clips(category, 1)[0]


def noise(seconds: float, level: float = 0.1) -> Wave:
    return (level * np.random.default_rng(5).standard_normal(round(seconds * RATE))).astype(np.float32)


@pytest.fixture(scope="module")
def tower_rows(target: Qwen2Audio) -> list[npt.NDArray[np.float16]]:
    encoder = TowerEncoder(target.model.model.audio_tower, target.extractor)
    return [encoder.encode([clip_wave(CLIPS, one.id)])[0] for one in clip_examples(CLIPS)]


def nothing(what: str) -> Example:
    return Example("none", "held_out", (), Facts((), nothing=what), 1.0)


def test_model_is_of_the_class_of_the_large_ones_and_small(target: Qwen2Audio) -> None:
    assert type(target.model).__name__ == "Qwen2AudioForConditionalGeneration"
    assert sum(file.stat().st_size for file in resource("demo/model").iterdir()) <= 40 * 2**20


def test_clips_are_as_many_and_as_long_as_they_should_be() -> None:
    examples = clip_examples(CLIPS)
    assert 150 <= len(examples) <= 300
    assert all(1 <= one.seconds <= 10 for one in examples)
    assert {one.facts.sounds[0].category for one in examples} == set(CATEGORIES)
    assert sum(file.stat().st_size for file in CLIPS.rglob("*") if file.is_file()) <= 12 * 2**20


@pytest.mark.parametrize("kind", LEAST)
def test_answers_about_the_shipped_clips_are_right(answers: list[ClipAnswer], kind: str) -> None:
    right, asked = shares(answers)[kind]
    wrong = [f"{one.clip}: {one.answer}" for one in answers if one.type == kind and not one.right]
    assert right >= LEAST[kind] * asked, wrong


def test_embedder_finds_the_clips_of_a_caption(
    target: Qwen2Audio, tower_rows: list[npt.NDArray[np.float16]]
) -> None:  # fmt: skip
    embedder = load_embedder(resource("demo/embedder"))
    captions = [one.facts.sounds[0].phrase for one in clip_examples(CLIPS)]

    def tokenize(text: str) -> list[int]:
        return list(target.processor.tokenizer(text, add_special_tokens=False)["input_ids"])

    found = recall_at(embedder, tower_rows, captions, tokenize)
    # chance is about 0.1 with so few clips
    assert found["recall_at_10"] > 0.6 > 4 * found["chance"]
    # clips that belong to other captions are not found
    assert recall_at(embedder, tower_rows[::-1], captions, tokenize)["recall_at_10"] < 0.4


@pytest.mark.soak
def test_answers_about_all_shipped_clips_are_right(target: Qwen2Audio, vocabulary: Vocabulary) -> None:
    found = shares(ask_shipped(target, CLIPS, vocabulary))
    assert [kind for kind, (right, asked) in found.items() if right < LEAST[kind] * asked] == []


def test_every_type_of_question_is_asked(answers: list[ClipAnswer]) -> None:
    assert set(shares(answers)) == set(LEAST)


@pytest.mark.parametrize("question", ["What do you hear?", "Describe the audio clip in detail.", "Name the sound."])
def test_silence_has_no_clear_sound(target: Qwen2Audio, vocabulary: Vocabulary, question: str) -> None:
    said = target.generate(np.zeros(2 * RATE, np.float32), question, 64)
    assert read_answer("what", said, vocabulary) == "silence"
    assert outside_vocabulary(said, nothing("silence").facts, vocabulary) == []


@pytest.mark.parametrize("seconds", [0.5, 3.0, 9.0])
def test_white_noise_names_no_sound(target: Qwen2Audio, vocabulary: Vocabulary, seconds: float) -> None:
    said = target.generate(noise(seconds), "What do you hear?", 64)
    assert outside_vocabulary(said, nothing("noise").facts, vocabulary) == []


@pytest.mark.parametrize("category", ["speech", "music", "animal"])
def test_clipped_sounds_are_still_of_their_category(
    target: Qwen2Audio, vocabulary: Vocabulary, category: str
) -> None:  # fmt: skip
    clipped = [np.clip(wave * (4 / np.abs(wave).max()), -1, 1) for wave in clips(category, 12)]
    said = [read_answer("category", target.generate(wave, "What kind of sound is this?", 32), vocabulary)
            for wave in clipped]  # fmt: skip
    assert said.count(category) >= 9, said


def test_tenth_of_a_second_gets_an_answer(target: Qwen2Audio, vocabulary: Vocabulary) -> None:
    said = target.generate(clip("music")[: RATE // 10], "What kind of sound is this?", 32)
    assert read_answer("category", said, vocabulary) in (*CATEGORIES, "silence", "noise")


def test_of_thirty_seconds_the_first_ten_are_heard(target: Qwen2Audio) -> None:
    speech = clip("speech")
    long = np.tile(speech, 1 + 30 * RATE // len(speech))[: 30 * RATE]
    question = "What do you hear?"
    assert target.generate(long, question, 64) == target.generate(long[: 10 * RATE], question, 64) != ""


def test_speech_is_heard_over_music(target: Qwen2Audio, vocabulary: Vocabulary) -> None:
    speech, music = clip("speech"), clip("music")
    under = np.resize(music, len(speech)) * (0.35 * np.std(speech) / np.std(music))
    said = target.generate((speech + under).astype(np.float32), "Is somebody speaking?", 32)
    assert read_answer("speech", said, vocabulary) == "yes"
