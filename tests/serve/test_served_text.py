"""`text` on a study of the clips that ship, whose built-in embedder knows what they sound like."""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path

import numpy as np
import pytest
from served import Served

from backend.errors import ArdError
from backend.jobs.job import quiet_job
from backend.resources import resource
from backend.serve.base import Talk
from backend.serve.kinds.text import Text
from backend.serve.resident import Resident
from backend.stages import pipeline
from backend.store.clips import ClipTable
from backend.store.retrieval import RetrievalFile
from backend.study.configuration import audio_sections, load_settings, new_settings, write_new
from backend.study.folder import Study
from builders.described_study import undescribe
from builders.tiny_models import tiny_whisper


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """The animals and the speech that ship, under a random model whose raw units are ranked too."""
    folder = tmp_path_factory.mktemp("heard")
    for name in ("animal", "speech"):
        shutil.copytree(resource("demo/clips") / name, folder / "audio" / name)
    model = tiny_whisper(folder / "model")
    settings = new_settings(
        "tiny", {"path": str(model), "layers": ["encoder.last"], "device": "cpu"},
        audio_sections([folder / "audio"], "folder"), uuid.uuid4().hex,
    )  # fmt: skip
    settings.train.steps, settings.train.threads, settings.retrieve.raw_units = 30, 1, True
    study = Study(folder / "study")
    write_new(study.toml, settings)
    pipeline.run(study, settings, quiet_job())
    return study


@pytest.fixture
def copied(heard: Study, tmp_path: Path) -> Study:
    shutil.copytree(heard.root, tmp_path / "copy")
    return Study((tmp_path / "copy").resolve())


def ask(study: Study, query: str, **fields: object) -> dict[str, object]:
    resident = Resident.open(study.root)
    try:
        return Text(query=query, **fields).run(resident, Talk(lambda type_, fields: None))
    finally:
        resident.close()


def share_of_speech(study: Study, sae: str, features: list[int]) -> float:
    """Share of the clips of H of some features that are speech."""
    table = ClipTable(study.clips())
    with RetrievalFile(study.retrieval(sae)) as file:
        high = file.most_clips(int(file.settings["p"]))[features]
    return float(np.mean([table.text["path"][clip].startswith("speech") for clip in high.ravel().tolist()]))


def test_text_finds_features_whose_clips_sound_like_it(heard: Study) -> None:
    server = Served(heard.root)
    try:
        (sae,) = heard.sae_ids()
        speech, again = (server.answer("text", query="a man speaking Italian", sae=sae, limit=5) for _ in range(2))
        animals = server.answer("text", query="a bird chirping", sae=sae, limit=5)
    finally:
        assert server.close() == 0
    assert speech == again
    assert speech["embedder"] == "mini"
    assert speech["similarity"] == sorted(speech["similarity"], reverse=True)
    assert share_of_speech(heard, sae, speech["feature"]) > share_of_speech(heard, sae, animals["feature"]) + 0.3


def test_limit_of_zero_gives_every_feature_that_has_p_clips(heard: Study) -> None:
    for sae in heard.feature_ids():
        found = ask(heard, "a bird chirping", sae=sae, limit=0)
        with RetrievalFile(heard.retrieval(sae)) as file:
            complete = int((file.most_clips(int(file.settings["p"])) >= 0).all(axis=1).sum())
            assert found["of"] == file.features
        assert found["searched"] == len(np.asarray(found["feature"])) == complete > 0


def test_text_without_words_is_refused(heard: Study) -> None:
    with pytest.raises(ArdError, match="no text to search for"):
        ask(heard, "  ", sae=heard.sae_ids()[0])


def test_study_without_scores_says_what_to_run(copied: Study) -> None:
    for name in copied.feature_ids():
        undescribe(copied, name)
    resident = Resident.open(copied.root)
    assert "have no scores yet" in Text.why_not(resident)
    with pytest.raises(ArdError, match="ard describe"):
        ask(copied, "a bird chirping", sae=copied.sae_ids()[0])


def test_embedder_of_other_vectors_is_not_mixed_with_them(copied: Study) -> None:
    settings = load_settings(copied.toml)
    settings.embed.window = "first"
    write_new(copied.toml, settings)
    with pytest.raises(ArdError, match=r"another embedder than study\.toml names"):
        ask(copied, "a bird chirping", sae=copied.sae_ids()[0])


def test_vectors_that_are_gone_are_missed(copied: Study) -> None:
    shutil.rmtree(copied.root / "describe")
    with pytest.raises(ArdError, match="the embeddings of the clips are not there"):
        ask(copied, "a bird chirping", sae=copied.sae_ids()[0])
