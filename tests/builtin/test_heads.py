"""The classifiers of training: what they are told, and what they cost."""

from __future__ import annotations

import math

import pytest
import torch

from backend.builtin.examples import Facts, Sound
from backend.builtin.heads import Classes, Heads
from backend.builtin.trainer import noisy

DOG = Sound("animal", "dog", "a dog barking")
PIANO = Sound("music", "piano", "a piano", {"family": "keyboard"})
VOICE = Sound("speech", "Spanish Anna", "a woman speaking Spanish", {"language": "Spanish", "sex": "woman"})
CLASSES = Classes([Facts((DOG,)), Facts((PIANO, VOICE))])


def test_names_are_what_the_facts_hold_and_speech_is_one_label() -> None:
    assert CLASSES.names == {
        "category": ["animal", "music", "speech"], "label": ["dog", "piano", "speech"], "language": ["Spanish"],
        "sex": ["woman"], "family": ["keyboard"],
    }  # fmt: skip
    assert len(CLASSES) == 9


def test_two_sounds_share_a_kind_and_what_is_not_known_is_zero() -> None:
    assert CLASSES.targets(Facts((PIANO, VOICE), together=True)).tolist() == [0, 0.5, 0.5, 0, 0.5, 0.5, 1, 1, 1]
    assert CLASSES.targets(Facts((DOG,))).tolist() == [1, 0, 0, 1, 0, 0, 0, 0, 0]
    assert CLASSES.targets(Facts((), nothing="silence")).tolist() == [0] * 9


def test_loss_of_heads_that_know_nothing_is_the_logarithm_of_the_number_of_names() -> None:
    heads = Heads(CLASSES, 4, seed=0)
    torch.nn.init.zeros_(heads.told.weight)
    torch.nn.init.zeros_(heads.told.bias)
    targets = torch.from_numpy(CLASSES.targets(Facts((DOG,))))[None]
    loss = heads(torch.randn(1, 5, 4), torch.tensor([[False, True, True, False, False]]), targets)
    # category and label have three names each; the other kinds are not known
    assert loss.item() == pytest.approx(math.log(3))


def test_only_audio_positions_count() -> None:
    heads, at_audio = Heads(CLASSES, 4, seed=0), torch.tensor([[False, True, True]])
    targets = torch.from_numpy(CLASSES.targets(Facts((DOG,))))[None]
    hidden = torch.randn(1, 3, 4)
    changed = hidden.clone()
    changed[0, 0] += 5
    assert torch.equal(heads(hidden, at_audio, targets), heads(changed, at_audio, targets))


def test_row_of_which_nothing_is_known_costs_nothing() -> None:
    heads = Heads(CLASSES, 4, seed=0)
    loss = heads(torch.randn(1, 3, 4), torch.ones(1, 3, dtype=torch.bool), torch.zeros(1, len(CLASSES)))
    assert loss.item() == 0


def test_noise_of_the_stream_is_in_units_of_each_channels_deviation_and_only_at_the_audio() -> None:
    class Same(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x

    torch.manual_seed(0)
    block, at_audio = Same(), torch.zeros(4, 2000, dtype=torch.bool)
    at_audio[:, 500:] = True
    hidden = torch.randn(4, 2000, 2) * torch.tensor([1.0, 10.0]) + 50
    with noisy(block, 0.3, at_audio):
        added = block(hidden) - hidden
    assert not added[~at_audio].any()
    assert added[at_audio].std(0).tolist() == pytest.approx([0.3, 3.0], rel=0.05)
    assert torch.equal(block(hidden), hidden)
