"""Overrides in encoders that write no text: every layer above is that of a plain forward with a hook."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from backend.errors import ArdError
from backend.steer.intervention import Intervention
from backend.steer.representation import EncoderScene
from backend.steer.spaces import DirectionSpace, UnitSpace
from backend.study.settings import ModelSection
from backend.targets.base import Target
from backend.targets.load import load_target
from builders.tiny_models import tiny_hubert, tiny_wav2vec2, tiny_wavlm, tiny_whisper

BUILDERS: dict[str, Callable[[Path], Path]] = {
    "hubert": tiny_hubert, "wav2vec2": tiny_wav2vec2, "wavlm": tiny_wavlm, "whisper": tiny_whisper,
}  # fmt: skip


@pytest.fixture(scope="module")
def targets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Target]:
    folder = tmp_path_factory.mktemp("encoders")
    return {
        name: load_target(ModelSection(path=str(build(folder / name)), layers=["encoder.0"], device="cpu"))
        for name, build in BUILDERS.items()
    }


def wave(seconds: float = 1.0) -> Any:
    return (0.3 * np.random.default_rng(3).normal(size=int(16000 * seconds))).astype(np.float32)


def scene_of(target: Target, layer: str = "encoder.0") -> EncoderScene:
    return EncoderScene(target, UnitSpace(target.width(layer)), layer, wave())


@pytest.mark.parametrize("name", BUILDERS)
def test_nothing_overridden_changes_nothing(targets: dict[str, Target], name: str) -> None:
    scene = scene_of(targets[name])
    for intervention in (None, Intervention(mode="delta"), Intervention.of([(2, 9.0)], mode="delta", positions="none")):
        change = scene.change(intervention)
        assert change.layers == ["encoder.0", "encoder.1", "encoder.2"]
        assert change.change.tolist() == [0.0] * 3
        assert change.cosine == pytest.approx(1.0)
        assert change.frames.tolist() == [0.0] * len(scene.prefix.x)


@pytest.mark.parametrize("name", BUILDERS)
def test_layers_above_are_those_of_a_forward_whose_block_was_replaced(targets: dict[str, Target], name: str) -> None:
    target = targets[name]
    scene = scene_of(target, "encoder.1")
    intervention = Intervention.of([(2, 9.0), (5, -4.0)], mode="delta")
    x = scene.rows([intervention]).x[0]
    assert x[:, 2].tolist() == [9.0] * len(x)
    block, last = target.module("encoder.1")[1], target.module("encoder.2")[1]
    seen: list[torch.Tensor] = []

    def replace(module: Any, inputs: Any, output: Any) -> Any:
        hidden = output[0] if isinstance(output, tuple) else output
        hidden[0, : len(x)] = x
        return output

    def keep(module: Any, inputs: Any, output: Any) -> None:
        seen.append((output[0] if isinstance(output, tuple) else output)[0, : len(x)])

    handles = [block.register_forward_hook(replace), last.register_forward_hook(keep)]
    try:
        plain = target.encode([wave()], ["encoder.2"])[0].x["encoder.2"]
    finally:
        for handle in handles:
            handle.remove()
    assert torch.equal(plain, seen[0])
    assert torch.equal(scene.represented(x)["encoder.2"], plain)
    before = target.encode([wave()], ["encoder.2"])[0].x["encoder.2"].double()
    far = (plain.double() - before).norm(dim=1) / before.norm(dim=1)
    change = scene.change(intervention)
    assert change.frames == pytest.approx(far.numpy(), rel=1e-6)
    assert change.change[-1] == pytest.approx(float(far.mean()), rel=1e-6)
    assert change.cosine[-1] == pytest.approx(
        float(torch.nn.functional.cosine_similarity(plain.double(), before, dim=1).mean()), rel=1e-6
    )


def test_change_of_the_steered_layer_is_what_was_put_in(targets: dict[str, Target]) -> None:
    target = targets["hubert"]
    row = torch.zeros(1, target.width("encoder.1"))
    row[0, 4] = 7.0
    scene = EncoderScene(target, DirectionSpace(row), "encoder.1", wave())
    rows = scene.rows([Intervention.of([(0, 3.0)], mode="additive")])
    assert rows.displacement == pytest.approx([3.0], rel=1e-5)
    change = scene.change(Intervention.of([(0, 3.0)], mode="additive"))
    norms = scene.prefix.x.double().norm(dim=1).numpy()
    assert change.change[0] == pytest.approx(np.mean(3.0 / norms), rel=1e-5)
    assert change.layers == ["encoder.1", "encoder.2"]


def test_clip_without_a_frame_is_refused(targets: dict[str, Target]) -> None:
    with pytest.raises(ArdError, match="too short for the model: 16 samples"):
        EncoderScene(targets["wavlm"], UnitSpace(16), "encoder.0", wave(0.001))
