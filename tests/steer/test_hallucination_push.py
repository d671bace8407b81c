"""x̂(f + α·s) as written, clamped, with the error term, and its controls (S-47, O-17)."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from backend.sae.base import Sae, build
from backend.sae.codes import SparseCodes
from backend.sae.config import SaeConfig
from backend.steer.hallucination.push import (
    ORIGINAL,
    RECONSTRUCTED,
    Coded,
    Push,
    apply,
    displacement,
    moved,
    random_push,
)


def small_sae(scaling: str = "none") -> Sae:
    sae = build(SaeConfig("topk", 4, 10, 3, seed=3, input_scaling=scaling))
    with torch.no_grad():
        sae.b_dec.copy_(torch.tensor([0.1, -0.2, 0.3, 0.0]))
    return sae.eval()


X = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
S = np.array([0, 1.0, 0, -1, 0, 0, 0, 0, -1, 0])


def test_codes_move_as_in_the_worked_example_and_may_become_negative() -> None:
    f, s = torch.tensor([0, 0.2, 0, 1.5]), torch.tensor([0.0, 1, 0, -1])
    assert moved(f, s, 1.0).tolist() == pytest.approx([0, 1.2, 0, 0.5])
    assert moved(f, s, 3.0).tolist() == pytest.approx([0, 3.2, 0, -1.5])


def test_clamped_codes_stop_at_zero_and_others_stay_as_they_are() -> None:
    f, s = torch.tensor([-0.7, 0.2, 0, 1.5]), torch.tensor([0.0, 1, 0, -1])
    assert moved(f, s, 3.0, clamp0=True).tolist() == pytest.approx([-0.7, 3.2, 0, 0])


@pytest.mark.parametrize("scaling", ["none", "per_vector"])
@pytest.mark.parametrize("clamp0", [False, True])
def test_applied_push_equals_decoding_the_moved_codes(scaling: str, clamp0: bool) -> None:
    sae = small_sae(scaling)
    dense = moved(sae.encode(X).dense(), torch.tensor(S, dtype=torch.float32), 2.0, clamp0=clamp0)
    wanted = sae.decode(SparseCodes.from_dense(dense), sae.scale(X)[1])
    coded, push = Coded.of(sae, X), Push.steered(S, 2.0)
    found = apply(sae, coded, push, clamp0=clamp0)
    assert torch.allclose(found, wanted, atol=1e-5)
    with_error = apply(sae, coded, push, clamp0=clamp0, add_error=True)
    assert torch.allclose(with_error, wanted + (X - sae.reconstruct(X)), atol=1e-5)


def test_controls_are_x_itself_and_its_reconstruction() -> None:
    sae = small_sae()
    coded = Coded.of(sae, X)
    assert torch.equal(apply(sae, coded, ORIGINAL), X)
    assert torch.equal(apply(sae, coded, RECONSTRUCTED), sae.reconstruct(X))
    assert torch.equal(apply(sae, coded, Push.steered(np.zeros(10), 3.0)), sae.reconstruct(X))


def test_direction_is_added_to_x_without_the_sae() -> None:
    sae = small_sae()
    found = apply(sae, Coded.of(sae, X), Push.along([1.0, 0, 0, 0], -3.0))
    assert torch.allclose(found, X - torch.tensor([3.0, 0, 0, 0]))


def test_random_features_displace_x_as_far_as_the_chosen_ones() -> None:
    sae, push = small_sae(), Push.steered(S, 2.0)
    drawn = [random_push(sae, np.array([0, 2, 4, 5, 6]), push, np.random.default_rng(i)) for i in range(5)]
    for one in drawn:
        assert len(set(one.features)) == 3
        assert set(one.features) <= {0, 2, 4, 5, 6}
        assert displacement(sae, one) == pytest.approx(displacement(sae, push), rel=1e-5)
    assert len({one.identity() for one in drawn}) > 1


def test_identity_tells_pushes_apart_and_not_the_last_bits_of_a_mean() -> None:
    pushes = [ORIGINAL, RECONSTRUCTED, Push.steered(S, 1.0), Push.steered(S, 2.0), Push.steered(-S, 1.0)]
    pushes += [Push.along([1.0, 0], 1.0), Push.along([0.0, 1], 1.0)]
    assert len({one.identity() for one in pushes}) == len(pushes)
    assert Push.along([1 / 3], 1.0).identity() == Push.along([1 / 3 + 1e-14], 1.0).identity()
