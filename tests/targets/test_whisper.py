"""Whisper: encoder frames (S-02 … S-04), transcript positions and their times."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from backend.study.settings import ModelSection
from backend.targets.alignment import cross_attention
from backend.targets.check import check_target
from backend.targets.load import load_target
from backend.targets.whisper import Whisper
from builders.tiny_models import tiny_whisper

RATE = 16000
PROMPT = ("startoftranscript", "transcribe", "notimestamps")


def load(folder: Path, **settings: Any) -> Whisper:
    target = load_target(ModelSection(path=str(folder), **settings))
    assert isinstance(target, Whisper)
    return target


@pytest.fixture(scope="module")
def target(models: dict[str, Path]) -> Whisper:
    return load(models["whisper"])


def inputs(target: Whisper, wave: np.ndarray) -> torch.Tensor:
    features: torch.Tensor = target.extractor(wave, sampling_rate=RATE, return_tensors="pt").input_features
    return features


@pytest.mark.parametrize(("samples", "frames"), [(1, 1), (320, 1), (321, 2), (16000, 50), (23999, 75), (160000, 500)])
def test_frames_that_start_inside_the_clip_are_kept(target: Whisper, samples: int, frames: int) -> None:
    wave = np.full(samples, 0.1, np.float32)
    (one,) = target.encode([wave], ["encoder.0"])
    assert len(one.x["encoder.0"]) == target.token_count(samples, "encoder.0") == frames
    np.testing.assert_allclose(one.seconds[:, 0], 0.02 * np.arange(frames))
    assert one.seconds[-1, 0] < samples / RATE <= one.seconds[-1, 1] + 1e-12
    assert not one.approximate


def test_a_second_gives_50_frames_or_all_1500(tmp_path: Path, noise: np.ndarray) -> None:
    folder = tiny_whisper(tmp_path, window_seconds=30)
    counts = [
        len(load(folder, frames=kind).encode([noise[:RATE]], ["last"])[0].x["encoder.2"]) for kind in ("valid", "all")
    ]
    assert counts == [50, 1500]


def test_the_output_of_an_encoder_block_is_the_next_hidden_state(target: Whisper, noise: np.ndarray) -> None:
    (one,) = target.encode([noise], ["encoder.0", "encoder.1", "encoder.2"])
    with torch.no_grad():
        out = target.model.get_encoder()(inputs(target, noise), output_hidden_states=True)
    for i in (0, 1):
        torch.testing.assert_close(one.x[f"encoder.{i}"], out.hidden_states[i + 1][0, :150], rtol=1e-5, atol=1e-5)
    normed = target.model.get_encoder().layer_norm(one.x["encoder.2"])
    torch.testing.assert_close(normed, out.last_hidden_state[0, :150], rtol=1e-5, atol=1e-5)


def test_decoder_positions_are_the_input_positions_of_the_transcript(target: Whisper, noise: np.ndarray) -> None:
    layers = ["decoder.0", "decoder.1"]
    (one,) = target.encode([noise], layers)
    features = inputs(target, noise)
    text = target.model.generate(features, do_sample=False)[0]
    text = text[text < target.model.generation_config.eos_token_id]
    assert one.text == target.processor.decode(text, skip_special_tokens=True).strip()
    assert one.text == target.generate(noise, "")
    # English only: the prompt is start and "no timestamps"
    config = target.model.generation_config
    prompt = torch.tensor([config.decoder_start_token_id, config.no_timestamps_token_id])
    with torch.no_grad():
        out = target.model(features, decoder_input_ids=torch.cat([prompt, text])[None], output_hidden_states=True)
    assert len(text) > 0
    torch.testing.assert_close(
        one.x["decoder.0"], out.decoder_hidden_states[1][0, 2 : 2 + len(text)], rtol=1e-5, atol=1e-5
    )
    assert len(one.x["decoder.1"]) == len(text)
    assert target.token_count(len(noise), "decoder.0") is None


def test_token_times_lie_in_the_clip_follow_one_another_and_are_approximate(target: Whisper, noise: np.ndarray) -> None:
    (one,) = target.encode([noise[:RATE]], ["decoder.1"])
    assert one.approximate
    assert one.seconds.shape == (len(one.x["decoder.1"]), 2)
    np.testing.assert_array_equal(one.seconds[1:, 0], one.seconds[:-1, 1])
    assert one.seconds.min() >= 0
    assert one.seconds.max() <= 1.0


def test_cross_attention_equals_that_of_the_eager_model(
    models: dict[str, Path], target: Whisper, noise: np.ndarray
) -> None:
    from transformers import WhisperForConditionalGeneration

    eager = WhisperForConditionalGeneration.from_pretrained(models["whisper"], attn_implementation="eager").eval()
    ids = torch.tensor([[257, 265, 10, 20, 30]])
    with torch.no_grad():
        out = eager(inputs(target, noise), decoder_input_ids=ids, output_attentions=True, output_hidden_states=True)
        block = eager.get_decoder().layers[0]
        hidden = out.decoder_hidden_states[0]
        after = hidden + block.self_attn(block.self_attn_layer_norm(hidden), attention_mask=causal(5))[0]
        states = block.encoder_attn_layer_norm(after)[0]
        ours = cross_attention(block.encoder_attn, states, out.encoder_last_hidden_state[0])
    torch.testing.assert_close(ours, out.cross_attentions[0][0], rtol=1e-4, atol=1e-6)


def causal(n: int) -> torch.Tensor:
    return torch.full((n, n), float("-inf")).triu(1)[None, None]


def test_encoder_and_decoder_layers_come_with_their_own_times(target: Whisper, noise: np.ndarray) -> None:
    (one,) = target.encode([noise], ["encoder.1", "decoder.0"])
    assert one.times("encoder.1")[0].shape == (150, 2)
    assert not one.times("encoder.1")[1]
    assert one.times("decoder.0")[0].shape == (len(one.x["decoder.0"]), 2)
    assert one.times("decoder.0")[1]


def test_a_clip_longer_than_the_window_is_cut_to_its_first_part(target: Whisper) -> None:
    wave = (0.1 * np.random.default_rng(1).standard_normal(11 * RATE)).astype(np.float32)
    cut, whole = (target.encode([w], ["encoder.0"])[0].x["encoder.0"] for w in (wave[: 10 * RATE], wave))
    assert len(whole) == 500
    torch.testing.assert_close(whole, cut)


def test_text_given_before_the_clip_changes_the_transcript(target: Whisper, noise: np.ndarray) -> None:
    plain, prompted = target.generate(noise, "", 6), target.generate(noise, "xyz", 6)
    assert plain
    assert prompted
    assert plain != prompted


def test_an_empty_clip_has_no_positions_in_either_stack(target: Whisper) -> None:
    (one,) = target.encode([np.zeros(0, np.float32)], ["encoder.0", "decoder.0"])
    assert one.x["encoder.0"].shape == (0, 16)
    assert one.x["decoder.0"].shape == (0, 16)


def test_a_multilingual_model_reads_its_text_behind_language_and_task(tmp_path: Path) -> None:
    target = load(tiny_whisper(tmp_path, multilingual=True))
    waves = [(0.1 * np.random.default_rng(i).standard_normal(RATE * (i + 1))).astype(np.float32) for i in range(3)]
    assert check_target(target, waves) == []
    ids = {name: target.processor.tokenizer.convert_tokens_to_ids(f"<|{name}|>") for name in PROMPT}
    features = target._features(waves)
    spoken = target._transcribe(target.model.get_encoder()(features))
    for wave, prompt in zip(waves, spoken.prompt, strict=True):
        language = int(target.model.detect_language(inputs(target, wave))[0])
        assert prompt == [ids["startoftranscript"], language, ids["transcribe"], ids["notimestamps"]]


def test_a_transcript_is_no_longer_than_the_setting_allows(models: dict[str, Path], noise: np.ndarray) -> None:
    (one,) = load(models["whisper"], transcript_tokens=3).encode([noise], ["decoder.0"])
    assert len(one.x["decoder.0"]) == 3
