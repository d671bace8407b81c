"""What is read for the feature page, against the files themselves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from ard_gui.services.feature_lines import ClipGroup, FeatureLines
from ard_gui.services.figures import BREAKDOWN, HEADER, kind_of
from ard_gui.services.study_reading import OpenRanking, overview
from backend.audio.load import load_wave
from backend.errors import ArdError
from backend.store.retrieval import RetrievalFile
from backend.study.atomic import read_json
from backend.study.folder import Study
from builders.synthetic_study import TINY, synthetic_study


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Without a pair table."""
    return synthetic_study(tmp_path_factory.mktemp("reading") / "study")


@pytest.fixture(scope="module")
def paired(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return synthetic_study(tmp_path_factory.mktemp("paired") / "study", replace(TINY, pair_table=True), seed=1)


@pytest.fixture
def ranking(study: Study) -> Iterator[OpenRanking]:
    found = OpenRanking(study, study.feature_ids()[0])
    yield found
    found.close()


@pytest.fixture
def with_pairs(paired: Study) -> Iterator[OpenRanking]:
    found = OpenRanking(paired, paired.feature_ids()[0])
    yield found
    found.close()


def group(lines: FeatureLines, name: str) -> ClipGroup:
    return next(one for one in lines.groups if one.id == name)


def most_active(ranking: OpenRanking) -> int:
    """A feature with many active clips, but not the one that is active everywhere."""
    support = ranking.columns["support"]
    return int(np.argmax(np.where(support < 150, support, -1)))


def test_overview_counts_clips_and_names_rankings(study: Study) -> None:
    found = overview(study.root)
    assert (found.clips, found.unreadable, found.rankings) == (200, 0, study.feature_ids())


def test_every_feature_of_the_study_has_a_page(ranking: OpenRanking) -> None:
    for feature in range(ranking.file.features):
        lines = ranking.lines(feature)
        assert [one.id for one in lines.groups] == ["most", *["quantile"] * 5, "least", "random", "hard"]
        assert lines.most is lines.groups[0].lines


def test_mean_coverage_and_score_of_a_clip_agree_with_the_definition(ranking: OpenRanking) -> None:
    lines = ranking.lines(most_active(ranking))
    assert len(lines.most) == 16
    for line in lines.most:
        assert line.mean * line.coverage == pytest.approx(line.score), "r = μ·c (A-21)"
        assert line.max == line.trace.value.max()
        assert line.mean_active == pytest.approx(line.mean / line.coverage)
        np.testing.assert_allclose(line.trace.end - line.trace.start, ranking.file.seconds_per_token)
        assert line.trace.end[-1] <= line.tokens * ranking.file.seconds_per_token + 1e-9


def test_traces_are_those_of_the_retrieval_file(ranking: OpenRanking) -> None:
    feature = most_active(ranking)
    view, lines = ranking.file.feature(feature), ranking.lines(feature)
    assert [one.clip for one in lines.most] == view.most_clips.tolist()
    stored = view.traces[lines.most[0].clip]
    np.testing.assert_array_equal(lines.most[0].trace.value, stored.value)
    np.testing.assert_allclose(lines.most[0].trace.start, stored.token * ranking.file.seconds_per_token)


def test_clip_can_be_decoded_from_its_line(ranking: OpenRanking) -> None:
    line = ranking.lines(most_active(ranking)).most[0]
    assert line.media is not None
    wave = load_wave(line.media, 16000)
    assert len(wave) / 16000 == pytest.approx(line.media.duration, abs=0.001)
    assert (line.media.licence, line.media.index) == ("CC0-1.0", line.clip)
    assert line.media.labels["label"] in line.labels


def test_quantiles_go_from_the_strongest_down_each_with_its_range(ranking: OpenRanking) -> None:
    parts = [one for one in ranking.lines(most_active(ranking)).groups if one.id == "quantile"]
    assert [one.title.split(":")[0] for one in parts] == ["80–100 %", "60–80 %", "40–60 %", "20–40 %", "0–20 %"]
    for stronger, weaker in pairwise(parts):
        assert stronger.low >= weaker.high
    assert parts[0].low == min(one.score for one in parts[0].lines)


def test_random_clips_are_known_to_be_inactive_with_a_pair_table(with_pairs: OpenRanking) -> None:
    feature = most_active(with_pairs)
    active = set(with_pairs.file.pairs(feature)["clip"].tolist())
    found = group(with_pairs.lines(feature), "random")
    assert len(found.lines) == 16
    assert not active & {one.clip for one in found.lines}
    assert {(one.score, one.mean, one.coverage) for one in found.lines} == {(0.0, 0.0, 0.0)}
    assert f"{200 - len(active)} clips in which it is not active" in found.told


def test_random_clips_without_a_pair_table_say_what_is_not_known(ranking: OpenRanking) -> None:
    feature = most_active(ranking)
    view = ranking.file.feature(feature)
    listed = {*view.most_clips.tolist(), *view.least_clips.tolist(), *(int(i) for p in view.quantile_clips for i in p)}
    found = group(ranking.lines(feature), "random")
    assert not listed & {one.clip for one in found.lines}
    assert "in none of its lists" in found.told
    assert np.isnan([one.score for one in found.lines]).all()


def test_all_active_clips_are_known_where_all_of_them_are_listed(ranking: OpenRanking) -> None:
    support = ranking.columns["support"]
    few = int(np.flatnonzero((support > 0) & (support <= 3))[0])
    found = group(ranking.lines(few), "random")
    assert f"{200 - support[few]} clips in which it is not active" in found.told


def test_random_clips_depend_on_the_draw_and_on_nothing_else(ranking: OpenRanking) -> None:
    feature = most_active(ranking)
    first, again, other = (group(ranking.lines(feature, draw), "random").lines for draw in (0, 0, 1))
    assert [one.clip for one in first] == [one.clip for one in again]
    assert [one.clip for one in first] != [one.clip for one in other]


def test_hard_negatives_are_high_in_a_neighbour_and_inactive_here(with_pairs: OpenRanking) -> None:
    feature = most_active(with_pairs)
    active = set(with_pairs.file.pairs(feature)["clip"].tolist())
    lines = with_pairs.lines(feature)
    hard = group(lines, "hard").lines
    assert hard
    near = [one.feature for one in lines.near[:8]]
    for one in hard:
        clips, scores = with_pairs.file.most_list(one.neighbour)
        assert one.neighbour in near
        assert one.clip not in active
        assert one.neighbour_score == scores[clips.tolist().index(one.clip)]
    assert len({one.clip for one in hard}) == len(hard)


def test_dead_feature_has_a_page_without_active_clips(ranking: OpenRanking) -> None:
    dead = int(np.flatnonzero(ranking.columns["status"] == "dead")[0])
    lines = ranking.lines(dead)
    assert (lines.most, lines.concept) == ([], None)
    assert {one.max for one in lines.least} == {0.0}
    assert np.isnan(group(lines, "most").low)
    assert {one.text for one in lines.scores if one.column in ("m", "rank", "sigma")} == {"–"}


def test_neighbours_carry_their_names(ranking: OpenRanking) -> None:
    lines = ranking.lines(most_active(ranking))
    assert lines.neighbours == [(one.feature, one.cosine) for one in lines.near]
    assert [one.name for one in lines.near] == [ranking.columns["name"][one.feature] for one in lines.near]
    assert any(one.name for one in lines.near)


def test_figures_name_the_result_they_belong_to(ranking: OpenRanking) -> None:
    lines = ranking.lines(most_active(ranking))
    assert [one.column for one in lines.header] == list(HEADER)
    assert [one.column for one in lines.scores] == list(BREAKDOWN)
    kinds = {one.column: one.kind for one in (*lines.header, *lines.scores)}
    assert (kinds["m"], kinds["support"], kinds["detection"]) == ("scores", "retrieval", "concepts")
    value = ranking.columns["e_h"][lines.feature]
    assert next(one.text for one in lines.scores if one.label == "E_H") == f"{value:.4g}"


def test_every_number_leads_to_the_manifest_of_its_result(ranking: OpenRanking, study: Study) -> None:
    current = read_json(study.features(ranking.name) / "current.json")
    for column, key in (("support", "manifest"), ("m", "scores"), ("name", "concepts")):
        behind = ranking.manifest_behind(kind_of(column))
        assert behind.path.stem == Path(current[key]).stem
        assert behind.manifest["outputs"]["file"] == f"{behind.path.stem}.h5"
    assert ranking.manifest_behind("clips").manifest["outputs"]["clips"] == 200
    assert ranking.manifest_behind("sae").manifest["outputs"]["id"] == ranking.name


def test_ranking_without_a_result_says_so(ranking: OpenRanking, study: Study) -> None:
    path = study.features(ranking.name) / "current.json"
    whole = path.read_text(encoding="utf-8")
    path.write_text(whole.replace('"scores":', '"other":').replace('"concepts":', '"more":'), encoding="utf-8")
    try:
        bare = OpenRanking(study, ranking.name)
    finally:
        path.write_text(whole, encoding="utf-8")
    lines = bare.lines(0)
    assert (lines.scores, lines.concept, bare.feature_name(0)) == ((), None, "")
    with pytest.raises(ArdError, match="no scores yet"):
        bare.manifest_behind("scores")


def test_features_of_a_clip_come_strongest_first_with_their_names(ranking: OpenRanking) -> None:
    clip = ranking.lines(most_active(ranking)).most[0].clip
    found = ranking.clip_features(clip)
    scores = [one.score for one in found]
    assert scores == sorted(scores, reverse=True)
    assert found[0].name == ranking.columns["name"][found[0].feature]
    with RetrievalFile(ranking.path) as file:
        assert [one.feature for one in found] == file.clip_features(clip)[0].tolist()


def test_reading_ahead_changes_nothing_but_the_time(ranking: OpenRanking) -> None:
    feature = most_active(ranking)
    before = ranking.lines(feature)
    steps = 0
    while ranking.read_ahead():
        steps += 1
    after = ranking.lines(feature)
    assert steps >= 10
    assert [[(one.clip, one.name, one.labels, one.media) for one in g.lines] for g in after.groups] == [
        [(one.clip, one.name, one.labels, one.media) for one in g.lines] for g in before.groups
    ]


def test_odd_names_are_among_the_concepts(ranking: OpenRanking) -> None:
    names = [one for one in ranking.columns["name"].tolist() if one]
    assert any("\u0600" <= one[0] <= "\u06ff" for one in names)
    assert any("🎹" in one for one in names)
    assert max(map(len, names)) == 300
