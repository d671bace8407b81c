"""z′ of every mode, with the answers of A-48 written out."""

from __future__ import annotations

import pytest
import torch

from backend.errors import ArdError
from backend.sae.codes import SparseCodes
from backend.sae.selection import first_of_row
from backend.steer.codes import PerClip, PerToken, Threshold, difference, survived
from backend.steer.intervention import Intervention, Mode


def topk(a: list[float], k: int) -> PerToken:
    row = torch.tensor([a], dtype=torch.float32)
    z = torch.zeros_like(row)
    position, value = first_of_row(row, k)
    z.scatter_(1, position, value)
    return PerToken(row, SparseCodes.from_dense(z), k)


def overridden(a: list[float], k: int, feature: int, value: float, mode: Mode) -> list[float]:
    found = topk(a, k).overridden(torch.tensor([feature]), torch.tensor([value]), mode)
    return found.dense()[0].tolist()  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("mode", "high", "low"),
    [
        ("pre_topk", [3, 0, 0, 2.5], [3, 0, 2, 0]),
        ("post_topk_retop", [3, 0, 0, 2.5], [3, 0, 2, 0]),
        ("keep", [3, 0, 0, 2.5], [3, 0, 0, 0.5]),
        ("post_topk", [3, 0, 2, 2.5], [3, 0, 2, 0.5]),
    ],
)
def test_a_raised_feature_enters_and_a_small_one_is_lost_where_the_sae_selects(
    mode: Mode, high: list[float], low: list[float]
) -> None:
    assert overridden([3, 1, 2, 0], 2, 3, 2.5, mode) == high
    assert overridden([3, 1, 2, 0], 2, 3, 0.5, mode) == low


@pytest.mark.parametrize(
    ("mode", "ablated"),
    [
        ("pre_topk", [0, 2, 1, 0]),
        ("post_topk_retop", [0, 2, 0, 0]),
        ("post_topk", [0, 2, 0, 0]),
        ("keep", [0, 2, 0, 0]),
    ],
)
def test_ablation_lets_a_third_feature_in_only_before_the_selection(mode: Mode, ablated: list[float]) -> None:
    assert overridden([3, 2, 1, 0.5], 2, 0, 0.0, mode) == ablated
    assert overridden([3, 2, 1, 0.5], 2, 0, 1.5, mode) == [1.5, 2, 0, 0]


def test_several_features_are_set_at_once_and_the_lowest_index_wins_a_tie() -> None:
    selection = topk([3, 1, 2, 0, 0], 3)
    features, values = torch.tensor([3, 4]), torch.tensor([2.0, 2.0])
    assert selection.overridden(features, values, "pre_topk").dense()[0].tolist() == [3, 0, 2, 2, 0]
    assert selection.overridden(features, values, "keep").dense()[0].tolist() == [3, 0, 0, 2, 2]


def test_more_overrides_than_the_selection_has_room_for_are_all_kept_by_keep() -> None:
    selection = topk([3, 1, 2, 0, 0], 2)
    found = selection.overridden(torch.tensor([1, 3, 4]), torch.tensor([9.0, 8.0, 7.0]), "keep")
    assert found.dense()[0].tolist() == [0, 9, 0, 8, 7]


def test_a_threshold_drops_a_small_override_and_displaces_nothing() -> None:
    a = torch.tensor([[3.0, 1.0, 2.0, 0.0]])
    z = SparseCodes.from_dense(a * (a > 1.5))
    selection = Threshold(a, z, torch.tensor(1.5))
    features = torch.tensor([3])
    for mode in ("pre_topk", "post_topk_retop"):
        assert selection.overridden(features, torch.tensor([1.0]), mode).dense()[0].tolist() == [3, 0, 2, 0]
        assert selection.overridden(features, torch.tensor([2.5]), mode).dense()[0].tolist() == [3, 0, 2, 2.5]
    for mode in ("post_topk", "keep"):
        assert selection.overridden(features, torch.tensor([1.0]), mode).dense()[0].tolist() == [3, 0, 2, 1]


def test_a_threshold_per_feature_is_that_of_the_overridden_feature() -> None:
    a = torch.tensor([[3.0, 1.0]])
    selection = Threshold(a, SparseCodes.from_dense(a), torch.tensor([5.0, 0.5]))
    found = selection.overridden(torch.tensor([1]), torch.tensor([0.6]), "pre_topk")
    assert found.dense()[0].tolist() == pytest.approx([3, 0.6])


def test_a_selection_per_clip_is_made_again_over_the_whole_clip() -> None:
    a = torch.tensor([[3.0, 1.0, 0.0], [2.0, 0.5, 0.0]])
    z = SparseCodes.from_dense(torch.tensor([[3.0, 0.0, 0.0], [2.0, 0.0, 0.0]]))
    selection = PerClip(a, z, k=1, relu=True)
    features, values = torch.tensor([2]), torch.tensor([2.5])
    assert selection.overridden(features, values, "pre_topk").dense().tolist() == [[3, 0, 2.5], [0, 0, 0]]
    assert selection.overridden(features, values, "post_topk").dense().tolist() == [[3, 0, 2.5], [2, 0, 2.5]]
    assert selection.overridden(features, values, "keep").dense().tolist() == [[0, 0, 2.5], [0, 0, 2.5]]


def test_unchanged_entries_are_absent_from_the_difference() -> None:
    before = SparseCodes.from_dense(torch.tensor([[0.1, 0.2, 0.0], [0.3, 0.0, 0.0]]))
    after = SparseCodes.from_dense(torch.tensor([[0.1, 0.0, 0.7], [0.3, 0.0, 0.0]]))
    assert difference(after, before).dense().tolist() == [[0, pytest.approx(-0.2), pytest.approx(0.7)], [0, 0, 0]]
    assert difference(before, before).value.numel() == 0


def test_survived_is_the_share_of_tokens_that_hold_the_value() -> None:
    z = SparseCodes.from_dense(torch.tensor([[2.5, 0.0], [0.0, 1.0], [2.5, 1.0], [2.5, 0.0]]))
    assert survived(z, torch.tensor([0, 1]), torch.tensor([2.5, 0.0])) == [0.75, 0.5]


@pytest.mark.parametrize(
    ("overrides", "settings", "said"),
    [
        ([(1, float("nan"))], {}, "cannot be set to nan"),
        ([(1, float("inf"))], {}, "cannot be set to inf"),
        ([(1, 1e9)], {}, "Stay within"),
        ([(1, -1.0)], {}, "selects no negative value"),
        ([(1, 1.0), (1, 2.0)], {}, "overridden twice"),
        ([], {"mode": "loud"}, "no mode 'loud'"),
        ([], {"positions": "text"}, "no positions 'text'"),
    ],
)
def test_an_intervention_that_means_nothing_is_refused(
    overrides: list[tuple[int, float]], settings: dict[str, str], said: str
) -> None:
    with pytest.raises(ArdError, match=said):
        Intervention.of(overrides, **settings)


def test_negative_values_may_be_given_where_nothing_is_selected() -> None:
    assert Intervention.of([(1, -1.0)], mode="delta").values == (-1.0,)
