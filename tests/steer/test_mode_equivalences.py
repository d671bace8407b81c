"""What the modes have in common, on drawn codes; and every mode against its formula on dense tensors."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.sae.base import Sae, build
from backend.sae.codes import SparseCodes
from backend.sae.config import SaeConfig
from backend.steer.codes import PerToken
from backend.steer.intervention import MODES, Intervention, Mode
from backend.steer.spaces import DirectionSpace, SaeSpace, UnitSpace
from builders.plain_steering import KINDS, plain_change, random_sae

D, K = 6, 2
Row = list[float]
rows = st.lists(st.lists(st.integers(0, 4).map(float), min_size=D, max_size=D), min_size=1, max_size=3)
overrides = st.dictionaries(st.integers(0, D - 1), st.integers(0, 5).map(float), min_size=1, max_size=3)


def first(scores: Row, count: int) -> Row:
    """The `count` largest; among equal ones the lowest feature."""
    kept = sorted(range(len(scores)), key=lambda i: (-scores[i], i))[:count]
    return [score if i in kept else 0.0 for i, score in enumerate(scores)]


def expected(a: Row, wanted: dict[int, float], mode: Mode) -> Row:
    """A-48 for TopK, one token at a time."""
    if mode == "pre_topk":
        return first([wanted.get(i, value) for i, value in enumerate(a)], K)
    z = first(a, K)
    if mode == "post_topk_retop":
        return first([wanted.get(i, value) for i, value in enumerate(z)], K)
    if mode == "keep":
        others = first([-1.0 if i in wanted else value for i, value in enumerate(a)], max(0, K - len(wanted)))
        return [wanted.get(i, max(value, 0.0)) for i, value in enumerate(others)]
    return [wanted.get(i, value) for i, value in enumerate(z)]


def found(a: list[Row], wanted: dict[int, float], mode: Mode) -> list[Row]:
    dense = torch.tensor(a)
    z = SparseCodes.from_dense(torch.tensor([first(row, K) for row in a]))
    features, values = torch.tensor(list(wanted)), torch.tensor(list(wanted.values()))
    return PerToken(dense, z, K).overridden(features, values, mode).dense().tolist()  # type: ignore[no-any-return]


@given(rows, overrides, st.sampled_from(["pre_topk", "post_topk_retop", "post_topk", "keep"]))
@settings(deadline=None, max_examples=200)
def test_the_code_is_the_written_rule_also_where_values_are_equal(
    a: list[Row], wanted: dict[int, float], mode: Mode
) -> None:
    assert found(a, wanted, mode) == [expected(row, wanted, mode) for row in a]


@given(rows, st.lists(st.tuples(overrides, st.sampled_from(["pre_topk", "post_topk_retop", "post_topk", "keep"]))))
@settings(deadline=None, max_examples=50)
def test_one_override_after_another_on_the_same_tokens_is_each_on_its_own(
    a: list[Row], asked: list[tuple[dict[int, float], Mode]]
) -> None:
    selection = PerToken(torch.tensor(a), SparseCodes.from_dense(torch.tensor([first(row, K) for row in a])), K)
    for wanted, mode in asked:
        code = selection.overridden(torch.tensor(list(wanted)), torch.tensor(list(wanted.values())), mode)
        assert code.dense().tolist() == [expected(row, wanted, mode) for row in a]
        place = code.token * D + code.feature
        assert bool((place.diff() > 0).all())


@given(rows, st.integers(0, D - 1), st.integers(0, 5).map(float))
@settings(deadline=None)
def test_before_and_after_the_selection_is_one_thing_from_the_kth_value_on(
    a: list[Row], feature: int, value: float
) -> None:
    for row in a:
        if value < sorted(row)[-K]:
            continue
        both = [found([row], {feature: value}, mode) for mode in ("pre_topk", "post_topk_retop")]
        # a value that ties with the K-th largest may leave another of the same size in place
        assert sorted(both[0][0]) == sorted(both[1][0])
        if value > sorted(row)[-K]:
            assert both[0] == both[1]
            assert both[0][0][feature] == value
            assert found([row], {feature: value}, "keep") == both[0]


def tokens(seed: int, n: int = 9, d: int = 12) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed)) + 0.5


def sae_for(kind: str, x: torch.Tensor, seed: int, **config: object) -> Sae:
    return random_sae(kind, x, features=24, k=4, seed=seed, **config)


@given(st.sampled_from(KINDS), st.integers(0, 50), st.floats(0, 8), st.sampled_from(["none", "per_vector"]))
@settings(deadline=None, max_examples=60)
def test_delta_is_post_topk_with_the_error_kept(kind: str, seed: int, value: float, scaling: str) -> None:
    x = tokens(seed)
    code = SaeSpace(sae_for(kind, x, seed, input_scaling=scaling)).prepare(x)
    overrides = [(2, value), (7, 0.0)]
    delta = code.apply(Intervention.of(overrides, mode="delta"))
    kept = code.apply(Intervention.of(overrides, mode="post_topk", add_error=True))
    torch.testing.assert_close(delta.x, kept.x)
    assert delta.survived == kept.survived == [1.0, 1.0]


@given(st.integers(0, 50), st.floats(-5, 5))
@settings(deadline=None, max_examples=60)
def test_directions_land_where_they_say_and_the_second_time_changes_nothing(seed: int, value: float) -> None:
    x, row = tokens(seed), tokens(seed + 1)[:1]
    unit = row[0] / row[0].norm()
    space = DirectionSpace(row)

    def apply(mode: Mode, to: torch.Tensor) -> torch.Tensor:
        return space.prepare(to).apply(Intervention.of([(0, value)], mode=mode)).x

    for mode in ("orthogonal", "cap"):
        once = apply(mode, x)
        torch.testing.assert_close(apply(mode, once), once, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(apply("orthogonal", x) @ unit, torch.full((len(x),), value), atol=1e-5, rtol=1e-5)
    assert float((apply("cap", x) @ unit).max()) <= value + 1e-5
    below = x @ unit <= value
    assert torch.equal(apply("cap", x)[below], x[below])
    torch.testing.assert_close(apply("additive", x) - x, value * unit.expand_as(x), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "config",
    [{}, {"bias_mode": "none"}, {"bias_mode": "post", "input_scaling": "per_vector"}, {"decoder_norm": "free"}],
    ids=["pre-bias", "no bias", "per vector", "free norms"],
)
def test_every_mode_is_its_formula_on_dense_tensors(kind: str, mode: Mode, config: dict[str, str]) -> None:
    x = tokens(3)
    sae = sae_for(kind, x, 3, **config)
    if config.get("decoder_norm") == "free":
        sae.W_dec *= torch.linspace(0.5, 3.0, len(sae.W_dec))[:, None]
    strong = float(sae.pre_acts(x).max())
    for overrides in ([], [(5, 0.3 * strong), (0, 0.0)], [(i, strong - i / 9) for i in range(6)]):
        for add_error in (False, True):
            for step in (False, True):
                rows = x[:1] if step else x
                wanted = Intervention.of(overrides, mode=mode, add_error=add_error)
                ours = SaeSpace(sae).prepare(rows, step=step).apply(wanted).x
                plain = plain_change(sae, rows, wanted, step=step, override=True)
                torch.testing.assert_close(ours, plain, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_no_override_with_the_error_kept_gives_back_every_bit(kind: str) -> None:
    x = tokens(5)
    code = SaeSpace(sae_for(kind, x, 5)).prepare(x)
    for mode in MODES:
        assert torch.equal(code.apply(Intervention(mode=mode, add_error=True)).x, x)


def written_out() -> Sae:
    """The SAE of the error term's example: a = (3, 1, 2, 0) at x = (3.2, 1.9), K = 2."""
    sae = build(SaeConfig("topk", 2, 4, 2, bias_mode="none")).eval().requires_grad_(False)
    sae.W_dec.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0]]))
    sae.W_enc.zero_()
    sae.b_enc.copy_(torch.tensor([3.0, 2.0, 1.0, 0.5]))
    return sae


