from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from backend.study.configuration import new_settings
from backend.study.fingerprint import fingerprint
from backend.study.folder import Study
from backend.study.manifest import write_manifest
from backend.study.settings import Settings
from backend.train.jobs import sae_jobs


@pytest.fixture
def indexed(tmp_path: Path) -> Study:
    study = Study(tmp_path / "s")
    outputs = {"file": "clips-x.h5", "clip_list": fingerprint("clips")}
    write_manifest(
        study.index_manifest, stage="index", fingerprint="f", settings={}, inputs={}, outputs=outputs, seconds=0
    )
    return study


@pytest.fixture(scope="module")
def large_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small files of a model as large as AR&D's; nothing here loads it."""
    folder = tmp_path_factory.mktemp("model")
    (folder / "config.json").write_text('{"model_type": "qwen2_audio", "text_config": {"hidden_size": 4096}}')
    return folder


def settings_of(model: Path, profile: str, **sae: Any) -> Settings:
    settings = new_settings(profile, {"path": str(model)}, [{"path": "."}], "u")
    for key, value in sae.items():
        setattr(settings.sae, key, value)
    return settings


def test_paper_grid_is_nine_saes(indexed: Study, large_model: Path) -> None:
    jobs = sae_jobs(indexed, settings_of(large_model, "ard-paper"))
    assert [job.id for job in jobs] == [
        f"decoder.{layer}-topk-e{e}-k250-s0" for layer in (5, 16, 26) for e in (4, 8, 16)
    ]  # fmt: skip
    assert [job.config.n_features for job in jobs[:3]] == [16384, 32768, 65536]
    assert len({job.fingerprint for job in jobs}) == 9


def test_sae_depends_on_its_own_part_of_the_grid_only(indexed: Study, large_model: Path) -> None:
    small = sae_jobs(indexed, settings_of(large_model, "ard-paper", expansion=[8]))
    large = {job.id: job.fingerprint for job in sae_jobs(indexed, settings_of(large_model, "ard-paper"))}
    assert all(large[job.id] == job.fingerprint for job in small)


def test_sae_depends_on_clips_seed_and_training_settings(indexed: Study, large_model: Path) -> None:
    def prints(change: Any) -> list[str]:
        settings = settings_of(large_model, "ard-paper", expansion=[8])
        change(settings)
        return [job.fingerprint for job in sae_jobs(indexed, settings)]

    base = prints(lambda s: None)
    changed = [
        prints(lambda s: setattr(s.train, "lr", 1e-4)),
        prints(lambda s: setattr(s.study, "seed", 1)),
        prints(lambda s: setattr(s.clips, "crop", "center")),
        prints(lambda s: setattr(s.extract, "storage", "stream")),
        prints(lambda s: setattr(s.train, "outlier_factor", 5.0)),
    ]
    assert all(not set(base) & set(other) for other in changed)
    assert prints(lambda s: setattr(s.train, "epochs", 3.0)) == base, "steps is a number, epochs means nothing"


def test_study_without_index_has_no_fingerprint(tmp_path: Path, large_model: Path) -> None:
    jobs = sae_jobs(Study(tmp_path), settings_of(large_model, "ard-paper"))
    assert {job.fingerprint for job in jobs} == {""}
