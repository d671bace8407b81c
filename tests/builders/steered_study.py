"""A small study of the real built-in model: a few shipped clips, ranked by the shipped SAE; nothing is trained."""

from __future__ import annotations

import shutil
from pathlib import Path

from backend.demo.study import MODEL, SAE, shipped_id, shipped_layer
from backend.jobs.job import quiet_job
from backend.resources import resource
from backend.stages import pipeline
from backend.stages.bring import Wanted, bring_sae
from backend.study.configuration import load_settings
from backend.study.creation import new_study
from backend.study.folder import Study

CLIPS = ("animal/bird-184a19.flac", "animal/dog-11998f.flac", "music", "speech")


def steered_study(folder: Path) -> Study:
    """A study with features to steer with, made in seconds."""
    audio = folder / "clips"
    for name in CLIPS:
        source = resource(f"demo/clips/{name}")
        path = source if source.is_file() else sorted(source.glob("*.flac"))[0]
        place = audio / path.parent.name / path.name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)
    changes = ["retrieve.p=1", 'model.device="cpu"', "retrieve.raw_units=false"]
    study = new_study(
        folder / "study", str(resource(MODEL)), [audio], layers=[shipped_layer()], changes=changes
    )  # fmt: skip
    settings, job = load_settings(study.toml), quiet_job()
    for name in ("index", "extract"):
        pipeline.stage(name).run(study, settings, job)
    bring_sae(study, settings, Wanted(resource(SAE), shipped_layer(), shipped_id()))
    pipeline.stage("retrieve").run(study, settings, job)
    return study
