"""`encode` and `trace`: a clip of the study gives what its retrieval file says; unusable sounds are explained."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from served import Served

from backend.errors import ArdError
from backend.serve.base import Talk
from backend.serve.kinds.encode import Encode
from backend.serve.kinds.trace import Trace
from backend.serve.resident import Resident
from backend.store.clips import ClipTable
from backend.store.retrieval import RetrievalFile
from backend.study.configuration import load_settings, write_new
from backend.study.folder import Study
from builders.tiny_models import tiny_qwen2_audio
from builders.tiny_study import RATE, finished_study

SAE, RAW = "encoder.2-batchtopk-e4-k8-s0", "raw-encoder.2"


def quiet() -> Talk:
    return Talk(lambda type_, fields: None)


def path_of(study: Study, clip: int) -> str:
    row = ClipTable(study.clips())[clip]
    return str(Path(row.root) / row.path)


def pair_of(study: Study, feature: int, clip: int) -> dict[str, float]:
    """sum, count and max of a feature in a clip, as the retrieval file has them."""
    with RetrievalFile(study.retrieval(SAE)) as file:
        pairs = file.pairs(feature)
    assert pairs is not None
    at = int(np.flatnonzero(pairs["clip"] == clip)[0])
    return {name: float(pairs[name][at]) for name in ("sum", "count", "max")}


def test_listed_clips_have_the_score_of_the_retrieval_file_to_the_last_bit(server: Served, study: Study) -> None:
    with RetrievalFile(study.retrieval(SAE)) as file:
        feature = int(file.table()["support"].argmax())
        view = file.feature(feature)
        for clip, score in zip(view.most_clips[:4].tolist(), view.most_scores[:4].tolist(), strict=True):
            found = server.answer("trace", path=path_of(study, clip), sae=SAE, features=[feature])
            (one,) = found["features"]
            assert one["score"] == score
            assert one["token"] == view.traces[clip].token.tolist()
            assert one["value"] == view.traces[clip].value.tolist()
            assert found["tokens"] == file.tokens(clip)
            pair = pair_of(study, feature, clip)
            assert one["max"] == pair["max"]
            assert one["mean"] == pytest.approx(pair["sum"] / found["tokens"], rel=1e-12)
            assert one["coverage"] == pytest.approx(pair["count"] / found["tokens"], rel=1e-12)
            assert one["score"] == pytest.approx(one["mean"] * one["coverage"], rel=1e-12)


@pytest.mark.parametrize("sae", [SAE, RAW])
def test_strongest_features_of_a_clip_are_those_of_the_retrieval_file(server: Served, study: Study, sae: str) -> None:
    with RetrievalFile(study.retrieval(sae)) as file:
        for clip in (0, 7, 23):
            features, scores = file.clip_features(clip)
            found = server.answer("encode", path=path_of(study, clip), sae=sae)
            assert [one["feature"] for one in found["features"]] == features.tolist()
            assert [one["score"] for one in found["features"]] == scores.tolist()
            assert found["active"] >= len(features)
            times = file.token_seconds(clip)
            assert np.array(found["seconds"]) == pytest.approx(times[: found["tokens"]], abs=1e-9)


def test_answer_says_what_was_heard_and_how_well_it_is_reconstructed(server: Served, study: Study) -> None:
    path = path_of(study, 3)
    found = server.answer("encode", path=path, sae=SAE, top=2)
    seconds = soundfile.info(path).duration
    assert found["duration"] == pytest.approx(seconds)
    assert found["heard"] == [[0.0, pytest.approx(seconds, abs=1e-3)]]
    assert len(found["features"]) == 2
    assert (found["sae"], found["layer"], found["score"]) == (SAE, "encoder.2", "r")
    assert 0 < found["quality"]["normalised_l2"] < 1
    assert found["quality"]["l0_mean"] > 0
    with RetrievalFile(study.retrieval(SAE)) as file:
        assert found["tokens"] == file.tokens(3)
    manifest = json.loads((study.features(SAE) / f"{study.retrieval(SAE).stem}.json").read_text())
    assert found["study_quality"]["fvu"] == manifest["figures"]["fvu"]


def test_part_of_a_file_is_encoded_as_that_part_alone(server: Served, study: Study, tmp_path: Path) -> None:
    samples, rate = soundfile.read(path_of(study, 0), dtype="int16")
    cut = tmp_path / "cut.wav"
    soundfile.write(cut, samples[: rate // 4], rate)
    part = server.answer("encode", path=path_of(study, 0), start=0, end=0.25, sae=SAE)
    alone = server.answer("encode", path=str(cut), sae=SAE)
    assert part["duration"] == 0.25
    assert part["features"] == alone["features"]


def test_silent_feature_has_an_empty_trace_and_an_unknown_one_is_refused(server: Served, study: Study) -> None:
    path = path_of(study, 0)
    strong = {one["feature"] for one in server.answer("encode", path=path, sae=SAE, top=0x7FFF)["features"]}
    silent = next(k for k in range(64) if k not in strong)
    (found,) = server.answer("trace", path=path, sae=SAE, features=[silent])["features"]
    assert found == {
        "feature": silent, "score": 0.0, "mean": 0.0, "coverage": 0.0, "max": 0.0, "token": [], "value": [],
    }  # fmt: skip
    assert "from 0 to 63" in server.error("trace", path=path, sae=SAE, features=[64])["todo"]


def test_file_that_was_written_anew_is_encoded_anew(server: Served, study: Study, tmp_path: Path) -> None:
    path = tmp_path / "sound.wav"
    shutil.copy(path_of(study, 0), path)
    first = server.answer("encode", path=str(path), sae=SAE)
    shutil.copy(path_of(study, 1), path)
    os.utime(path, ns=(1, 1))
    assert server.answer("encode", path=str(path), sae=SAE)["features"] != first["features"]


def unusable(folder: Path, kind: str) -> Path:
    path = folder / f"{kind}.wav"
    if kind == "empty file":
        path.touch()
    elif kind == "text":
        path.write_text("this is no sound")
    elif kind == "folder":
        path.mkdir()
    elif kind != "missing":
        samples = {"no samples": np.zeros(0), "one sample": np.ones(1) * 0.1, "NaN": np.full(RATE, np.nan)}[kind]
        soundfile.write(path, samples, RATE, subtype="FLOAT")
    return path


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("missing", "the sound cannot be read: No such file or directory"),
        ("folder", "an audio file is not there"),
        ("empty file", "cannot be decoded as audio"),
        ("text", "cannot be decoded as audio"),
        ("no samples", "the file holds no samples"),
        ("NaN", "NaN or infinite samples"),
    ],
)
def test_sound_that_cannot_be_used_is_explained(server: Served, tmp_path: Path, kind: str, says: str) -> None:
    path = unusable(tmp_path, kind)
    found = server.error("encode", path=str(path), sae=SAE)
    assert says in found["what"]
    assert str(path) in (found["path"] or "")
    assert found["todo"]
    assert not found["unexpected"]


def test_sound_of_one_sample_is_one_token_whose_variance_nobody_knows(server: Served, tmp_path: Path) -> None:
    found = server.answer("encode", path=str(unusable(tmp_path, "one sample")), sae=SAE)
    assert (found["tokens"], found["seconds"]) == (1, [[0.0, 0.02]])
    assert {one["coverage"] for one in found["features"]} == {1.0}
    assert found["quality"]["fvu"] is None
    assert found["quality"]["normalised_l2"] > 0


def test_part_behind_the_end_of_the_file_is_explained(server: Served, study: Study) -> None:
    assert "is not in its file" in server.error("encode", path=path_of(study, 0), start=100, sae=SAE)["what"]


def test_long_sound_is_heard_as_far_as_the_window_reaches(server: Served, tmp_path: Path) -> None:
    """The tiny model's window is 10 s, and the study takes the first part."""
    path = tmp_path / "long.wav"
    soundfile.write(path, np.random.default_rng(0).standard_normal((44100 * 12, 2)) * 0.1, 44100)
    found = server.answer("encode", path=str(path), sae=SAE)
    assert (found["duration"], found["heard"], found["tokens"]) == (12.0, [[0.0, 10.0]], 500)


