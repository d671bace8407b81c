"""The stage on a real (tiny, random) study with the built-in embedder: publishing, resuming, staleness, bad input."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from backend.errors import ArdError, Stopped
from backend.jobs.job import quiet_job
from backend.resources import resource
from backend.stages import collect, describe, pipeline
from backend.store.clips import ClipTable
from backend.store.concepts import ConceptsFile
from backend.store.retrieval import RetrievalFile
from backend.store.scores import ScoresFile
from backend.study.atomic import read_json
from backend.study.configuration import audio_sections, load_settings, new_settings, write_new
from backend.study.folder import Study
from backend.study.manifest import read_manifest
from backend.study.settings import Settings
from builders.chat_server import Reply, chat_server, failed, said
from builders.interrupted import StopsAfter, contents
from builders.tiny_models import tiny_whisper
from builders.tiny_study import finished_study, recordings

SAE = "encoder.2-batchtopk-e4-k8-s0"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return finished_study(tmp_path_factory.mktemp("describe"), train={"steps": 30}, retrieve={"raw_units": True})


@pytest.fixture
def study(finished: Study, tmp_path: Path) -> Study:
    """A copy whose description may be spoilt."""
    shutil.copytree(finished.root, tmp_path / "study")
    return Study(tmp_path / "study")


def settings_of(study: Study, **changes: dict[str, Any]) -> Settings:
    settings = load_settings(study.toml)
    for section, values in changes.items():
        for name, value in values.items():
            setattr(getattr(settings, section), name, value)
    return settings


def current(study: Study, name: str = SAE) -> dict[str, str]:
    found: dict[str, str] = read_json(study.features(name) / "current.json")
    return found


def forget(study: Study, *, caches: bool = True) -> None:
    """Take every result of the stage away."""
    for place in study.feature_ids():
        left = {k: v for k, v in current(study, place).items() if k not in ("scores", "concepts")}
        (study.features(place) / "current.json").write_text(json.dumps(left))
        for path in [*study.features(place).glob("scores-*"), *study.features(place).glob("concepts-*")]:
            path.unlink()
    if caches:
        shutil.rmtree(study.root / "describe")


def test_every_ranking_is_scored_and_every_sae_described(finished: Study) -> None:
    assert set(current(finished)) >= {"retrieval", "scores", "concepts"}
    raw = current(finished, "raw-encoder.2")
    assert "scores" in raw
    assert "concepts" not in raw


def test_described_features_are_the_best_ranked_in_order(finished: Study) -> None:
    scores = ScoresFile(finished.features(SAE) / current(finished)["scores"])
    concepts = ConceptsFile(finished.features(SAE) / current(finished)["concepts"])
    assert [one.feature for one in concepts.concepts] == scores.ranked().tolist()
    m = scores.columns["m"][scores.ranked()]
    assert (np.diff(m) <= 0).all()


def test_captions_are_those_of_the_most_representative_clips(finished: Study) -> None:
    table = ClipTable(finished.clips())
    concepts = ConceptsFile(finished.features(SAE) / current(finished)["concepts"]).concepts
    with RetrievalFile(finished.retrieval(SAE)) as file:
        for one in concepts[:5]:
            assert [c.clip for c in one.captions] == file.most_clips(4)[one.feature].tolist()
            assert all(table.labels(c.clip)["folder"] in c.text for c in one.captions)


def test_feature_with_fewer_than_p_active_clips_has_no_score_and_no_concept(finished: Study) -> None:
    scores = ScoresFile(finished.features(SAE) / current(finished)["scores"])
    with RetrievalFile(finished.retrieval(SAE)) as file:
        short = np.flatnonzero(file.table()["status"] != 0)
    assert len(short)
    assert np.isnan(scores.columns["m"][short]).all()
    assert (scores.columns["rank"][short] == -1).all()
    concepts = ConceptsFile(finished.features(SAE) / current(finished)["concepts"])
    assert not set(short.tolist()) & set(concepts.by_feature())


def test_second_run_has_nothing_to_do(finished: Study) -> None:
    settings = settings_of(finished)
    before = {path: path.stat().st_mtime_ns for path in finished.features(SAE).iterdir()}
    describe.run(finished, settings, quiet_job())
    assert before == {path: path.stat().st_mtime_ns for path in finished.features(SAE).iterdir()}
    assert {one.state for one in describe.products(finished, settings)} == {"finished"}


@pytest.mark.parametrize("points", [0, 1, 3, 8])
def test_stopped_run_goes_on_to_the_same_files(study: Study, points: int) -> None:
    settings = settings_of(study)
    before = {kind: contents(study.features(SAE) / current(study)[kind]) for kind in ("scores", "concepts")}
    forget(study)
    with pytest.raises(Stopped):
        describe.run(study, settings, StopsAfter(points))
    describe.run(study, settings, quiet_job())
    assert before == {kind: contents(study.features(SAE) / current(study)[kind]) for kind in ("scores", "concepts")}


def test_new_retrieval_makes_the_description_stale_and_never_mixes_with_it(study: Study) -> None:
    settings = settings_of(study, retrieve={"p": 3})
    assert {one.state for one in describe.products(study, settings)} == {"stale"}
    pipeline.stage("retrieve").run(study, settings, quiet_job())
    assert set(current(study)) == {"retrieval", "manifest", "fingerprint"}
    describe.run(study, settings, quiet_job())
    assert {one.state for one in describe.products(study, settings)} == {"finished"}


def test_other_naming_leaves_the_scores_alone(study: Study) -> None:
    settings = settings_of(study, names={"namer": "none"})
    scores = current(study)["scores"]
    describe.run(study, settings, quiet_job())
    assert current(study)["scores"] == scores
    concepts = ConceptsFile(study.features(SAE) / current(study)["concepts"]).concepts
    assert {one.status for one in concepts} == {"not named"}


def test_more_features_than_are_valid_describes_all_valid_ones(study: Study) -> None:
    settings = settings_of(study, scores={"top": 100_000})
    describe.run(study, settings, quiet_job())
    concepts = ConceptsFile(study.features(SAE) / current(study)["concepts"]).concepts
    assert len(concepts) == len(ScoresFile(study.features(SAE) / current(study)["scores"]).ranked())


def test_clip_deleted_since_indexing_is_named_and_the_rest_is_scored(study: Study) -> None:
    settings = settings_of(study)
    table = ClipTable(study.clips())
    path = Path(table[0].root) / table[0].path
    kept = path.read_bytes()
    forget(study)
    path.unlink()
    try:
        describe.run(study, settings, quiet_job())
    finally:
        path.write_bytes(kept)
    manifest = read_manifest((study.features(SAE) / current(study)["scores"]).with_suffix(".json"))
    assert manifest["figures"]["clips_without_embedding"] == 1
    scores = ScoresFile(study.features(SAE) / current(study)["scores"])
    with RetrievalFile(study.retrieval(SAE)) as file:
        shown = (file.most_clips(4) == 0).any(axis=1)
    assert np.isnan(scores.columns["m"][shown]).all()
    assert np.isfinite(scores.columns["m"]).any()


def test_unreachable_captioner_keeps_the_scores_and_says_so_in_every_record(study: Study) -> None:
    unreachable = {"captioner": "endpoint", "url": "http://127.0.0.1:9", "model": "x", "retries": 0}
    settings = settings_of(study, captions=unreachable)
    with pytest.raises(ArdError, match=r"127\.0\.0\.1:9"):
        describe.run(study, settings, quiet_job())
    concepts = ConceptsFile(study.features(SAE) / current(study)["concepts"]).concepts
    assert {one.status for one in concepts} == {"no captions"}
    assert all("127.0.0.1:9" in caption.problem for one in concepts for caption in one.captions)
    states = {one.name: one.state for one in describe.products(study, settings)}
    assert states[f"scores of {SAE}"] == "finished"
    assert states[f"concepts of {SAE}"] == "stale"


def test_collecting_garbage_keeps_what_the_description_was_made_from(study: Study) -> None:
    (study.root / "describe" / "captions-0000000000000000.jsonl").write_text("")
    before = {path.name for path in (study.root / "describe").iterdir()}
    removed = {str(path) for path, _ in collect.collect(study, dry_run=False)}
    assert removed == {"describe/captions-0000000000000000.jsonl"}
    assert before - {path.name for path in (study.root / "describe").iterdir()} == {"captions-0000000000000000.jsonl"}


def test_embedder_of_another_dimension_than_its_cache_is_refused(study: Study) -> None:
    settings = settings_of(study)
    forget(study, caches=False)
    (part,) = (study.root / "describe").glob("embeddings-*/part-*.h5")
    with h5py.File(part, "r+") as handle:
        keys, vectors = handle["key"][...], handle["vector"][...]
        for name in ("key", "vector"):
            del handle[name]
        handle["key"], handle["vector"] = keys[1:], vectors[1:, :5]
    with pytest.raises(ArdError, match="128 dimensions stand beside others of 5"):
        describe.run(study, settings, quiet_job())


BUILT_IN: dict[str, Any] = {"captioner": "audiollm", "model": str(resource("demo/model")), "max_new_tokens": 24}


def test_audio_language_model_captions_each_distinct_clip_once(study: Study) -> None:
    settings = settings_of(study, captions=BUILT_IN, scores={"top": 5})
    describe.run(study, settings, quiet_job())
    concepts = ConceptsFile(study.features(SAE) / current(study)["concepts"]).concepts
    clips = {caption.clip for one in concepts for caption in one.captions}
    (kept,) = [path for path in (study.root / "describe").glob("captions-*.jsonl") if path.stat().st_size]
    table = ClipTable(study.clips())
    assert len(kept.read_text(encoding="utf-8").splitlines()) == len({table[clip].hash for clip in clips})
    assert all(caption.text for one in concepts for caption in one.captions)


def test_active_part_is_captioned_apart_for_each_feature(study: Study) -> None:
    settings = settings_of(study, captions={**BUILT_IN, "part": "active", "active_above": 0.0}, scores={"top": 3})
    describe.run(study, settings, quiet_job())
    concepts = ConceptsFile(study.features(SAE) / current(study)["concepts"]).concepts
    (kept,) = [path for path in (study.root / "describe").glob("captions-*.jsonl") if path.stat().st_size]
    captions = [caption for one in concepts for caption in one.captions]
    assert len(kept.read_text(encoding="utf-8").splitlines()) == len(captions) - sum(bool(c.problem) for c in captions)


def test_clip_nowhere_above_the_threshold_has_no_caption_and_says_why(study: Study) -> None:
    settings = settings_of(study, captions={**BUILT_IN, "part": "active", "active_above": 1e9}, scores={"top": 2})
    describe.run(study, settings, quiet_job())
    concepts = ConceptsFile(study.features(SAE) / current(study)["concepts"]).concepts
    assert {one.status for one in concepts} == {"no captions"}
    assert all("Lower captions.active_above" in caption.problem for one in concepts for caption in one.captions)


def test_audio_language_model_judges_names_and_its_answers_are_kept(study: Study) -> None:
    changes = {"detection": "audiollm", "detection_least": 2, "detection_clips": 3}
    settings = settings_of(study, names=changes, captions={**BUILT_IN, "captioner": "dataset"}, scores={"top": 3})
    describe.run(study, settings, quiet_job())
    manifest = read_manifest((study.features(SAE) / current(study)["concepts"]).with_suffix(".json"))
    (answers,) = (study.root / "describe").glob("answers-*.jsonl")
    asked = len(answers.read_text(encoding="utf-8").splitlines())
    assert 0 < asked <= 3 * 9
    assert 0 <= manifest["figures"]["unclear_answers"] <= 3 * 9
    forget(study, caches=False)
    describe.run(study, settings, quiet_job())
    assert len(answers.read_text(encoding="utf-8").splitlines()) == asked


def test_namer_lost_on_the_way_keeps_the_names_it_gave_and_goes_on(study: Study) -> None:
    refuse = [True]

    def reply(body: dict[str, Any]) -> Reply:
        # a name takes two requests: the description, then its short form
        return failed(401, "wrong key") if refuse[0] and len(server.requests) > 2 else said("rain")

    with chat_server(reply) as server:
        names = {"namer": "endpoint", "url": server.url, "model": "m", "retries": 0}
        settings = settings_of(study, names=names, scores={"top": 4})
        with pytest.raises(ArdError, match="wrong key"):
            describe.run(study, settings, quiet_job())
        concepts = ConceptsFile(study.features(SAE) / current(study)["concepts"]).concepts
        statuses = [one.status for one in concepts]
        assert statuses[0] == "ok"
        assert set(statuses) == {"ok", "not named"}
        refuse[0], before = False, len(server.requests)
        describe.run(study, settings, quiet_job())
        # features whose clips have the same captions share a name
        assert before < len(server.requests) <= before + 2 * statuses.count("not named")
    concepts = ConceptsFile(study.features(SAE) / current(study)["concepts"]).concepts
    assert {(one.status, one.short_name) for one in concepts} == {("ok", "rain")}
    assert {one.state for one in describe.products(study, settings)} == {"finished"}


def test_names_that_depend_on_all_captions_are_not_kept_for_the_next_run(finished: Study) -> None:
    assert not list((finished.root / "describe").glob("names-*"))


def test_edited_captions_of_the_data_set_make_the_names_stale_and_not_the_scores(tmp_path: Path) -> None:
    audio = recordings(tmp_path / "audio", 9)
    rows = [{"path": str(path.relative_to(audio)), "caption": "one"} for path in sorted(audio.rglob("*.wav"))]
    listing = tmp_path / "clips.jsonl"
    listing.write_text("".join(json.dumps(row) + "\n" for row in rows))
    settings = new_settings(
        "tiny", {"path": str(tiny_whisper(tmp_path / "model")), "layers": ["encoder.1"], "device": "cpu"},
        audio_sections([audio], "folder"), "0" * 32,
    )  # fmt: skip
    settings.audio[0].manifest, settings.train.steps, settings.retrieve.p = str(listing), 12, 2
    study = Study(tmp_path / "study")
    write_new(study.toml, settings)
    pipeline.run(study, settings, quiet_job())
    listing.write_text("".join(json.dumps({**row, "caption": "other"}) + "\n" for row in rows))
    pipeline.stage("index").run(study, settings, quiet_job())
    states = {one.name.split()[0]: one.state for one in describe.products(study, settings)}
    assert states == {"scores": "finished", "concepts": "stale"}
    describe.run(study, settings, quiet_job())
    (name,) = study.feature_ids()
    concepts = ConceptsFile(study.features(name) / current(study, name)["concepts"]).concepts
    assert {caption.text for one in concepts for caption in one.captions} == {"other"}


def test_clip_that_only_a_later_ranking_heard_is_embedded_too(study: Study) -> None:
    forget(study)
    with h5py.File(study.retrieval(SAE), "r+") as handle:
        handle["clips/tokens"][0] = 0
    describe.run(study, settings_of(study), quiet_job())
    scores = ScoresFile(study.features("raw-encoder.2") / current(study, "raw-encoder.2")["scores"])
    with RetrievalFile(study.retrieval("raw-encoder.2")) as file:
        shown = (file.most_clips(4) == 0).any(axis=1) & (file.table()["status"] == 0)
    assert shown.any()
    assert np.isfinite(scores.columns["e_h"][shown]).all()
