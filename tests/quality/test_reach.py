"""Whose answer is given when two clips exchange their audio positions."""

from __future__ import annotations

import numpy as np
import pytest

from backend.errors import ArdError
from backend.jobs.job import quiet_job
from backend.quality.reach import Reach, deepest, reach
from backend.study.settings import ModelSection
from backend.targets.base import Target
from backend.targets.load import load_target
from builders.tiny_models import tiny_qwen2_audio

QUESTION = "What is heard?"


@pytest.fixture(scope="module")
def qwen(tmp_path_factory: pytest.TempPathFactory) -> Target:
    return load_target(ModelSection(path=str(tiny_qwen2_audio(tmp_path_factory.mktemp("qwen"))), device="cpu"))


def noise(seed: int, seconds: float = 1.0) -> np.ndarray:
    return (np.random.default_rng(seed).normal(0, 0.1, round(16000 * seconds))).astype(np.float32)


def tone(hertz: float) -> np.ndarray:
    return np.sin(2 * np.pi * hertz * np.arange(16000) / 16000).astype(np.float32)


def test_answer_keeps_to_its_clip_at_the_last_layer(qwen: Target) -> None:
    last = f"decoder.{qwen.stacks()['decoder'] - 1}"
    pairs = [(noise(i), tone(200.0 * 2**i)) for i in range(6)]
    (found,) = reach(qwen, [last], pairs, QUESTION, max_new_tokens=6, job=quiet_job())
    # nothing above the last layer reads the audio positions
    assert (found.layer, found.follows, found.keeps) == (last, 0.0, 1.0)
    assert found.pairs % 2 == 0


def test_answer_follows_the_audio_when_all_of_it_is_exchanged(qwen: Target) -> None:
    last = f"encoder.{qwen.stacks()['encoder'] - 1}"
    (found,) = reach(
        qwen, [last], [(noise(i), tone(200.0 * 2**i)) for i in range(6)], QUESTION, max_new_tokens=6, job=quiet_job()
    )
    # the decoder hears nothing but what the tower's last layer gave it
    assert (found.follows, found.keeps) == (1.0, 0.0)


def test_clips_of_different_length_cannot_be_exchanged(qwen: Target) -> None:
    with pytest.raises(ArdError, match="one length"):
        reach(qwen, ["decoder.0"], [(noise(0), noise(1, 0.5))], QUESTION, max_new_tokens=2, job=quiet_job())


def test_clips_that_are_answered_alike_say_nothing(qwen: Target) -> None:
    with pytest.raises(ArdError, match="no two clips"):
        reach(qwen, ["decoder.0"], [(noise(0), noise(0))], QUESTION, max_new_tokens=2, job=quiet_job())


def test_deepest_layer_is_the_last_before_the_answers_stop_following() -> None:
    found = [Reach("a", 4, 1.0, 0.0), Reach("b", 4, 0.75, 0.0), Reach("c", 4, 0.5, 0.5), Reach("d", 4, 0.8, 0.0)]
    assert deepest(found, 0.7) == "b"
    with pytest.raises(ArdError, match="at every layer"):
        deepest(found[2:], 0.7)
