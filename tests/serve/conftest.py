"""One study that has really been run, and one server on it, shared by the tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from served import Served

from backend.study.folder import Study
from builders.extra_requests import extra_requests
from builders.tiny_study import finished_study


@pytest.fixture(scope="session")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Clips one by one through the model, so that a clip alone gives the same bits."""
    return finished_study(
        tmp_path_factory.mktemp("served"), train={"steps": 30, "threads": 1},
        retrieve={"raw_units": True}, extract={"batch_clips": 1},
    )  # fmt: skip


@pytest.fixture(scope="session")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return extra_requests(tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module")
def server(study: Study, environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Started where a folder called `backend` lies, which `-P` must leave alone."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "backend").mkdir()
    (elsewhere / "backend" / "__init__.py").write_text("raise SystemExit('the wrong backend')")
    found = Served(study.root, environment, cwd=elsewhere)
    yield found
    assert found.close() == 0
