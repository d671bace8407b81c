"""One folder of each tiny model, made once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from builders import tiny_models

FAMILIES = ("whisper", "qwen2_audio", "hubert", "wav2vec2", "wavlm")


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Workers of pytest share the cores; more threads than cores make tiny models many times slower."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Model type to a folder, not to be changed by a test."""
    root = tmp_path_factory.mktemp("models")
    return {name: getattr(tiny_models, f"tiny_{name}")(root / name) for name in FAMILIES}


@pytest.fixture
def noise() -> np.ndarray:
    """Three seconds at 16 kHz."""
    return (0.1 * np.random.default_rng(3).standard_normal(48000)).astype(np.float32)
