"""Tiny random models that can be steered, loaded once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from backend.study.settings import ModelSection
from backend.targets.base import Target
from backend.targets.load import load_target
from builders.tiny_models import tiny_qwen2_audio, tiny_whisper


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """Workers of pytest share the cores; more threads than cores make tiny models many times slower."""
    torch.set_num_threads(1)


def loaded(folder: Path) -> Target:
    return load_target(ModelSection(path=str(folder), device="cpu"))


@pytest.fixture(scope="session")
def qwen(tmp_path_factory: pytest.TempPathFactory) -> Target:
    """Three decoder layers and two of the audio tower; not to be changed by a test."""
    return loaded(tiny_qwen2_audio(tmp_path_factory.mktemp("qwen"), window_seconds=2))


@pytest.fixture(scope="session")
def whisper(tmp_path_factory: pytest.TempPathFactory) -> Target:
    """Three encoder layers, English only; not to be changed by a test."""
    return loaded(tiny_whisper(tmp_path_factory.mktemp("whisper"), window_seconds=2))


@pytest.fixture(scope="session")
def multilingual(tmp_path_factory: pytest.TempPathFactory) -> Target:
    """Whisper with two languages; not to be changed by a test."""
    return loaded(tiny_whisper(tmp_path_factory.mktemp("many"), window_seconds=2, multilingual=True, seed=2))


@pytest.fixture(scope="session")
def wave() -> np.ndarray:
    """0.6 seconds at 16 kHz."""
    return (0.1 * np.random.default_rng(3).standard_normal(9600)).astype(np.float32)
