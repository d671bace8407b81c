"""The engine and a plain forward with a hook give the same tokens: every mode, positions, decoding, error term."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
import torch

from backend.sae.base import Sae
from backend.steer.answers import Sampling
from backend.steer.engine import Engine, Scene
from backend.steer.intervention import DECODE, MODES, POSITIONS, Decode, Intervention, Mode, Positions
from backend.steer.spaces import SaeSpace
from backend.targets.base import Target
from backend.targets.layers import split_layer
from builders.plain_steering import KINDS, PlainAnswer, generated, hooked, random_sae, without_end

LAYERS = ("decoder.0", "decoder.1", "decoder.2", "encoder.0")
QUESTION = "What?"
TOKENS = 4
CLOSE = 2e-4
SETTINGS: list[tuple[Positions, Decode, bool]] = [
    one for one in product(POSITIONS, DECODE, (False, True)) if one[:2] != ("none", "off")
]
"""The 16 that change anything."""
CELLS = list(product(LAYERS, KINDS))


class Plain:
    """One layer and SAE of a model, steered by a hook."""

    def __init__(self, target: Any, layer: str, sae: Sae, wave: np.ndarray) -> None:
        self.target, self.layer, self.sae = target, layer, sae
        self.inputs = target._inputs(wave, target._asked(wave, QUESTION))
        self.prompt = self.inputs["input_ids"].shape[1]
        audio = (self.inputs["input_ids"][0] == target.audio_id).nonzero()[:, 0]
        self.audio = audio if split_layer(layer)[0] == "decoder" else torch.arange(-(-len(wave) // 320))

    def __call__(self, wanted: Intervention | None, tokens: int = TOKENS) -> PlainAnswer:
        with hooked(self.target.module(self.layer)[1], self.sae, wanted, self.audio):
            return generated(self.target.model, self.prompt, **self.inputs, max_new_tokens=tokens)


def prepared(target: Target, layer: str, kind: str, wave: np.ndarray, **config: Any) -> tuple[Scene, Plain]:
    x = target.begin(wave, QUESTION, layer).x
    sae = random_sae(kind, x, **config)
    return Engine(target, SaeSpace(sae), layer).scene(wave, QUESTION), Plain(target, layer, sae, wave)


def intervention(scene: Scene, mode: Mode, settings: tuple[Positions, Decode, bool]) -> Intervention:
    """One feature far up, one of those that are active most often off."""
    positions, decode, add_error = settings
    code = scene.prepared("prompt").selection.z  # type: ignore[attr-defined]
    often = torch.bincount(code.feature, minlength=code.n_features).argsort(descending=True).tolist()
    high = 4 * float(code.value.max())
    return Intervention.of(
        [(often[-1], high), (often[0], 0.0)], mode=mode, positions=positions, decode=decode, add_error=add_error
    )


def assert_same(scene: Scene, plain: PlainAnswer, wanted: Intervention | None) -> None:
    started = scene.begin([wanted])
    torch.testing.assert_close(started.continuation.logits[0], plain.logits[0], atol=CLOSE, rtol=CLOSE)
    (answer,) = started.write(Sampling(max_new_tokens=TOKENS))
    assert answer.ids == without_end(plain.ids, scene.prefix.ends)
    for place, token in enumerate(answer.tokens):
        expected = torch.softmax(plain.scores[place], dim=-1)[token.id]
        assert token.probability == pytest.approx(float(expected), abs=1e-3)


@pytest.mark.parametrize(("layer", "kind"), CELLS)
def test_cached_answers_are_those_of_a_plain_forward_with_a_hook(
    qwen: Target, wave: np.ndarray, layer: str, kind: str
) -> None:
    """Each cell has every mode with another setting; over the 16 cells every mode has all settings."""
    scene, plain = prepared(qwen, layer, kind, wave)
    original = plain(None)
    assert_same(scene, original, None)
    changed = 0
    for number, mode in enumerate(MODES):
        wanted = intervention(scene, mode, SETTINGS[(CELLS.index((layer, kind)) + number) % len(SETTINGS)])
        expected = plain(wanted)
        assert_same(scene, expected, wanted)
        changed += expected.ids != original.ids
    assert changed >= 2, "the overrides are too weak to tell an engine that does nothing from one that works"
