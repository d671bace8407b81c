"""Qwen2-Audio class: token counts, positions, prefix and layers (A-03 … A-08)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from backend.errors import ArdError
from backend.study.settings import ModelSection
from backend.targets.check import relative_difference
from backend.targets.load import load_target
from backend.targets.qwen2_audio import Qwen2Audio
from backend.targets.token_counts import audio_tokens
from builders.tiny_models import tiny_qwen2_audio

RATE = 16000


def load(folder: Path, **settings: Any) -> Qwen2Audio:
    target = load_target(ModelSection(path=str(folder), **settings))
    assert isinstance(target, Qwen2Audio)
    return target


@pytest.fixture(scope="module")
def target(models: dict[str, Path]) -> Qwen2Audio:
    return load(models["qwen2_audio"])


def clip(samples: int, seed: int = 0) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).standard_normal(samples)).astype(np.float32)


@pytest.mark.parametrize(
    ("seconds", "tokens"), [(0.5, 12), (1, 25), (1.5, 37), (4.46, 111), (5, 125), (9.9, 247), (10, 250), (30, 750)]
)
def test_the_token_counts_of_a_05(target: Qwen2Audio, seconds: float, tokens: int) -> None:
    samples = round(seconds * RATE)
    assert audio_tokens(samples) == tokens
    (one,) = target.encode([clip(samples)], ["decoder.0"])
    assert one.x["decoder.0"].shape == (tokens, 32)
    assert one.seconds[-1, 1] == pytest.approx(tokens * 0.04)


@pytest.mark.parametrize("seconds", [0.5, 4.46, 10])
def test_the_count_is_that_of_the_models_own_processor(target: Qwen2Audio, seconds: float) -> None:
    samples = round(seconds * RATE)
    inputs = target.processor(text=target.prompt, audio=[clip(samples)], sampling_rate=RATE, return_tensors="pt")
    assert int((inputs["input_ids"] == target.audio_id).sum()) == audio_tokens(samples)


def test_of_31_seconds_the_first_30_are_read(target: Qwen2Audio) -> None:
    long = clip(31 * RATE)
    cut, whole = target.encode([long[: 30 * RATE]], ["last"])[0], target.encode([long], ["last"])[0]
    assert whole.x["decoder.2"].shape[0] == target.token_count(len(long), "last") == 750
    torch.testing.assert_close(whole.x["decoder.2"], cut.x["decoder.2"])


@pytest.mark.parametrize("samples", [0, 1, 320])
def test_up_to_320_samples_give_no_token(target: Qwen2Audio, samples: int) -> None:
    (one,) = target.encode([clip(samples)], ["decoder.1", "encoder.0"])
    assert one.x["decoder.1"].shape == (0, 32)
    assert one.x["encoder.0"].shape == (0, 16)
    assert one.seconds.shape == (0, 2)


@pytest.mark.parametrize("prefix", ["chat", "bare"])
@pytest.mark.parametrize("samples", [321, 400, 800, 960])
def test_a_single_audio_token_is_read_alone_as_beside_others(
    models: dict[str, Path], samples: int, prefix: str
) -> None:
    # alone it takes the library's old merge, beside longer clips the present one
    target = load(models["qwen2_audio"], prefix=prefix)
    (alone,) = target.encode([clip(samples)], ["last"])
    beside, _ = target.encode([clip(samples), clip(RATE, 1)], ["last"])
    assert len(alone.x["decoder.2"]) == 1
    assert relative_difference(beside.x["decoder.2"], alone.x["decoder.2"]) <= 1e-5
    (other,) = target.encode([clip(samples, 5)], ["last"])
    assert relative_difference(other.x["decoder.2"], alone.x["decoder.2"]) > 1e-3


def test_the_output_of_a_block_is_the_next_hidden_state(target: Qwen2Audio) -> None:
    wave = clip(RATE)
    (one,) = target.encode([wave], ["decoder.0", "decoder.1"])
    inputs = target.processor(text=target.prompt, audio=[wave], sampling_rate=RATE, return_tensors="pt")
    with torch.no_grad():
        states = target.model(**inputs, output_hidden_states=True).hidden_states
    at = inputs["input_ids"][0] == target.audio_id
    for layer in (0, 1):
        torch.testing.assert_close(one.x[f"decoder.{layer}"], states[layer + 1][0, at], rtol=1e-5, atol=1e-5)


def test_audio_states_follow_the_prefix_and_not_the_suffix(target: Qwen2Audio) -> None:
    wave = clip(RATE)
    before, after = target.before, target.after
    try:
        (plain,) = target.encode([wave], ["last"])
        target.after = target.processor.tokenizer("Is this rain?")["input_ids"] + after
        (suffix,) = target.encode([wave], ["last"])
        target.before, target.after = [*before[:5], before[5] + 1, *before[6:]], after
        (prefix,) = target.encode([wave], ["last"])
    finally:
        target.before, target.after = before, after
    assert float((suffix.x["decoder.2"] - plain.x["decoder.2"]).abs().max()) <= 1e-5
    assert relative_difference(prefix.x["decoder.2"], plain.x["decoder.2"]) > 1e-3


def test_only_the_asked_positions_are_read(models: dict[str, Path]) -> None:
    wave = clip(RATE)
    found = {kind: load(models["qwen2_audio"], tokens=kind) for kind in ("audio", "prompt", "all")}
    rows = {kind: target.encode([wave], ["last"])[0] for kind, target in found.items()}
    start, text = len(found["all"].before), len(found["all"].before) + len(found["all"].after)
    x = {kind: row.x["decoder.2"] for kind, row in rows.items()}
    assert [len(x[kind]) for kind in ("audio", "prompt", "all")] == [25, text, 25 + text]
    torch.testing.assert_close(x["all"][start : start + 25], x["audio"])
    torch.testing.assert_close(torch.cat([x["all"][:start], x["all"][start + 25 :]]), x["prompt"])
    assert np.isnan(rows["prompt"].seconds).all()
    assert np.isnan(rows["all"].seconds[:start]).all()
    np.testing.assert_array_equal(rows["all"].seconds[start : start + 25], rows["audio"].seconds)


def test_the_chat_prefix_holds_the_system_prompt_and_no_question(target: Qwen2Audio) -> None:
    assert target.prompt.startswith("<|im_start|>system\nYou are a helpful assistant.")
    assert target.describe()["prompt"] == target.prompt


def test_bare_leaves_the_placeholder_alone(models: dict[str, Path]) -> None:
    bare = load(models["qwen2_audio"], prefix="bare", tokens="all")
    assert bare.prompt == "<|AUDIO|>"
    assert len(bare.encode([clip(RATE)], ["last"])[0].x["decoder.2"]) == 25
    with pytest.raises(ArdError, match="leaves no prompt tokens"):
        load(models["qwen2_audio"], prefix="bare", tokens="prompt")


def test_the_window_comes_from_the_feature_extractor(tmp_path: Path) -> None:
    target = load(tiny_qwen2_audio(tmp_path, window_seconds=10))
    assert target.window_seconds == 10
    (one,) = target.encode([clip(11 * RATE)], ["decoder.0", "encoder.0"])
    assert one.x["decoder.0"].shape[0] == 250
    assert one.x["encoder.0"].shape[0] == 500


@pytest.mark.parametrize("samples", [500, 16000])
def test_the_answer_is_that_of_the_models_own_generate(target: Qwen2Audio, samples: int) -> None:
    wave = clip(samples)
    inputs = target.processor(text=target.chat("What is it?"), audio=[wave], sampling_rate=RATE, return_tensors="pt")
    ids = inputs["input_ids"]
    answer: list[int] = []
    for _ in range(6):  # greedy by hand, without a cache
        full = torch.cat([ids, torch.tensor([answer], dtype=torch.long)], dim=1)
        values = {**inputs, "input_ids": full, "attention_mask": torch.ones_like(full)}
        with torch.no_grad():
            answer.append(int(target.model(**values).logits[0, -1].argmax()))
        if answer[-1] == target.model.generation_config.eos_token_id:
            break
    expected = target.processor.tokenizer.decode(answer, skip_special_tokens=True).strip()
    assert target.generate(wave, "What is it?", max_new_tokens=6) == expected


def test_a_clip_without_a_token_cannot_be_asked_about(target: Qwen2Audio) -> None:
    with pytest.raises(ArdError, match="too short"):
        target.generate(clip(100), "What is it?")
