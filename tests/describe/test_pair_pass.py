"""E_L expected over ties and the weighted score against the double loop: O-5, O-19 (A-24, A-32)."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scored_files import O19_CLIPS, O19_VECTORS, random_clips, random_vectors, scored_file, unit

from backend.describe.scores.groups import listed_clips
from backend.describe.scores.pair_pass import PairPass, why_not
from backend.describe.scores.vectors import UnitVectors
from backend.store.retrieval import RetrievalFile


def passed(file: RetrievalFile, vectors: Any, memory: int = 1 << 20) -> PairPass:
    units = UnitVectors(np.asarray(vectors, float))
    found = PairPass(file, units, listed_clips(file) & units.known, memory=memory)
    found.run(lambda: None, lambda done: None)
    return found


@pytest.mark.parametrize(
    ("activations", "weighted"), [([1, 0.5, 0], 0.6), ([2, 4, 3], 0.8), ([0, 0.5, 1], 0.8), ([3, 0, 0], np.nan)]
)
def test_o5_is_the_printed_one(tmp_path: Path, activations: list[float], weighted: float) -> None:
    """The last two: one pair that weighs anything, and a single active clip, whose pairs all weigh 0."""
    with scored_file(tmp_path, [np.array([[a]]) for a in activations], p=2) as file:
        found = passed(file, [(1, 0), (0.6, 0.8), (0, 1)])
        assert found.weighted[0] == pytest.approx(weighted, nan_ok=True)


def test_activation_of_a_clip_is_its_mean_over_all_tokens(tmp_path: Path) -> None:
    """Means 1, 0.5 and 0, as O-5."""
    clips = [np.array([[2.0], [0], [1], [1]]), np.array([[0.5]]), np.array([[0.0]] * 3)]
    with scored_file(tmp_path, clips, p=2) as file:
        assert passed(file, [(1, 0), (0.6, 0.8), (0, 1)]).weighted[0] == pytest.approx(0.6)


@pytest.mark.parametrize("rule", ["hash", "index"])
def test_o19_expectation_over_ties_is_the_printed_one(tmp_path: Path, rule: str) -> None:
    with scored_file(tmp_path, O19_CLIPS, p=3, tie_break=rule) as file:
        expected = passed(file, O19_VECTORS).e_l_expected
        assert expected.tolist() == pytest.approx([0.208, -0.2, -0.1161905], abs=1e-7)


def brute(file: RetrievalFile, clips: list[np.ndarray], vectors: np.ndarray, k: int) -> tuple[float, float]:
    """Both numbers by the definition: a loop over all pairs of clips."""
    counted = [i for i in np.flatnonzero(listed_clips(file)).tolist() if np.isfinite(vectors[i]).all()]
    u = unit(vectors)
    mean = {i: clips[i][:, k].astype(np.float64).mean() for i in counted}
    which = file.settings["score"]
    share = {i: (clips[i][:, k] > 0).mean() for i in counted}
    score = {i: {"r": mean[i] * share[i], "mean": mean[i], "coverage": share[i]}[which] for i in counted}
    ties = [u[i] @ u[j] for i, j in itertools.combinations([i for i in counted if score[i] == 0], 2)]
    low, high = min(mean.values()), max(mean.values())
    if high == low:
        return (np.mean(ties) if ties else np.nan), np.nan
    a = {i: (mean[i] - low) / (high - low) for i in counted}
    pairs = list(itertools.combinations(counted, 2))
    weight = sum(a[i] * a[j] for i, j in pairs)
    weighted = sum(a[i] * a[j] * (u[i] @ u[j]) for i, j in pairs) / weight if weight else np.nan
    return (np.mean(ties) if ties else np.nan), weighted


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    seed=st.integers(0, 10**6),
    count=st.integers(2, 25),
    active=st.sampled_from([0.0, 0.1, 0.6, 1.0]),
    signed=st.booleans(),
    score=st.sampled_from(["r", "mean", "coverage"]),
    min_tokens=st.sampled_from([0, 2]),
    without=st.integers(0, 3),
    memory=st.sampled_from([1, 400, 10**6]),
)
def test_one_pass_equals_the_double_loop(
    tmp_path: Path, seed: int, count: int, active: float, signed: bool, score: str, min_tokens: int, without: int,
    memory: int,
) -> None:  # fmt: skip
    """Also where every clip is active, codes are negative, clips are too short or have no embedding."""
    clips, vectors = random_clips(seed, count, 4, active), random_vectors(seed, count)
    if signed:
        clips = [z * np.random.default_rng(seed).choice([-1, 1], 4).astype(np.float32) for z in clips]
    vectors[:without] = np.nan
    with scored_file(tmp_path, clips, p=2, score=score, min_tokens=min_tokens) as file:
        found = passed(file, vectors, memory)
        if not (listed_clips(file) & np.isfinite(vectors[:, 0])).any():
            assert np.isnan([*found.e_l_expected, *found.weighted]).all()
            return
        for k in range(4):
            expected, weighted = brute(file, clips, vectors, k)
            assert found.e_l_expected[k] == pytest.approx(expected, nan_ok=True, abs=1e-10)
            assert found.weighted[k] == pytest.approx(weighted, nan_ok=True, abs=1e-6)


def test_pass_needs_the_pair_table_of_whole_clips(tmp_path: Path) -> None:
    with scored_file(tmp_path / "a", O19_CLIPS, p=3) as file:
        assert why_not(file) == ""
    with scored_file(tmp_path / "b", O19_CLIPS, p=3, pair_table=False) as file:
        assert "pair_table" in why_not(file)
    with scored_file(tmp_path / "c", O19_CLIPS, p=3, window=2) as file:
        assert "max_tokens_window" in why_not(file)
