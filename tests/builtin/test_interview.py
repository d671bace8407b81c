"""Many questions at once get the answers that the model gives one at a time."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from backend.builtin.interview import interview
from backend.errors import ArdError
from backend.study.settings import ModelSection
from backend.targets.load import load_target
from backend.targets.qwen2_audio import Qwen2Audio
from builders.tiny_models import tiny_qwen2_audio

RATE = 16_000
QUESTIONS = ("What do you hear?", "Generate a detailed caption for the audio clip", "Is it a man or a woman?")


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Qwen2Audio:
    torch.set_num_threads(1)
    folder = tiny_qwen2_audio(tmp_path_factory.mktemp("model"), window_seconds=10)
    found = load_target(ModelSection(path=str(folder), device="cpu"))
    assert isinstance(found, Qwen2Audio)
    return found


def clip(seconds: float, seed: int) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).standard_normal(round(seconds * RATE))).astype(np.float32)


@pytest.mark.parametrize("batch", [1, 4, 32])
def test_answers_are_those_of_the_models_own_path(target: Qwen2Audio, batch: int) -> None:
    """Clips of one audio token, of many, and of more than the window."""
    clips = [clip(seconds, number) for number, seconds in enumerate((0.025, 0.1, 1.0, 3.3, 11.0))]
    questions = [QUESTIONS[: 1 + number % 3] for number in range(len(clips))]
    answers = interview(target, clips, questions, batch=batch, max_new_tokens=12)
    alone = [
        [target.generate(one, question, max_new_tokens=12) for question in asked]
        for one, asked in zip(clips, questions, strict=True)
    ]
    assert answers == alone
    assert len({answer for asked in answers for answer in asked}) > 5


def test_each_clip_goes_through_the_tower_once(target: Qwen2Audio) -> None:
    heard = []
    handle = target.model.model.audio_tower.register_forward_hook(lambda *values: heard.append(len(values[1][0])))
    try:
        interview(target, [clip(1, 0), clip(2, 1)], [QUESTIONS, QUESTIONS], max_new_tokens=2)
    finally:
        handle.remove()
    assert heard == [2]


def test_a_clip_without_questions_gets_no_answers(target: Qwen2Audio) -> None:
    assert interview(target, [clip(1, 0)], [()]) == [[]]
    assert interview(target, [], []) == []


def test_a_clip_that_is_too_short_is_named(target: Qwen2Audio) -> None:
    with pytest.raises(ArdError, match="too short for the model: 100 samples"):
        interview(target, [clip(1, 0), np.zeros(100, dtype=np.float32)], [QUESTIONS, QUESTIONS])
