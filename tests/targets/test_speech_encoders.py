"""HuBERT, wav2vec 2.0 and WavLM: frame counts, layers and padding (S-01 … S-03)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from backend.study.settings import ModelSection
from backend.targets.check import relative_difference
from backend.targets.hubert import SpeechEncoder
from backend.targets.load import load_target
from backend.targets.token_counts import frame_count

KERNELS, STRIDES = (10, 3, 3, 3, 3, 2, 2), (5, 2, 2, 2, 2, 2, 2)


def load(folder: Path) -> SpeechEncoder:
    target = load_target(ModelSection(path=str(folder)))
    assert isinstance(target, SpeechEncoder)
    return target


@pytest.mark.parametrize(
    ("samples", "frames"), [(0, 0), (399, 0), (400, 1), (719, 1), (720, 2), (16000, 49), (48000, 149), (480000, 1499)]
)
def test_the_frame_counts_of_s_03(samples: int, frames: int) -> None:
    assert frame_count(samples, KERNELS, STRIDES) == frames
    assert frames == max(0, (samples - 400) // 320 + 1)


@pytest.mark.parametrize("name", ["hubert", "wav2vec2", "wavlm"])
def test_the_output_of_a_block_is_the_next_hidden_state(models: dict[str, Path], name: str, noise: np.ndarray) -> None:
    target = load(models[name])
    (one,) = target.encode([noise], ["encoder.0", "encoder.1"])
    values = target.extractor(noise, sampling_rate=16000, return_tensors="pt").input_values
    with torch.no_grad():
        states = target.model(values, output_hidden_states=True).hidden_states
    for i in (0, 1):
        torch.testing.assert_close(one.x[f"encoder.{i}"], states[i + 1][0], rtol=1e-5, atol=1e-5)
    assert one.seconds.shape == (149, 2)
    np.testing.assert_allclose(one.seconds[[0, 148]], [[0, 0.02], [2.96, 2.98]])


def test_the_final_norm_of_a_pre_norm_model_is_left_out(models: dict[str, Path], noise: np.ndarray) -> None:
    target = load(models["wav2vec2"])
    (one,) = target.encode([noise], ["last"])
    values = target.extractor(noise, sampling_rate=16000, return_tensors="pt").input_values
    with torch.no_grad():
        last = target.model(values).last_hidden_state[0]
    assert relative_difference(one.x["encoder.2"], last) > 1e-2
    torch.testing.assert_close(target.model.encoder.layer_norm(one.x["encoder.2"]), last, rtol=1e-5, atol=1e-5)


def test_padding_would_change_a_group_norm_model_so_lengths_are_kept_apart(
    models: dict[str, Path], noise: np.ndarray
) -> None:
    target = load(models["hubert"])
    padded = torch.zeros(2, 48000)
    padded[0], padded[1, :16000] = torch.from_numpy(noise), torch.from_numpy(noise[:16000])
    with torch.no_grad():
        naive = target.model(padded, output_hidden_states=True).hidden_states[1][1, :49]
    (alone,) = target.encode([noise[:16000]], ["encoder.0"])
    _, beside = target.encode([noise, noise[:16000]], ["encoder.0"])
    assert relative_difference(naive, alone.x["encoder.0"]) > 1e-2
    assert relative_difference(beside.x["encoder.0"], alone.x["encoder.0"]) <= 1e-5


def test_a_masked_model_runs_clips_of_all_lengths_at_once(models: dict[str, Path], noise: np.ndarray) -> None:
    target = load(models["wav2vec2"])
    forwards: list[int] = []
    target.model.register_forward_pre_hook(lambda _, args: forwards.append(len(args[0])))
    target.encode([noise, noise[:16000], noise[:399], noise[:8000]], ["encoder.0"])
    assert forwards == [3]
