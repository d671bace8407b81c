from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from backend.stages import extract
from backend.study.folder import Study
from backend.study.settings import Settings
from builders.open_study import Watched, open_study
from builders.tiny_models import tiny_whisper
from builders.tiny_study import recordings

QUICK: dict[str, Any] = {
    "steps": 30,
    "batch_tokens": 64,
    "log_every": 5,
    "checkpoint_every": 10,
    "threads": 1,
    "matmul": "float32",
}


class Factory:
    """Makes studies of one model and its recordings, in folders of their own."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.model = tiny_whisper(base / "model")
        self.audio = recordings(base / "audio", count=12)
        self._extracted: dict[tuple[str, ...], Study] = {}

    def cached(self, name: str, layers: list[str] | None = None, **changes: dict[str, Any]) -> tuple[Study, Settings]:
        """A study whose activations are on disk."""
        train = {**QUICK, **changes.pop("train", {})}
        layers = layers or ["encoder.1"]
        found = self._extracted.get(tuple(layers))
        if found is not None:
            shutil.copytree(found.root / "activations", self.base / name / "activations")
        study, settings = open_study(self.base / name, self.model, [self.audio], layers, train=train, **changes)
        extract.run(study, settings, Watched())
        self._extracted.setdefault(tuple(layers), study)
        return study, settings

    def streaming(
        self, name: str, layers: list[str] | None = None, **changes: dict[str, Any]
    ) -> tuple[Study, Settings]:
        """A study that runs the model while it trains."""
        train = {**QUICK, **changes.pop("train", {})}
        own = {"storage": "stream", "shuffle_batches": 6, **changes.pop("extract", {})}
        return open_study(
            self.base / name, self.model, [self.audio], layers or ["encoder.1"], train=train, extract=own, **changes
        )  # fmt: skip


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> Factory:
    return Factory(tmp_path_factory.mktemp("train"))
