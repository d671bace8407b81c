"""The last block for the last position alone gives what the whole block gives, and the same keys and values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from backend.study.settings import ModelSection
from backend.targets import qwen2_prefix
from backend.targets.load import load_target
from backend.targets.qwen2_prefix import DecoderPrefix
from builders.tiny_models import tiny_qwen2_audio


@pytest.mark.parametrize("layer", ["decoder.0", "decoder.1", "decoder.2"])
def test_next_tokens_are_those_of_all_positions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, layer: str) -> None:
    folder = tiny_qwen2_audio(tmp_path, window_seconds=2)
    target = load_target(ModelSection(path=str(folder), layers=[layer], device="cpu"))
    wave = (0.1 * np.random.default_rng(0).normal(size=16000)).astype(np.float32)
    prefix = target.begin(wave, "What?", layer)
    assert isinstance(prefix, DecoderPrefix)
    x = torch.stack([prefix.x, prefix.x + 0.5])
    fast = prefix.continue_from(x)
    ran = [0]

    def counted(*values: object) -> bool:
        ran[0] += 1
        return False

    monkeypatch.setattr(qwen2_prefix, "knows", counted)
    slow = prefix.continue_from(x)
    assert ran == [0 if layer == "decoder.2" else 1]
    for _ in range(3):
        torch.testing.assert_close(fast.logits, slow.logits, atol=1e-5, rtol=1e-5)
        for mine, other in zip(fast.cache.layers, slow.cache.layers, strict=True):
            torch.testing.assert_close(mine.keys, other.keys, atol=1e-5, rtol=1e-5)
            torch.testing.assert_close(mine.values, other.values, atol=1e-5, rtol=1e-5)
        token = slow.logits.argmax(dim=-1)
        fast.extend(token)
        slow.extend(token)
