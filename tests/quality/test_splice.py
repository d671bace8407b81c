"""The spliced condition: x̂ in place of x where the SAE reads, and nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from backend.errors import ArdError
from backend.jobs.job import quiet_job
from backend.quality.splice import SplicedAnswer, SpliceReport, splice
from backend.sae.base import Sae, build
from backend.sae.config import SaeConfig
from backend.study.settings import ModelSection
from backend.targets.base import Target
from backend.targets.load import load_target
from backend.targets.tap import tap
from builders.tiny_models import tiny_hubert, tiny_qwen2_audio, tiny_whisper

WAVE = np.random.default_rng(0).normal(0, 0.1, 16000).astype(np.float32)
QUESTION = "What is heard?"


@pytest.fixture(scope="module")
def qwen(tmp_path_factory: pytest.TempPathFactory) -> Target:
    return load_target(ModelSection(path=str(tiny_qwen2_audio(tmp_path_factory.mktemp("qwen"))), device="cpu"))


@pytest.fixture(scope="module")
def whisper(tmp_path_factory: pytest.TempPathFactory) -> Target:
    return load_target(ModelSection(path=str(tiny_whisper(tmp_path_factory.mktemp("whisper"))), device="cpu"))


def perfect(d: int) -> Sae:
    """An SAE that gives back its input: features ±e_i and K = 2d."""
    sae = build(SaeConfig("topk", d, 2 * d, 2 * d, bias_mode="none"))
    with torch.no_grad():
        directions = torch.cat([torch.eye(d), -torch.eye(d)])
        sae.W_enc.copy_(directions)
        sae.W_dec.copy_(directions)
    return sae.eval()


def broken(d: int) -> Sae:
    """An SAE that gives back zeros."""
    sae = perfect(d)
    with torch.no_grad():
        sae.W_dec.zero_()
    return sae


@pytest.mark.parametrize("layer", ["decoder.1", "encoder.0"])
def test_sae_that_reconstructs_exactly_changes_no_answer(qwen: Target, layer: str) -> None:
    report = splice(
        qwen, perfect(qwen.width(layer)), layer, [("a", WAVE, QUESTION)], max_new_tokens=8, job=quiet_job(), total=1
    )
    (answer,) = report.answers
    assert answer.original == answer.reconstructed
    assert answer.loss_reconstructed == pytest.approx(answer.loss_original, abs=1e-4)
    assert report.unchanged == 1


def test_whisper_encoder_is_spliced_too(whisper: Target) -> None:
    width = whisper.width("encoder.0")
    asked = [("a", WAVE, "")]
    same = splice(whisper, perfect(width), "encoder.0", asked, max_new_tokens=8, job=quiet_job(), total=1)
    other = splice(whisper, broken(width), "encoder.0", asked, max_new_tokens=8, job=quiet_job(), total=1)
    assert same.losses()[1] == pytest.approx(same.losses()[0], abs=1e-4)
    assert abs(other.losses()[1] - other.losses()[0]) > 1e-3


def test_loss_of_an_answer_is_the_mean_over_its_tokens_and_its_end(qwen: Target) -> None:
    said = "ab"
    tokenizer = qwen.processor.tokenizer  # type: ignore[attr-defined]
    inputs = qwen.processor(  # type: ignore[attr-defined]
        text=qwen.chat(QUESTION) + said + tokenizer.eos_token,  # type: ignore[attr-defined]
        audio=[WAVE], sampling_rate=16000, return_tensors="pt",
    )  # fmt: skip
    count = len(tokenizer(said)["input_ids"]) + 1
    logits = qwen.model(**inputs).logits[0].log_softmax(-1)
    ids = inputs["input_ids"][0]
    expected = -torch.stack([logits[len(ids) - count - 1 + i, ids[len(ids) - count + i]] for i in range(count)]).mean()
    assert qwen.answer_loss(WAVE, QUESTION, said) == pytest.approx(float(expected), rel=1e-4)


def test_only_the_audio_positions_are_replaced(qwen: Target) -> None:
    seen: list[torch.Tensor] = []

    def keep(x: torch.Tensor) -> torch.Tensor:
        seen.append(x.clone())
        return torch.zeros_like(x)

    block = qwen.module("decoder.1")[1]
    with qwen.spliced("decoder.1", len(WAVE), keep):
        after = tap({"x": block}, lambda: qwen.answer_loss(WAVE, QUESTION, "ab"))["x"][0]
    (alone,) = qwen.encode([WAVE], ["decoder.1"])
    torch.testing.assert_close(seen[0], alone.x["decoder.1"], rtol=1e-4, atol=1e-4)
    zero = (after == 0).all(1)
    assert int(zero.sum()) == len(alone.x["decoder.1"])
    assert not bool(zero[0])
    assert not bool(zero[-1])


def test_decoding_steps_are_left_alone(qwen: Target) -> None:
    calls: list[int] = []

    def count(x: torch.Tensor) -> torch.Tensor:
        calls.append(len(x))
        return x

    with qwen.spliced("decoder.1", len(WAVE), count):
        qwen.generate(WAVE, QUESTION, 6)
    assert calls == [25]


def test_models_that_cannot_answer_say_so(tmp_path: Path, whisper: Target) -> None:
    hubert = load_target(ModelSection(path=str(tiny_hubert(tmp_path)), device="cpu"))
    with pytest.raises(ArdError, match="does not generate text"):
        splice(hubert, perfect(4), "encoder.0", [("a", WAVE, "")], max_new_tokens=4, job=quiet_job(), total=1)
    with pytest.raises(ArdError, match="transcript that would change"):
        whisper.spliced("decoder.0", 16000, lambda x: x)


def test_share_of_unchanged_answers_and_its_interval() -> None:
    answers = tuple(SplicedAnswer(str(i), "q", "a", "a" if i < 9 else "b", 1.0, 2.0) for i in range(10))
    report = SpliceReport(answers)
    assert report.unchanged == 0.9
    assert report.interval() == pytest.approx((0.5958, 0.9821), abs=1e-4)
    assert report.losses() == (1.0, 2.0)
