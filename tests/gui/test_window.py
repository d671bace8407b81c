"""The real window on a study that was really run."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QCoreApplication, QEventLoop, QTimer
from PySide6.QtWidgets import QApplication

from ard_gui.main_window import MainWindow
from backend.store.clips import ClipTable
from backend.store.concepts import ConceptsFile
from backend.store.retrieval import RetrievalFile
from backend.study.folder import Study
from builders.tiny_study import finished_study

FORBIDDEN = ("torch", "transformers", "scipy")


@pytest.fixture(scope="module")
def application() -> QCoreApplication:
    return QApplication.instance() or QApplication([])


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return finished_study(tmp_path_factory.mktemp("window"), train={"steps": 60})


@pytest.fixture
def window(application: QCoreApplication) -> Iterator[MainWindow]:
    shown = MainWindow()
    shown.show()
    yield shown
    shown.close()


def until(condition: Callable[[], bool]) -> None:
    """Let the window work until `condition` holds; fail after ten seconds."""
    loop, tick, limit = QEventLoop(), QTimer(), QTimer()
    tick.timeout.connect(lambda: loop.quit() if condition() else None)
    limit.setSingleShot(True)
    limit.timeout.connect(loop.quit)
    tick.start(5)
    limit.start(10_000)
    loop.exec()
    assert condition(), "the window did not get there within ten seconds"


def opened(window: MainWindow, study: Study) -> MainWindow:
    window.open_study(study.root)
    until(lambda: window.page.feature >= 0)
    return window


def test_opening_a_study_shows_every_feature_and_the_first_page(window: MainWindow, study: Study) -> None:
    opened(window, study)
    with RetrievalFile(study.retrieval(study.feature_ids()[0])) as file:
        assert window.model.rowCount() == file.features
    assert window.page.title.text().startswith("Feature 0")


def test_page_names_the_concept_and_says_where_the_name_came_from(window: MainWindow, study: Study) -> None:
    opened(window, study)
    path = study.concepts(study.feature_ids()[0])
    assert path is not None
    named = next(one for one in ConceptsFile(path).concepts if one.name)
    window.choose_feature(named.feature)
    until(lambda: window.page.feature == named.feature)
    assert window.page.title.text() == f"Feature {named.feature}: {named.name} (consensus)"
    assert "consensus of captions, no LLM" in window.page.concept.text()
    assert named.captions[0].text in window.page.most.tree.topLevelItem(0).toolTip(2)


def test_page_lists_the_clips_of_the_retrieval_file_in_order(window: MainWindow, study: Study) -> None:
    opened(window, study)
    with RetrievalFile(study.retrieval(study.feature_ids()[0])) as file:
        table = file.table()
        feature = int(table["support"].argmax())
        view = file.feature(feature)
    window.choose_feature(feature)
    until(lambda: window.page.feature == feature)
    clips = ClipTable(study.clips())
    rows = [window.page.most.tree.topLevelItem(i) for i in range(window.page.most.tree.topLevelItemCount())]
    assert [row.text(1) for row in rows] == [clips[int(c)].record for c in view.most_clips]
    assert window.page.most.tree.headerItem().text(3) == "r"
    assert [row.text(3) for row in rows] == [f"{s:.4g}" for s in view.most_scores]


def test_filter_keeps_the_features_it_names_and_a_wrong_one_explains_itself(window: MainWindow, study: Study) -> None:
    opened(window, study)
    with RetrievalFile(study.retrieval(study.feature_ids()[0])) as file:
        support = file.table()["support"]
    window.filter.setText("support > 3")
    assert window.model.rowCount() == int((support > 3).sum())
    window.filter.setText("suport > 3")
    assert "support" in window.note.text()
    window.filter.clear()
    assert window.model.rowCount() == len(support)


def test_folder_that_is_no_study_is_explained_in_the_window(window: MainWindow, tmp_path: Path) -> None:
    window.open_study(tmp_path)
    until(lambda: "not a study" in window.note.text())
    assert window.model.rowCount() == 0


def test_window_imports_neither_torch_nor_transformers_nor_scipy() -> None:
    code = (
        "import sys; from PySide6.QtWidgets import QApplication; application = QApplication([]);"
        "from ard_gui.main_window import MainWindow; window = MainWindow(); window.show(); application.processEvents();"
        f"print([name for name in {FORBIDDEN!r} if name in sys.modules]); window.close()"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
