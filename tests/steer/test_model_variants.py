"""The engine on models that are set up in another way: half precision, eager attention, a sliding window."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from backend.steer.answers import Sampling
from backend.steer.engine import answer_kl
from backend.steer.intervention import Intervention
from backend.study.settings import ModelSection
from backend.targets.load import load_target
from builders.plain_answers import prepared, strong, without_end
from builders.tiny_models import tiny_qwen2_audio

TOKENS = 4


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_qwen2_audio(tmp_path_factory.mktemp("variants"), window_seconds=2)


def assert_equal_to_plain(target: Any, layer: str, wave: np.ndarray, tolerance: float) -> None:
    scene, plain = prepared(target, layer, "topk", wave)
    wanted = [None, *(strong(scene, mode=mode, positions="prompt", decode="steer") for mode in ("pre_topk", "delta"))]
    for one in wanted:
        expected = plain(one, TOKENS)
        started = scene.begin([one])
        torch.testing.assert_close(started.continuation.logits[0], expected.logits[0], atol=tolerance, rtol=tolerance)
        assert started.write(Sampling(TOKENS))[0].ids == without_end(expected.ids, scene.prefix.ends)
    assert answer_kl(scene, [None], expected.ids) == [0.0]
    ids = [answer.ids for answer in scene.begin(wanted).write(Sampling(TOKENS))]
    assert len(ids) == len(wanted)


@pytest.mark.parametrize("layer", ["decoder.0", "decoder.1", "encoder.0"])
def test_half_precision_takes_the_new_residual_stream_in_its_own_precision(
    folder: Path, layer: str, wave: np.ndarray
) -> None:
    target = load_target(ModelSection(path=str(folder), device="cpu", dtype="bfloat16"))
    scene, plain = prepared(target, layer, "topk", wave)
    assert scene.prefix.x.dtype == scene.rows([strong(scene)]).x.dtype == torch.bfloat16
    assert torch.equal(scene.begin([Intervention(mode="delta")]).continuation.logits[0], scene.first)
    for one in (None, strong(scene), strong(scene, mode="delta", decode="reconstruct")):
        assert scene.begin([one]).write(Sampling(TOKENS))[0].ids == plain(one, TOKENS).ids


@pytest.mark.parametrize("layer", ["decoder.0", "decoder.2"])
def test_eager_attention_is_given_its_mask(folder: Path, layer: str, wave: np.ndarray) -> None:
    target: Any = load_target(ModelSection(path=str(folder), device="cpu"))
    target.model.set_attn_implementation("eager")
    assert_equal_to_plain(target, layer, wave, 2e-4)


@pytest.mark.parametrize("window", [20, 500])
@pytest.mark.parametrize("layer", ["decoder.0", "decoder.1", "encoder.0"])
def test_layers_with_a_sliding_window_see_only_their_window(
    tmp_path: Path, layer: str, window: int, wave: np.ndarray
) -> None:
    """Layer 0 sees everything, layers 1 and 2 the last positions; the prompt is longer than the smaller window."""
    kinds = ["full_attention", "sliding_attention", "sliding_attention"]
    folder = tiny_qwen2_audio(
        tmp_path, window_seconds=2, use_sliding_window=True, sliding_window=window, layer_types=kinds
    )
    target: Any = load_target(ModelSection(path=str(folder), device="cpu"))
    assert target.model.model.language_model.has_sliding_layers
    assert_equal_to_plain(target, layer, wave, 2e-4)
