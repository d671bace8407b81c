"""Every built-in target keeps what `Target` promises, under each setting that changes its positions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from backend.study.settings import ModelSection
from backend.targets.base import TARGETS, Encoded
from backend.targets.check import check_target, relative_difference
from backend.targets.load import load_target

CASES: list[tuple[str, dict[str, Any]]] = [
    ("whisper", {}),
    ("whisper", {"frames": "all"}),
    ("qwen2_audio", {}),
    ("qwen2_audio", {"prefix": "bare"}),
    ("qwen2_audio", {"tokens": "all", "frames": "all"}),
    ("qwen2_audio", {"tokens": "prompt"}),
    ("hubert", {}),
    ("wav2vec2", {}),
    ("wavlm", {}),
]


@pytest.mark.parametrize(("name", "settings"), CASES, ids=lambda value: str(value))
def test_a_target_keeps_its_promises(models: dict[str, Path], name: str, settings: dict[str, Any]) -> None:
    assert check_target(load_target(ModelSection(path=str(models[name]), **settings))) == []


@pytest.mark.parametrize("name", ["whisper", "qwen2_audio", "hubert", "wav2vec2", "wavlm"])
def test_stacks_and_widths_follow_from_the_configuration_alone(models: dict[str, Path], name: str) -> None:
    target = load_target(ModelSection(path=str(models[name])))
    config: Mapping[str, Any] = target.model.config.to_dict()
    assert TARGETS.get(name).stacks_of(config) == target.stacks()
    widths = {stack: target.width(f"{stack}.0") for stack in target.stacks()}
    assert TARGETS.get(name).widths_of(config) == widths


@pytest.mark.parametrize("name", ["whisper", "qwen2_audio", "hubert"])
def test_layers_read_together_equal_layers_read_one_by_one(
    models: dict[str, Path], name: str, noise: np.ndarray
) -> None:
    target = load_target(ModelSection(path=str(models[name])))
    layers = [f"{stack}.{i}" for stack, count in target.stacks().items() for i in range(count)]
    (together,) = target.encode([noise], layers)
    for layer in layers:
        (alone,) = target.encode([noise], [layer])
        assert relative_difference(alone.x[layer], together.x[layer]) <= 1e-5
        np.testing.assert_array_equal(alone.times(layer)[0], together.times(layer)[0])
        assert alone.times(layer)[1] == together.times(layer)[1]


@pytest.mark.parametrize("name", ["whisper", "qwen2_audio", "wav2vec2"])
def test_the_forward_stops_after_the_last_asked_layer(models: dict[str, Path], name: str, noise: np.ndarray) -> None:
    target = load_target(ModelSection(path=str(models[name])))
    stack = next(iter(target.stacks()))
    ran: list[int] = []
    for i in range(target.stacks()[stack]):
        target.module(f"{stack}.{i}")[1].register_forward_hook(lambda *_, i=i: ran.append(i))
    target.encode([noise], [f"{stack}.1", f"{stack}.0"])
    assert ran == [0, 1]


@pytest.mark.parametrize("name", ["whisper", "qwen2_audio", "hubert"])
def test_half_precision_gives_finite_values_of_that_type(models: dict[str, Path], name: str, noise: np.ndarray) -> None:
    target = load_target(ModelSection(path=str(models[name]), dtype="bfloat16"))
    (one,) = target.encode([noise], ["last"])
    (x,) = one.x.values()
    assert x.dtype == torch.bfloat16
    assert bool(torch.isfinite(x).all())


def test_times_of_another_stack_are_kept_beside_those_of_the_first() -> None:
    first, other = np.array([[0.0, 0.1]]), np.array([[0.0, 0.5]])
    one = Encoded({}, first, others={"decoder.0": (other, True)})
    assert one.times("encoder.0") == (first, False)
    assert one.times("decoder.0") == (other, True)
