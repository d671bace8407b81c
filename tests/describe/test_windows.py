"""Long and short clips become one vector each, the same whatever else is embedded (A-26)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.describe.embedders.base import Vectors, Wave
from backend.describe.embedders.windows import EMPTY, NO_VECTOR, NOT_FINITE, OPPOSED, embed_clips, unit, window_starts
from backend.errors import ArdError
from backend.study.settings import EmbedSection
from builders.toy_embedder import AnyLength, ToyEmbedder

MEAN = EmbedSection()


def ramp(samples: int) -> Wave:
    return np.arange(samples, dtype=np.float32)


def test_ten_seconds_are_two_windows_of_seven() -> None:
    """[0, 7) and, right-aligned, [3, 10)."""
    assert window_starts(100, 70, MEAN, "") == [0, 30]


@pytest.mark.parametrize(
    ("samples", "starts"), [(70, [0]), (71, [0, 1]), (140, [0, 70]), (141, [0, 70, 71]), (210, [0, 70, 140])]
)
def test_windows_follow_one_another_and_the_last_ends_with_the_clip(samples: int, starts: list[int]) -> None:
    assert window_starts(samples, 70, MEAN, "") == starts


def test_excess_within_the_slack_makes_no_second_window() -> None:
    assert window_starts(72, 70, MEAN, "", slack=2) == [0]
    assert window_starts(142, 70, MEAN, "", slack=2) == [0, 72]
    assert window_starts(73, 70, MEAN, "", slack=2) == [0, 3]


def test_one_window_from_the_start_or_the_middle() -> None:
    assert window_starts(100, 70, EmbedSection(window="first"), "") == [0]
    assert window_starts(101, 70, EmbedSection(window="center"), "") == [15]


def test_random_start_depends_on_seed_and_key_only_and_reaches_both_ends() -> None:
    drawn = [window_starts(72, 70, EmbedSection(window="random"), f"clip {i}")[0] for i in range(50)]
    assert set(drawn) == {0, 1, 2}
    assert drawn == [window_starts(72, 70, EmbedSection(window="random"), f"clip {i}")[0] for i in range(50)]
    other = EmbedSection(window="random", window_seed=1)
    assert drawn != [window_starts(72, 70, other, f"clip {i}")[0] for i in range(50)]


@given(st.integers(1, 500), st.integers(1, 60))
def test_windows_cover_every_sample_and_none_leaves_the_clip(samples: int, window: int) -> None:
    starts = window_starts(samples, window, MEAN, "")
    assert {i for s in starts for i in range(s, s + window)} >= set(range(samples))
    assert samples <= window or all(0 <= s <= samples - window for s in starts)


def test_vector_is_the_mean_of_the_windows_unit_vectors() -> None:
    """Windows of a 10 s ramp begin and end at (0, 69) and (30, 99)."""
    first, second = np.array([0, 69, 1]), np.array([30, 99, 1])
    mean = first / np.linalg.norm(first) + second / np.linalg.norm(second)
    found = embed_clips(ToyEmbedder(), [ramp(100)], MEAN, ["a"])
    assert found.vectors[0] == pytest.approx(mean / np.linalg.norm(mean), abs=1e-6)
    assert found.reasons == ("",)


def test_short_clip_is_repeated_to_fill_the_window() -> None:
    embedder = ToyEmbedder()
    embed_clips(embedder, [ramp(30)], MEAN, ["a"])
    assert embedder.asked[0][0].tolist() == [*range(30), *range(30), *range(10)]


def test_short_clip_stays_short_for_an_embedder_of_any_length() -> None:
    embedder = AnyLength()
    embed_clips(embedder, [ramp(30)], MEAN, ["a"])
    assert embedder.asked[0][0].tolist() == list(range(30))


def test_windows_are_batched_across_clips() -> None:
    embedder = ToyEmbedder()
    waves = [ramp(100), ramp(10), ramp(210)]
    found = embed_clips(embedder, waves, EmbedSection(batch_clips=4), ["a", "b", "c"])
    assert [len(batch) for batch in embedder.asked] == [4, 2]
    alone = [embed_clips(ToyEmbedder(), [w], EmbedSection(batch_clips=1), ["x"]).vectors[0] for w in waves]
    assert found.vectors == pytest.approx(np.stack(alone), abs=1e-7)


@settings(deadline=None)
@given(st.permutations(range(5)), st.sampled_from(["mean", "first", "center", "random"]), st.integers(1, 7))
def test_order_and_batch_change_nothing(order: list[int], window: str, batch: int) -> None:
    section = EmbedSection.model_validate({"window": window, "batch_clips": batch})
    waves = [ramp(n) for n in (5, 70, 75, 100, 333)]
    keys = [f"clip {n}" for n in range(5)]
    straight = embed_clips(ToyEmbedder(), waves, section, keys).vectors
    mixed = embed_clips(ToyEmbedder(), [waves[i] for i in order], section, [keys[i] for i in order]).vectors
    assert mixed == pytest.approx(straight[list(order)], abs=1e-7)


def test_unusable_sounds_get_a_reason_and_leave_the_others_alone() -> None:
    broken = ramp(80)
    broken[75] = np.nan
    waves = [np.zeros(0, np.float32), ramp(80), broken, np.full(70, np.inf, np.float32)]
    embedder = ToyEmbedder()
    found = embed_clips(embedder, iter(waves), MEAN, ["a", "b", "c", "d"])
    assert found.reasons == (EMPTY, "", NOT_FINITE, NOT_FINITE)
    assert np.isnan(found.vectors).all(axis=1).tolist() == [True, False, True, True]
    assert np.linalg.norm(found.vectors[1]) == pytest.approx(1)
    assert sum(len(batch) for batch in embedder.asked) == 2


class Answers(ToyEmbedder):
    """Gives the vectors it was made with."""

    def __init__(self, vectors: list[list[float]]) -> None:
        super().__init__()
        self.vectors = np.array(vectors, dtype=np.float32)

    def embed_windows(self, windows: Sequence[Wave]) -> Vectors:
        return self.vectors[: len(windows)]


@pytest.mark.parametrize(
    ("vectors", "reason"),
    [
        ([[0, 0, 0], [1, 0, 0]], NO_VECTOR),
        ([[1, 0, 0], [np.nan, 0, 0]], NO_VECTOR),
        ([[np.inf, 0, 0], [1, 0, 0]], NO_VECTOR),
        ([[2, 0, 0], [-3, 0, 0]], OPPOSED),
    ],
)
def test_clip_without_a_direction_has_no_vector(vectors: list[list[float]], reason: str) -> None:
    found = embed_clips(Answers(vectors), [ramp(140)], MEAN, ["a"])
    assert found.reasons == (reason,)
    assert np.isnan(found.vectors).all()


def test_vectors_of_another_dimension_are_an_error() -> None:
    with pytest.raises(ArdError, match=r"shape \[1, 2\] instead of \[1, 3\]"):
        embed_clips(Answers([[1, 0]]), [ramp(70)], MEAN, ["a"])


def test_no_clips_give_no_vectors() -> None:
    found = embed_clips(ToyEmbedder(), [], MEAN, [])
    assert found.vectors.shape == (0, 3)


def test_as_many_keys_as_clips() -> None:
    with pytest.raises(ValueError, match="longer"):
        embed_clips(ToyEmbedder(), [ramp(70)], MEAN, ["a", "b"])


def test_unit_keeps_the_direction_and_marks_rows_without() -> None:
    assert unit(np.array([[3.0, 4.0]])).tolist() == [[0.6, 0.8]]
    assert np.isnan(unit(np.array([[0.0, 0.0]]))).all()
