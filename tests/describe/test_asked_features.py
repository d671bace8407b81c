"""names.features: features that are described whatever their rank, and what they leave as it was."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from backend.errors import ArdError
from backend.jobs.job import quiet_job
from backend.stages import describe
from backend.store.concepts import ConceptsFile
from backend.store.retrieval import RetrievalFile
from backend.store.scores import ScoresFile
from backend.study.configuration import load_settings
from backend.study.fingerprint import fingerprint
from backend.study.folder import Study
from backend.study.settings import Settings
from builders.tiny_study import finished_study

SAE = "encoder.2-batchtopk-e4-k8-s0"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return finished_study(tmp_path_factory.mktemp("asked"), train={"steps": 30}, scores={"top": 5})


@pytest.fixture
def study(finished: Study, tmp_path: Path) -> Study:
    return Study(Path(shutil.copytree(finished.root, tmp_path / "study")))


def settings_of(study: Study, **names: Any) -> Settings:
    settings = load_settings(study.toml)
    for key, value in names.items():
        setattr(settings.names, key, value)
    return settings


def concepts(study: Study) -> ConceptsFile:
    path = study.concepts(SAE)
    assert path is not None
    return ConceptsFile(path)


def ranked(study: Study) -> list[int]:
    path = study.scores(SAE)
    assert path is not None
    return ScoresFile(path).ranked().tolist()


def test_features_asked_for_follow_the_best_and_none_is_described_twice(study: Study) -> None:
    best = ranked(study)
    asked = [f"{SAE}:{best[9]}", f"{SAE}:{best[0]}", f"{SAE}:{best[7]}", "another-sae:3"]
    describe.run(study, settings_of(study, features=asked), quiet_job())
    found = concepts(study)
    assert found.features.tolist() == [*best[:5], *sorted((best[7], best[9]))]
    assert all(one.captions for one in found.concepts)


def test_feature_with_fewer_than_p_active_clips_is_described_by_those_it_has(study: Study) -> None:
    with RetrievalFile(study.retrieval(SAE)) as file:
        support = file.table()["support"]
        few = np.flatnonzero((support > 0) & (support < 4)).tolist()
        none = np.flatnonzero(support == 0).tolist()
    asked = [*few[:1], *none[:1]]
    assert asked
    describe.run(study, settings_of(study, features=[f"{SAE}:{one}" for one in asked]), quiet_job())
    found = concepts(study).by_feature()
    assert [len(found[one].captions) for one in asked] == [int(support[one]) for one in asked]


def test_no_feature_asked_for_leaves_every_fingerprint_as_it_was_before_there_was_the_setting(finished: Study) -> None:
    (wanted,) = [one.concepts for one in describe.descriptions(finished, load_settings(finished.toml)) if one.concepts]
    assert "features" not in wanted.settings["names"]
    assert wanted.fingerprint == fingerprint({"settings": wanted.settings, "inputs": wanted.inputs})
    settings = settings_of(finished, features=["another-sae:3"])
    (same,) = [one.concepts for one in describe.descriptions(finished, settings) if one.concepts]
    assert same.fingerprint == wanted.fingerprint
    assert same.is_current(finished)


def test_order_in_which_features_are_asked_for_does_not_matter(finished: Study) -> None:
    def print_of(*features: int) -> str:
        settings = settings_of(finished, features=[f"{SAE}:{one}" for one in features])
        (found,) = [one.concepts for one in describe.descriptions(finished, settings) if one.concepts]
        return found.fingerprint

    assert print_of(3, 9) == print_of(9, 3, 3) != print_of(3)


def test_feature_the_sae_does_not_have_is_refused_in_words(study: Study) -> None:
    with pytest.raises(ArdError, match=r"feature 99999 of encoder\.2.* which has \d+"):
        describe.run(study, settings_of(study, features=[f"{SAE}:99999"]), quiet_job())


def test_words_that_name_no_feature_are_no_setting(finished: Study) -> None:
    with pytest.raises(ValidationError, match=r"names\.features"):
        Settings.model_validate({
            "model": {"path": "m"}, "audio": [{"path": "a"}], "names": {"features": ["17"]},
        })  # fmt: skip
