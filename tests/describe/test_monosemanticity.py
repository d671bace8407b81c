"""All columns of small files: oracle O-19, invariances, bad input, and the scores file (A-27 to A-32)."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scored_files import O19_CLIPS, O19_VECTORS, random_clips, random_vectors, raw_file, scored_file, unit

from backend.describe.scores.groups import Groups
from backend.describe.scores.monosemanticity import monosemanticity
from backend.errors import ArdError, Stopped
from backend.store import scores as scores_file
from backend.store.scores import COLUMNS, ScoresFile
from backend.study.settings import ScoresSection, plain

NEED_NO_H = {"e_l_expected", "weighted"}


def scored(file: Any, vectors: Any, **changes: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    return monosemanticity(file, np.asarray(vectors), ScoresSection(**changes))


@pytest.mark.parametrize(
    ("rule", "e_l", "var_l", "m"),
    [
        ("index", (0.4666667, -0.3333333), (0.1155556, 0.4622222), (0, 2.2769328)),
        ("hash", (-0.0666667, -0.3333333), (0.3288889, 0.6488889), (1.1313708, 1.9342314)),
    ],
)
def test_o19_is_the_printed_one(tmp_path: Path, rule: str, e_l: Any, var_l: Any, m: Any) -> None:
    with scored_file(tmp_path, O19_CLIPS, p=3, list_length=3, tie_break=rule) as file:
        found, figures = scored(file, O19_VECTORS, rank_by="epsilon")
    assert found["e_h"].tolist() == pytest.approx([0.4666667, 0.7866667, np.nan], abs=1e-7, nan_ok=True)
    assert found["e_l"].tolist() == pytest.approx([*e_l, np.nan], abs=1e-7, nan_ok=True)
    assert found["var_h"].tolist() == pytest.approx([0.1155556, 0.0216889, np.nan], abs=1e-7, nan_ok=True)
    assert found["var_l"].tolist() == pytest.approx([*var_l, np.nan], abs=1e-7, nan_ok=True)
    assert found["m_epsilon"].tolist() == pytest.approx([*m, np.nan], abs=1e-7, nan_ok=True)
    assert found["m"].tolist() == pytest.approx([*m, np.nan], abs=1e-6, nan_ok=True)
    assert found["e_l_expected"].tolist() == pytest.approx([0.208, -0.2, -0.1161905], abs=1e-7)
    for k, expected in enumerate((0.208, -0.2)):
        assert found["m_expected"][k] == pytest.approx((found["e_h"][k] - expected) / found["sigma"][k])
    assert found["rank"].tolist() == [1, 0, -1]
    assert (figures["valid"], figures["insufficient"], figures["dead"]) == (2, 1, 0)
    assert figures["max"] == pytest.approx(max(m), abs=1e-7)


def test_insufficient_and_dead_features_have_no_score_and_are_counted(tmp_path: Path) -> None:
    clips = [np.pad(z, ((0, 0), (0, 2))) for z in O19_CLIPS]
    with scored_file(tmp_path, clips, p=3) as file:
        found, figures = scored(file, O19_VECTORS)
    for name, values in found.items():
        if name not in {"rank", "degenerate", *NEED_NO_H}:
            assert np.isnan(values[2:]).all(), name
    assert found["rank"].tolist() == [1, 0, -1, -1, -1]
    assert not found["degenerate"].any()
    assert np.isnan(found["weighted"][2:]).all()
    counted = ("features", "valid", "insufficient", "dead", "without_embedding", "top")
    assert [figures[name] for name in counted] == [5, 2, 1, 2, 0, 2]


@pytest.mark.parametrize("bad", [[np.nan, np.nan], [0, 0], [np.inf, 1]])
def test_feature_whose_groups_hold_a_clip_without_embedding_has_no_score(tmp_path: Path, bad: list[float]) -> None:
    """Clip 6 is in H of feature 1 and in L of feature 0; clip 4 in L of feature 0 only."""
    for clip, ranks, lost in ((6, [-1, -1, -1], 2), (4, [-1, 0, -1], 1)):
        vectors = O19_VECTORS.copy()
        vectors[clip] = bad
        with scored_file(tmp_path, O19_CLIPS, p=3, list_length=3) as file:
            found, figures = scored(file, vectors)
        assert found["rank"].tolist() == ranks
        assert np.isnan(found["m"][np.array(ranks) < 0]).all()
        assert figures["without_embedding"] == lost
        assert figures["clips_without_embedding"] == 1


def test_expected_and_weighted_leave_out_clips_without_embedding(tmp_path: Path) -> None:
    """Without clip 7 the clips 2, 3, 4, 6 of score 0 are left for feature 0."""
    vectors = O19_VECTORS.copy()
    vectors[7] = np.nan
    with scored_file(tmp_path, O19_CLIPS, p=3) as file:
        found, _ = scored(file, vectors)
    pairs = itertools.combinations((2, 3, 4, 6), 2)
    assert found["e_l_expected"][0] == pytest.approx(np.mean([O19_VECTORS[i] @ O19_VECTORS[j] for i, j in pairs]))


def test_no_embedding_at_all_gives_no_score(tmp_path: Path) -> None:
    with scored_file(tmp_path, O19_CLIPS, p=3) as file:
        found, figures = scored(file, np.full((8, 2), np.nan))
    assert found["rank"].tolist() == [-1] * 3
    assert np.isnan(found["weighted"]).all()
    assert np.isnan(found["e_l_expected"]).all()
    assert (figures["valid"], figures["without_embedding"], figures["top"], figures["max"]) == (0, 2, 0, None)
    assert figures["control_max"] is None
    assert figures["control_above_median"] is None


def test_embeddings_of_another_clip_table_are_refused(tmp_path: Path) -> None:
    with scored_file(tmp_path, O19_CLIPS, p=3) as file, pytest.raises(ArdError, match="7 embeddings for the 8 clips"):
        scored(file, O19_VECTORS[:7])


def test_groups_of_one_clip_are_refused(tmp_path: Path) -> None:
    with scored_file(tmp_path, O19_CLIPS, p=1) as file, pytest.raises(ArdError, match="p must be at least 2"):
        scored(file, O19_VECTORS)


def test_p_larger_than_every_support_leaves_no_valid_feature(tmp_path: Path) -> None:
    with scored_file(tmp_path, O19_CLIPS, p=6) as file:
        found, figures = scored(file, O19_VECTORS, top=5000)
    assert found["rank"].tolist() == [-1] * 3
    assert (figures["valid"], figures["insufficient"], figures["top"]) == (0, 3, 0)


def test_p_larger_than_the_number_of_clips_is_insufficient(tmp_path: Path) -> None:
    with scored_file(tmp_path, O19_CLIPS, p=9) as file:
        assert scored(file, O19_VECTORS)[1]["insufficient"] == 3


def test_top_of_more_than_the_valid_features_is_all_of_them(tmp_path: Path) -> None:
    with scored_file(tmp_path, O19_CLIPS, p=3) as file:
        few, many = (scored(file, O19_VECTORS, top=top)[1] for top in (1, 5000))
    assert (few["top"], many["top"]) == (1, 2)
    assert few["max"] == many["max"] == few["mean"] == few["median"]
    assert many["mean"] < many["max"]


def test_duplicates_are_flagged_and_ranked_by_the_floored_score(tmp_path: Path) -> None:
    """Feature 0 in clips 0 to 2, equal sounds; the clips left for L are equal too, at a cosine of 0.6 to these."""
    clips = [np.array([[float(row < 3)]]) for row in range(6)]
    vectors = [(1, 0)] * 3 + [(0.6, 0.8)] * 3
    with scored_file(tmp_path, clips, p=3) as file:
        found, figures = scored(file, vectors)
    assert found["degenerate"].tolist() == [True]
    assert figures["degenerate"] == 1
    assert found["m"][0] == pytest.approx(0, abs=1e-9)
    assert found["e_h"][0] == found["e_l"][0] == pytest.approx(1)


def test_equal_scores_are_ranked_by_feature_index(tmp_path: Path) -> None:
    clips = [np.tile(z[:, :1], (1, 3)) for z in O19_CLIPS]
    with scored_file(tmp_path, clips, p=3, tie_break="index") as file:
        found, _ = scored(file, O19_VECTORS)
    assert found["m"].tolist() == [found["m"][0]] * 3
    assert found["rank"].tolist() == [0, 1, 2]


def test_rank_by_decides_between_the_two_scores(tmp_path: Path) -> None:
    """Both features have H = three equal sounds. L of feature 0 has three cosines of 0.99, that of feature 1 is O-4's.

    floored: 0.01/0.01 = 1 and 1.3333333/0.3333333 = 4; Eq. 4: 0.01/1e-8 = 1e6 and 4.
    """
    active = np.zeros((9, 2))
    active[6:] = 2
    active[3:6, 0] = active[:3, 1] = 1
    near = np.linalg.cholesky(np.full((3, 3), 0.99) + 0.01 * np.eye(3))
    vectors = np.concatenate([near, [(1, 0, 0), (0, 1, 0), (-1, 0, 0)], [(0, 0, 1)] * 3])
    with scored_file(tmp_path, [row[None] for row in active], p=3, tie_break="index") as file:
        floored, figures = scored(file, vectors, rank_by="floored")
        assert (figures["ranked_by"], figures["max"]) == ("m", pytest.approx(4))
        divided, figures = scored(file, vectors, rank_by="epsilon")
        assert (figures["ranked_by"], figures["max"]) == ("m_epsilon", pytest.approx(1e6, rel=1e-4))
    assert floored["m"].tolist() == pytest.approx([1, 4])
    assert floored["rank"].tolist() == [1, 0]
    assert divided["rank"].tolist() == [0, 1]


def by_hand(u: np.ndarray, clips: Any) -> tuple[float, float]:
    cosines = [u[i] @ u[j] for i, j in itertools.combinations(np.asarray(clips).tolist(), 2)]
    return float(np.mean(cosines)), float(np.var(cosines))


def test_spread_over_redraws_is_that_of_m_with_each_block_of_the_least_list(tmp_path: Path) -> None:
    clips, vectors = random_clips(1, 60, 3, 0.1), random_vectors(1, 60)
    u = unit(vectors)
    with scored_file(tmp_path, clips, p=3) as file:
        found, figures = scored(file, vectors, redraws=5)
        for k in range(3):
            view = file.feature(k)
            e_h, var_h = by_hand(u, view.most_clips[:3])
            ms = []
            for j in range(5):
                block = slice(3 * j, 3 * j + 3)
                assert view.least_scores[block].tolist() == [0, 0, 0]
                e_l, var_l = by_hand(u, view.least_clips[block])
                ms.append((e_h - e_l) / max(np.sqrt((var_h + var_l) / 2), 0.01))
            assert ms[0] == pytest.approx(found["m"][k])
            assert found["m_redraw_mean"][k] == pytest.approx(np.mean(ms))
            assert found["m_redraw_sd"][k] == pytest.approx(np.std(ms, ddof=1))
    assert (figures["redraws"], figures["redraws_used"], figures["fewer_redraws"]) == (5, 5, 0)


def test_more_redraws_than_stored_blocks_are_told(tmp_path: Path) -> None:
    clips, vectors = random_clips(1, 60, 3, 0.1), random_vectors(1, 60)
    with scored_file(tmp_path, clips, p=3, list_length=8) as file:
        found, figures = scored(file, vectors, redraws=10)
    assert (figures["redraws"], figures["redraws_used"], figures["fewer_redraws"]) == (10, 2, 3)
    assert (found["m_redraw_sd"] > 0).all()


def test_one_draw_has_no_spread(tmp_path: Path) -> None:
    """O-19: five clips of score 0 and p = 3."""
    with scored_file(tmp_path, O19_CLIPS, p=3) as file:
        found, figures = scored(file, O19_VECTORS)
    assert np.isnan(found["m_redraw_sd"]).all()
    assert np.isnan(found["m_redraw_mean"]).all()
    assert figures["redraws_used"] == 1


def test_l_that_no_tie_decides_has_no_spread(tmp_path: Path) -> None:
    clips = [np.array([[float(v)]]) for v in (3, 1, 4, 2, 5, 6)]
    with scored_file(tmp_path, clips, p=3) as file:
        found, figures = scored(file, random_vectors(0, 6))
        off, _ = scored(file, random_vectors(0, 6), redraws=0)
    assert found["m_redraw_sd"].tolist() == [0]
    assert found["m_redraw_mean"].tolist() == found["m"].tolist()
    assert (figures["not_decided_by_ties"], figures["redraws_used"], figures["fewer_redraws"]) == (1, 0, 0)
    assert np.isnan(off["m_redraw_sd"]).all()


def test_control_is_m_of_random_clips_against_the_same_l(tmp_path: Path) -> None:
    """Of 4 clips and p = 4 the only control is all of them."""
    clips = [np.array([[float(v)]]) for v in (3, 1, 4, 2)]
    with scored_file(tmp_path, clips, p=4) as file:
        found, figures = scored(file, random_vectors(0, 4))
    assert found["m_control"].tolist() == pytest.approx([0.0], abs=1e-9)
    assert figures["control_max"] == pytest.approx(0.0, abs=1e-9)


def test_control_is_scored_with_its_own_spread(tmp_path: Path) -> None:
    clips, vectors = random_clips(1, 60, 3, 0.1), random_vectors(1, 60)
    u = unit(vectors)
    with scored_file(tmp_path, clips, p=3) as file:
        found, _ = scored(file, vectors, control_seed=9)
        control = Groups(file, np.ones(60, bool), redraws=0, seed=9).control(np.arange(3))
        for k in range(3):
            (e_c, var_c), (e_l, var_l) = by_hand(u, control[k]), by_hand(u, file.feature(k).least_clips[:3])
            assert found["m_control"][k] == pytest.approx((e_c - e_l) / np.sqrt((var_c + var_l) / 2))


def test_random_embeddings_score_like_their_control(tmp_path: Path) -> None:
    """Embeddings that know nothing of the features: half of the control is above the median, 5 % beyond its 95 %.

    Bounds of five standard deviations for 400 features of either kind.
    """
    clips, vectors = random_clips(5, 200, 400, 0.05), random_vectors(5, 200, 16)
    with scored_file(tmp_path, clips, p=4) as file:
        found, figures = scored(file, vectors, top=50)
    assert figures["valid"] > 390
    assert figures["control_above_median"] == pytest.approx(0.5, abs=5 * np.sqrt(0.5 / 400))
    assert figures["above_control_95"] == pytest.approx(0.05, abs=5 * np.sqrt(2 * 0.05 * 0.95 / 400))
    control = np.sort(found["m_control"])[::-1][:50]
    assert figures["control_max"] == control[0]
    assert figures["control_mean"] == pytest.approx(control.mean())


def comparable(found: dict[str, Any], *without: str) -> dict[str, Any]:
    return {name: values for name, values in found.items() if name not in without}


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**6), active=st.sampled_from([0.15, 0.5]), order_seed=st.integers(0, 100))
def test_order_of_clips_and_their_shards_change_no_score(
    tmp_path: Path, seed: int, active: float, order_seed: int
) -> None:
    """Shards change nothing; another order of the clip table only what the control draws."""
    count = 40
    clips, vectors = random_clips(seed, count, 4, active), random_vectors(seed, count)
    draw = np.random.default_rng(order_seed)
    ids = draw.integers(0, 2**64, count, dtype=np.uint64)
    order = draw.permutation(count)
    shards = np.array_split(draw.permutation(count), 4)
    with scored_file(tmp_path / "one", clips, p=3, ids=ids) as file:
        wanted, _ = scored(file, vectors)
    with scored_file(tmp_path / "cut", clips, p=3, ids=ids, shards=shards) as file:
        found, _ = scored(file, vectors)
    for name, values in wanted.items():
        assert found[name].tolist() == pytest.approx(values.tolist(), nan_ok=True, abs=1e-9), name
    with scored_file(tmp_path / "mixed", [clips[i] for i in order], p=3, ids=ids[order]) as file:
        found, _ = scored(file, vectors[order])
    for name, values in comparable(wanted, "m_control").items():
        assert found[name].tolist() == pytest.approx(values.tolist(), nan_ok=True, abs=1e-9), name


def test_memory_and_precision_of_the_embeddings_change_no_score(tmp_path: Path) -> None:
    clips, vectors = random_clips(2, 50, 6, 0.2), random_vectors(2, 50).astype(np.float32)
    with scored_file(tmp_path, clips, p=4) as file:
        wanted, _ = scored(file, vectors.astype(np.float64))
        found, _ = monosemanticity(file, vectors, ScoresSection(), memory=1)
    for name, values in wanted.items():
        assert found[name].tolist() == pytest.approx(values.tolist(), nan_ok=True, rel=1e-12, abs=1e-12), name


def test_without_pair_table_the_reason_is_told_and_the_rest_is_there(tmp_path: Path) -> None:
    with scored_file(tmp_path, O19_CLIPS, p=3, pair_table=False) as file:
        found, figures = scored(file, O19_VECTORS)
    assert "pair_table" in figures["without_pair_pass"]
    for name in ("e_l_expected", "m_expected", "weighted"):
        assert np.isnan(found[name]).all()
    assert found["rank"].tolist() == [1, 0, -1]


def test_raw_units_are_scored_without_the_pair_pass(tmp_path: Path) -> None:
    """Units of four clips of one token: the scores are x·[x > 0]; the second unit is negative or 0 everywhere."""
    x = np.array([[2.0, -1], [1, -2], [0.5, 0], [-3, -1]])
    with raw_file(tmp_path, x, p=2) as file:
        found, figures = scored(file, O19_VECTORS[:4])
    assert "raw units" in figures["without_pair_pass"]
    assert np.isnan(found["weighted"]).all()
    assert found["e_h"].tolist() == pytest.approx([0.8, np.nan], nan_ok=True)
    assert found["e_l"].tolist() == pytest.approx([0.0, np.nan], nan_ok=True)
    assert (figures["valid"], figures["dead"]) == (1, 1)


def test_progress_counts_every_feature_once_per_part_and_a_stop_is_heard(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    with scored_file(tmp_path, O19_CLIPS, p=3) as file:
        monosemanticity(file, O19_VECTORS, ScoresSection(), progress=lambda done, total: seen.append((done, total)))
        assert seen == [(3, 6), (6, 6)]

        def stop() -> None:
            raise Stopped("stopped as asked")

        with pytest.raises(Stopped):
            monosemanticity(file, O19_VECTORS, ScoresSection(), check_stop=stop)


def test_scores_file_gives_back_what_was_computed(tmp_path: Path) -> None:
    with scored_file(tmp_path, O19_CLIPS, p=3) as file:
        found, _ = scored(file, O19_VECTORS)
    path = tmp_path / "scores.h5"
    scores_file.write(path, found, plain(ScoresSection()), {"embedder": "mini"})
    back = ScoresFile(path)
    assert back.columns.keys() == COLUMNS.keys()
    for name, values in found.items():
        np.testing.assert_array_equal(back.columns[name], values)
    assert back.ranked().tolist() == [1, 0]
    assert back.settings["floor"] == 0.01
    assert back.embedder == {"embedder": "mini"}
