"""The engine and a plain forward with a hook give the same tokens: every mode, positions, decoding, error term."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch

from backend.steer.answers import Sampling
from backend.steer.engine import Scene
from backend.steer.intervention import DECODE, MODES, POSITIONS, Decode, Intervention, Positions
from backend.targets.base import Target
from builders.plain_answers import PlainAnswer, prepared, strong, without_end
from builders.plain_steering import KINDS

LAYERS = ("decoder.0", "decoder.1", "decoder.2", "encoder.0")
TOKENS = 3
CLOSE = 2e-4
SETTINGS: list[tuple[Positions, Decode, bool]] = [
    one for one in product(POSITIONS, DECODE, (False, True)) if one[:2] != ("none", "off")
]
"""The 16 that change anything."""
CELLS = list(product(LAYERS, KINDS))


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
    original = plain(None, TOKENS)
    assert_same(scene, original, None)
    changed = 0
    for number, mode in enumerate(MODES):
        positions, decode, add_error = SETTINGS[(CELLS.index((layer, kind)) + number) % len(SETTINGS)]
        wanted = strong(scene, mode=mode, positions=positions, decode=decode, add_error=add_error)
        expected = plain(wanted, TOKENS)
        assert_same(scene, expected, wanted)
        changed += expected.ids != original.ids
    assert changed >= 2, "the overrides are too weak to tell an engine that does nothing from one that works"
