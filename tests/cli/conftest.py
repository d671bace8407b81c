"""A study that has really been run, shared by the tests of the commands."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from backend.cli.main import run
from backend.study.folder import Study
from builders.tiny_study import finished_study


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Study:
    base = tmp_path_factory.mktemp("finished")
    return finished_study(base, train={"steps": 30, "threads": 1}, retrieve={"raw_units": True, "p": 2})


@pytest.fixture
def copied(finished: Study, tmp_path: Path) -> Study:
    """The finished study once more, free to be spoilt."""
    shutil.copytree(finished.root, tmp_path / "copy")
    return Study((tmp_path / "copy").resolve())


@pytest.fixture
def ard(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run one command line in this process: exit status, stdout, stderr."""

    def command(*words: object) -> tuple[int, str, str]:
        capsys.readouterr()
        status = run([str(word) for word in words])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return command
