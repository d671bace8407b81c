"""Transcripts of the engine are those of Whisper's own `generate` with a hook on an encoder layer."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch

from backend.steer.answers import Sampling
from backend.steer.engine import Scene
from backend.steer.intervention import MODES, Intervention
from backend.targets.base import Target
from builders.plain_answers import PlainAnswer, prepared, strong, without_end
from builders.plain_steering import KINDS

TOKENS = 3
CLOSE = 2e-4
CELLS = list(product(range(3), KINDS))
SETTINGS = [("audio", False), ("prompt", False), ("audio", True), ("prompt", True)]
"""Positions and error term; decoding steps do not pass through the encoder."""


def assert_same(scene: Scene, plain: PlainAnswer, wanted: Intervention | None) -> None:
    started = scene.begin([wanted])
    torch.testing.assert_close(started.continuation.logits[0], plain.logits[0], atol=CLOSE, rtol=CLOSE)
    (answer,) = started.write(Sampling(max_new_tokens=TOKENS))
    assert answer.ids == without_end(plain.ids, scene.prefix.ends)


@pytest.mark.parametrize(("layer", "kind"), CELLS)
def test_cached_transcripts_are_those_of_a_plain_forward_with_a_hook(
    whisper: Target, wave: np.ndarray, layer: int, kind: str
) -> None:
    """Every second mode in each cell, so that every mode meets every layer and every kind."""
    scene, plain = prepared(whisper, f"encoder.{layer}", kind, wave, "")
    cell = layer + KINDS.index(kind)
    original = plain(None, TOKENS)
    assert_same(scene, original, None)
    changed = 0
    for number, mode in enumerate(MODES):
        if (number + cell) % 2:
            continue
        positions, add_error = SETTINGS[(cell + number // 2) % len(SETTINGS)]
        wanted = strong(scene, mode=mode, positions=positions, add_error=add_error)
        expected = plain(wanted, TOKENS)
        assert_same(scene, expected, wanted)
        changed += expected.ids != original.ids
    assert changed >= 2, "the overrides are too weak to tell an engine that does nothing from one that works"


@pytest.mark.parametrize("mode", ["pre_topk", "delta"])
def test_text_that_is_taken_to_come_before_is_given_as_generate_gives_it(
    whisper: Target, wave: np.ndarray, mode: str
) -> None:
    scene, plain = prepared(whisper, "encoder.1", "topk", wave, "ab c")
    wanted = strong(scene, mode=mode)
    assert_same(scene, plain(wanted, TOKENS), wanted)


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_of_many_languages_guesses_the_language_of_each_row(
    multilingual: Target, wave: np.ndarray, kind: str
) -> None:
    scene, plain = prepared(multilingual, "encoder.0", kind, wave, "")
    for mode in ("pre_topk", "delta", "additive"):
        wanted = strong(scene, mode=mode, positions="prompt")
        assert_same(scene, plain(wanted, TOKENS), wanted)
