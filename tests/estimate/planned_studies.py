"""Settings of small studies on a tiny random model, written and not run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from backend.estimate.planned import planned
from backend.estimate.workload import Workload, workload
from backend.jobs.job import quiet_job
from backend.study.configuration import audio_sections, new_settings, write_new
from backend.study.folder import Study

UUID = "00000000000000000000000000000000"


def planned_study(
    folder: Path, path: Path | str, audio: Path, layers: list[str] | None = None, **changes: dict[str, Any]
) -> Study:
    """A folder with nothing but study.toml, for the model at `path`; `changes` replaces values by section."""
    layers = layers or ["encoder.0", "encoder.2"]
    given = {"path": str(path), "layers": layers, "device": "cpu"}
    settings = new_settings("tiny", given, audio_sections([audio], "folder"), UUID)
    for section, values in changes.items():
        for key, value in values.items():
            setattr(getattr(settings, section), key, value)
    study = Study(folder)
    write_new(study.toml, settings)
    return study


@contextmanager
def work_of(study: Study) -> Iterator[Workload]:
    """What a study still needs."""
    with planned(study, study.toml, quiet_job()) as found:
        assert found.table is not None
        yield workload(found, found.table)
