"""The stage on a real (tiny, random) study: resume, staleness, streaming, and what is left behind."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import soundfile
import torch

from backend.errors import ArdError, Stopped
from backend.jobs.job import quiet_job
from backend.retrieval.score import clip_score
from backend.sae.files import load_sae
from backend.sae.metrics import evaluate
from backend.stages import pipeline, retrieve
from backend.store.activations import ActivationStore
from backend.store.clips import ClipTable
from backend.store.retrieval import RetrievalFile
from backend.study.atomic import read_json
from backend.study.configuration import load_settings
from backend.study.folder import Study
from backend.study.manifest import read_manifest
from backend.study.settings import Settings
from builders.interrupted import StopsAfter, contents
from builders.open_study import open_study
from builders.tiny_models import tiny_whisper
from builders.tiny_study import finished_study, recordings

SAE = "encoder.2-batchtopk-e4-k8-s0"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return finished_study(
        tmp_path_factory.mktemp("retrieve"),
        train={"steps": 30},
        extract={"shard_tokens": 256},
        retrieve={"raw_units": True, "batch_tokens": 128},
    )


@pytest.fixture
def study(finished: Study, tmp_path: Path) -> Study:
    """A copy whose rankings may be spoilt."""
    shutil.copytree(finished.root, tmp_path / "study")
    return Study(tmp_path / "study")


def settings_of(study: Study) -> Settings:
    settings = load_settings(study.toml)
    settings.extract.shard_tokens = 256
    settings.train.steps = 30
    settings.retrieve.raw_units = True
    settings.retrieve.batch_tokens = 128
    return settings


def forget(study: Study) -> None:
    shutil.rmtree(study.root / "features")


def test_every_ranking_is_finished_and_named_by_current_json(finished: Study) -> None:
    assert [p.state for p in retrieve.products(finished, settings_of(finished))] == ["finished", "finished"]
    assert finished.feature_ids() == [SAE, "raw-encoder.2"]
    for name in finished.feature_ids():
        folder = finished.features(name)
        current = read_json(folder / "current.json")
        mine = [p.name for p in folder.iterdir() if not p.name.startswith(("scores-", "concepts-"))]
        assert sorted(mine) == sorted(["current.json", current["retrieval"], current["manifest"]])


def test_scores_equal_those_of_dense_codes(finished: Study) -> None:
    settings = settings_of(finished)
    recipe = retrieve.rankings(finished, settings)[0].recipe
    store = ActivationStore(recipe.folder(finished))
    sae = load_sae(finished.sae(SAE))
    with RetrievalFile(finished.retrieval(SAE)) as file:
        for shard in store.shards:
            for clip, start, length in zip(shard.clip, shard.start, shard.length, strict=True):
                x = torch.from_numpy(shard.rows(slice(int(start), int(start + length))))
                z = sae.encode(x, torch.tensor([length])).dense().double().numpy()
                features, scores = file.clip_features(int(clip))
                dense = clip_score(z.sum(axis=0), (z > 0).sum(axis=0), length)
                assert file.tokens(int(clip)) == length
                np.testing.assert_allclose(scores, np.sort(dense[dense > 0])[::-1][:32], rtol=1e-4)
                np.testing.assert_allclose(dense[features], scores, rtol=1e-4)


def test_quality_in_the_manifest_is_that_of_all_probed_tokens(finished: Study) -> None:
    ranking = retrieve.rankings(finished, settings_of(finished))[0]
    store = ActivationStore(ranking.recipe.folder(finished))
    expected = evaluate(
        load_sae(finished.sae(SAE)),
        [(torch.from_numpy(s.rows(slice(None))), torch.from_numpy(s.length)) for s in store.shards],
    )
    figures = read_manifest(finished.features(SAE) / f"retrieval-{ranking.fingerprint}.json")["figures"]
    for name in ("fvu", "l0_mean", "l0_max", "tokens", "dead_share"):
        assert figures[name] == pytest.approx(expected[name], rel=1e-4), name


def test_traces_and_times_fit_the_clips(finished: Study) -> None:
    with RetrievalFile(finished.retrieval(SAE)) as file:
        for k in range(file.features):
            view = file.feature(k)
            assert set(view.most_clips.tolist()) <= set(view.traces)
            for clip, trace in view.traces.items():
                seconds = file.token_seconds(clip)
                assert len(seconds) == file.tokens(clip)
                assert trace.token.max() < len(seconds)
        np.testing.assert_allclose(file.token_seconds(0)[:2], [[0, 0.02], [0.02, 0.04]])


@pytest.mark.parametrize("points", [0, 4, 7, 10])
def test_run_stopped_anywhere_and_started_again_gives_the_same_file(finished: Study, study: Study, points: int) -> None:
    forget(study)
    settings = settings_of(study)
    stops = 0
    for _ in range(100):
        try:
            retrieve.run(study, settings, StopsAfter(points + stops))
            break
        except Stopped:
            stops += 1  # a run that is stopped within its first shard commits nothing, so each goes further
            assert not list(study.root.rglob(".*.tmp"))
    assert stops > 0
    for name in finished.feature_ids():
        assert contents(study.retrieval(name)) == contents(finished.retrieval(name))
        assert not list(study.features(name).glob("spill-*"))


def test_run_continues_after_the_last_whole_shard(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    forget(study)
    settings = settings_of(study)
    with pytest.raises(Stopped):
        retrieve.run(study, settings, StopsAfter(8))
    spills = {p: p.stat().st_mtime_ns for p in study.features(SAE).glob("spill-*/shard-*.h5")}
    assert spills
    encoded = []
    from backend.retrieval.collect import FeatureCollection

    add = FeatureCollection._add
    monkeypatch.setattr(FeatureCollection, "_add", lambda self, run: (encoded.append(run.shard), add(self, run))[1])
    retrieve.run(study, settings, quiet_job())
    assert not {p.name for p in spills} & set(encoded)


def test_damaged_spill_file_is_made_again(finished: Study, study: Study) -> None:
    forget(study)
    settings = settings_of(study)
    with pytest.raises(Stopped):
        retrieve.run(study, settings, StopsAfter(8))
    broken = sorted(study.features(SAE).glob("spill-*/shard-*.h5"))[0]
    broken.write_bytes(broken.read_bytes()[:100])
    retrieve.run(study, settings, quiet_job())
    assert contents(study.retrieval(SAE)) == contents(finished.retrieval(SAE))


def test_second_run_does_nothing(study: Study) -> None:
    before = {p: p.stat().st_mtime_ns for p in study.root.rglob("*") if p.is_file()}
    retrieve.run(study, settings_of(study), quiet_job())
    assert {p: p.stat().st_mtime_ns for p in study.root.rglob("*") if p.is_file()} == before


def test_other_settings_make_the_ranking_stale_and_replace_it_at_last(study: Study) -> None:
    settings = settings_of(study)
    settings.retrieve.score = "mean"
    assert [p.state for p in retrieve.products(study, settings)] == ["stale", "stale"]
    old = study.retrieval(SAE)
    with pytest.raises(Stopped):
        retrieve.run(study, settings, StopsAfter(4))
    assert study.retrieval(SAE) == old
    assert old.exists()
    retrieve.run(study, settings, quiet_job())
    assert study.retrieval(SAE) != old
    assert not old.exists()
    assert [p.state for p in retrieve.products(study, settings)] == ["finished", "finished"]


def test_memory_setting_needs_no_new_run(study: Study) -> None:
    settings = settings_of(study)
    settings.retrieve.memory_mb = 64
    assert [p.state for p in retrieve.products(study, settings)] == ["finished", "finished"]


def test_sae_that_is_not_trained_yet_makes_its_ranking_missing(study: Study) -> None:
    shutil.rmtree(study.sae(SAE))
    forget(study)
    first = retrieve.products(study, settings_of(study))[0]
    assert (first.state, first.fingerprint) == ("missing", "")


def test_clips_that_only_train_are_never_listed(study: Study) -> None:
    settings = settings_of(study)
    with h5py.File(study.clips(), "r+") as handle:
        probe = handle["clips/probe"][...]
        probe[::2] = False
        handle["clips/probe"][...] = probe
    forget(study)
    retrieve.run(study, settings, quiet_job())
    with RetrievalFile(study.retrieval(SAE)) as file:
        assert [file.tokens(i) > 0 for i in range(file.clips)] == probe.tolist()
        listed = {c for k in range(file.features) for c in file.feature(k).least_clips.tolist()}
        assert listed <= set(np.flatnonzero(probe).tolist())


def test_missing_activations_name_the_file(study: Study) -> None:
    forget(study)
    shutil.rmtree(study.root / "activations")
    with pytest.raises(ArdError):
        retrieve.run(study, settings_of(study), quiet_job())


def test_streaming_study_is_ranked_without_any_stored_activation(tmp_path: Path) -> None:
    changes: dict[str, dict[str, Any]] = {
        "train": {"steps": 20},
        "extract": {"storage": "stream", "shard_tokens": 256, "shuffle_batches": 4},
    }
    study = finished_study(tmp_path, **changes)
    assert not (study.root / "activations").exists()
    settings = load_settings(study.toml)
    [name] = study.feature_ids()
    sae = load_sae(study.sae(name))
    from backend.retrieval.source import LiveSource
    from backend.store.clips import ClipTable

    table = ClipTable(study.clips())
    source = LiveSource(settings, table, ["encoder.2"], quiet_job())
    with RetrievalFile(study.retrieval(name)) as file:
        ranked = set()
        for run in source.runs({"encoder.2": source.shards("encoder.2")}):
            z = sae.encode(run.x, torch.from_numpy(run.length)).dense().double().numpy()
            for clip, end, length in zip(run.clip, np.cumsum(run.length), run.length, strict=True):
                part = z[end - length : end]
                dense = clip_score(part.sum(axis=0), (part > 0).sum(axis=0), length)
                features, scores = file.clip_features(int(clip))
                np.testing.assert_allclose(dense[features], scores, rtol=1e-4)
                ranked.add(int(clip))
        assert ranked == set(np.flatnonzero(table.probe).tolist())


@pytest.mark.parametrize("storage", ["cache", "stream"])
def test_audio_that_is_there_twice_in_other_files_is_listed_once(tmp_path: Path, storage: str) -> None:
    audio = recordings(tmp_path / "audio", count=8)
    original = next(audio.rglob("*.wav"))
    samples, rate = soundfile.read(original, dtype="int16")
    soundfile.write(audio / "copy.flac", samples, rate)
    study, settings = open_study(
        tmp_path / "s", tiny_whisper(tmp_path / "model"), [audio], ["encoder.last"],
        train={"steps": 10}, extract={"storage": storage},
    )  # fmt: skip
    pipeline.run(study, settings, quiet_job())
    table = ClipTable(study.clips())
    pair = {i for i in range(len(table)) if table[i].record in ("copy.flac", str(original.relative_to(audio)))}
    assert len(pair) == 2
    (ranking,) = (p for p in retrieve.products(study, settings) if "raw" not in p.name)
    listed = 0
    with RetrievalFile(study.retrieval(ranking.name)) as file:
        for k in range(file.features):
            found = pair & set(file.feature(k).most_clips.tolist())
            assert len(found) < 2
            listed += len(found)
    assert listed
