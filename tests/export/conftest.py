"""A study that has really been run, for reports."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from backend.study.folder import Study
from builders.tiny_study import finished_study


@pytest.fixture(scope="session")
def ranked_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("ranked")
    finished_study(base, train={"steps": 30, "threads": 1}, retrieve={"p": 2})
    return base


@pytest.fixture
def ranked(ranked_base: Path, tmp_path: Path) -> Study:
    """The finished study once more, free to be described."""
    shutil.copytree(ranked_base / "study", tmp_path / "study")
    return Study((tmp_path / "study").resolve())
