"""A study under the tiny profile that has been indexed and nothing more, and its stages one at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from backend.jobs.events import Event, EventLog
from backend.jobs.job import Job
from backend.stages import index
from backend.study.configuration import audio_sections, new_settings, write_new
from backend.study.folder import Study
from backend.study.settings import Settings


def open_study(
    folder: Path, model: Path, audio: list[Path], layers: list[str], **changes: dict[str, Any]
) -> tuple[Study, Settings]:
    """An indexed study; `changes` replaces values by section: ``train={"steps": 20}``."""
    settings = new_settings(
        "tiny",
        {"path": str(model), "layers": layers, "device": "cpu"},
        audio_sections(audio, "folder"),
        "00000000000000000000000000000000",
    )
    for section, values in changes.items():
        for key, value in values.items():
            setattr(getattr(settings, section), key, value)
    study = Study(folder)
    write_new(study.toml, settings)
    index.run(study, settings, Job(EventLog(None, "index")))
    return study, settings


class Watched(Job):
    """A job that keeps its events, and stops itself after a number of progress reports."""

    def __init__(self, stop_after: int | None = None) -> None:
        self.events: list[Event] = []
        super().__init__(EventLog(None, "test", (self.events.append,)))
        self._left = stop_after

    def progress(self, done: float, total: float) -> None:
        super().progress(done, total)
        if self._left is not None:
            self._left -= 1
            if self._left <= 0:
                self.request_stop()

    def texts(self) -> str:
        return "\n".join(str(event["text"]) for event in self.events if event["type"] == "message")


def arrays(study: Study) -> dict[str, bytes]:
    """The bytes of every data set, weight and metric of the study; manifests and times aside."""
    import json

    import h5py
    import numpy as np
    from safetensors.numpy import load_file

    found: dict[str, bytes] = {}
    for path in sorted(p for p in study.root.rglob("*") if p.is_file()):
        name = str(path.relative_to(study.root))
        if path.suffix == ".h5" and name.startswith("activations"):
            with h5py.File(path, "r") as handle:
                for key in handle:
                    value = handle[key][...]
                    found[f"{name}:{key}"] = repr(value.tolist()).encode()
        elif path.name == "sae.safetensors":
            found |= {f"{name}:{key}": value.tobytes() for key, value in load_file(path).items()}
        elif path.suffix == ".npz":
            with np.load(path) as values:
                found |= {f"{name}:{key}": values[key].tobytes() for key in values.files}
        elif path.name == "metrics.jsonl":
            lines = [json.loads(line) for line in path.read_text().splitlines()]
            for line in lines:
                line.pop("step_ms")
                line.pop("tokens_per_second")
            found[name] = json.dumps(lines).encode()
    return found