def test_unknown_sae_is_answered_with_those_there_are(server: Served, study: Study) -> None:
    found = server.error("encode", path=path_of(study, 0), sae="nope")
    assert SAE in found["what"]
    assert server.answer("encode", path=path_of(study, 0))["sae"] == SAE  # the only SAE beside raw units


def test_study_in_batches_under_a_window_and_in_chunks_gives_the_same_scores(tmp_path: Path) -> None:
    """A decoder, a scoring window and clips longer than the model's window; padding costs the last bits only."""
    study = finished_study(
        tmp_path, build=lambda folder: tiny_qwen2_audio(folder, window_seconds=1), layer="decoder.1",
        train={"steps": 20, "threads": 1}, clips={"crop": "chunk"}, retrieve={"max_tokens_window": 10},
    )  # fmt: skip
    resident = Resident.open(study.root)
    (name,) = study.feature_ids()
    compared = 0
    with RetrievalFile(study.retrieval(name)) as file:
        for clip in range(file.clips):
            features, scores = file.clip_features(clip)
            asked = Trace(path=path_of(study, clip), sae=name, features=features[:8].tolist())
            found = asked.run(resident, quiet())
            assert found["tokens"] == file.tokens(clip)
            assert [one["score"] for one in found["features"]] == pytest.approx(scores[:8].tolist(), rel=2e-2)
            compared += len(found["features"])
            assert len(found["heard"]) == (2 if found["duration"] > 1 else 1)
    assert compared > 100
    with pytest.raises(ArdError, match="the sound gives no token: 1 samples at 16000 Hz"):
        Encode(path=str(unusable(tmp_path, "one sample")), sae=name).run(resident, quiet())
    resident.close()


def test_changed_settings_are_seen_and_changed_weights_refused(study: Study, tmp_path: Path) -> None:
    shutil.copytree(study.root, tmp_path / "copy")
    copied = Study((tmp_path / "copy").resolve())
    resident = Resident.open(copied.root)
    asked = Encode(path=path_of(study, 0), sae=SAE)
    before = asked.run(resident, quiet())
    assert resident.loaded == ["model", SAE]
    settings = load_settings(copied.toml)
    settings.model.dtype = "bfloat16"
    write_new(copied.toml, settings)
    after = asked.run(resident, quiet())
    assert after["features"] != before["features"]
    config = copied.sae(SAE) / "config.json"
    config.write_text(config.read_text().replace('"weights_hash": "', '"weights_hash": "0'))
    with pytest.raises(ArdError, match="has changed since its features were ranked"):
        asked.run(resident, quiet())
    resident.close()
    assert resident.loaded == []