@pytest.mark.parametrize(
    ("settings_of", "result"),
    [
        ({}, [3.0, 5.0]),
        ({"add_error": True}, [3.2, 4.9]),
        ({"mode": "delta"}, [3.2, 6.9]),
    ],
)
def test_the_error_term_is_added_to_what_the_code_changed(settings_of: dict[str, object], result: list[float]) -> None:
    """x = (3.2, 1.9), x̂ = (3, 2): the error is (0.2, −0.1), and delta keeps what the override pushes out."""
    code = SaeSpace(written_out()).prepare(torch.tensor([[3.2, 1.9]]))
    assert code.apply(Intervention()).x.tolist() == [[3.0, 2.0]]
    assert code.apply(Intervention.of([(3, 5.0)], **settings_of)).x[0].tolist() == pytest.approx(result)


def test_a_raw_unit_takes_the_value_and_leaves_the_others() -> None:
    x = torch.tensor([[1.0, -2.0, 3.0]])
    for mode, unit in (("delta", 0.5), ("orthogonal", 0.5), ("additive", 3.5), ("cap", 0.5)):
        changed = UnitSpace(3).prepare(x).apply(Intervention.of([(2, 0.5)], mode=mode)).x
        assert changed.tolist() == [[1.0, -2.0, unit]]
