"""The real window on a study that was really run."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from gui.waiting import until

from ard_gui.main_window import MainWindow
from ard_gui.views.concepts import ConceptsView
from backend.store.clips import ClipTable
from backend.store.concepts import ConceptsFile
from backend.store.retrieval import RetrievalFile
from backend.study.folder import Study

FORBIDDEN = ("torch", "transformers", "scipy")
Make = Callable[..., MainWindow]


def concepts(window: MainWindow) -> ConceptsView:
    view = window.view("concepts")
    assert isinstance(view, ConceptsView)
    return view


def test_opening_a_study_shows_every_feature_and_the_first_page(make_window: Make, tiny_study: Study) -> None:
    window = make_window(tiny_study)
    with RetrievalFile(tiny_study.retrieval(tiny_study.feature_ids()[0])) as file:
        assert concepts(window).model.rowCount() == file.features
    assert window.page.title.text().startswith("Feature 0")


def test_page_names_the_concept_and_says_where_the_name_came_from(make_window: Make, tiny_study: Study) -> None:
    window = make_window(tiny_study)
    path = tiny_study.concepts(tiny_study.feature_ids()[0])
    assert path is not None
    named = next(one for one in ConceptsFile(path).concepts if one.name)
    window.session.selection.choose(named.feature)
    until(lambda: window.page.feature == named.feature)
    assert window.page.title.text() == f"Feature {named.feature}: {named.name} (consensus)"
    assert "consensus of captions, no LLM" in window.page.header.concept.text()
    assert named.captions[0].text in window.page.cards.cards()[0].caption.text()


def test_page_lists_the_clips_of_the_retrieval_file_in_order(make_window: Make, tiny_study: Study) -> None:
    window = make_window(tiny_study)
    with RetrievalFile(tiny_study.retrieval(tiny_study.feature_ids()[0])) as file:
        table = file.table()
        feature = int(table["support"].argmax())
        view = file.feature(feature)
    window.session.selection.choose(feature)
    until(lambda: window.page.feature == feature)
    clips = ClipTable(tiny_study.clips())
    lines = window.page.cards.groups[0].lines
    assert [line.name for line in lines] == [clips[int(c)].record for c in view.most_clips]
    assert [line.score for line in lines] == view.most_scores.tolist()
    shown = window.page.cards.cards()
    assert len(shown) >= 2
    assert [card.name.text() for card in shown] == [line.name for line in lines[: len(shown)]]
    assert shown[0].score.text() == f"r {view.most_scores[0]:.4g}"


def test_filter_keeps_the_features_it_names_and_a_wrong_one_explains_itself(
    make_window: Make, tiny_study: Study
) -> None:
    window = make_window(tiny_study)
    with RetrievalFile(tiny_study.retrieval(tiny_study.feature_ids()[0])) as file:
        support = file.table()["support"]
    concepts(window).filter.setText("support > 3")
    assert concepts(window).model.rowCount() == int((support > 3).sum())
    concepts(window).filter.setText("suport > 3")
    assert "support" in concepts(window).note.text()
    concepts(window).filter.clear()
    assert concepts(window).model.rowCount() == len(support)


def test_folder_that_is_no_study_is_explained_in_the_window(make_window: Make, tmp_path: Path) -> None:
    window = make_window()
    window.open_study(tmp_path)
    until(lambda: "not a study" in window.start.note.text())
    assert concepts(window).model.rowCount() == 0


def test_window_imports_neither_torch_nor_transformers_nor_scipy() -> None:
    code = (
        "import sys; from PySide6.QtWidgets import QApplication; application = QApplication([]);"
        "from ard_gui.main_window import MainWindow; window = MainWindow(); window.show(); application.processEvents();"
        f"print([name for name in {FORBIDDEN!r} if name in sys.modules]); window.close()"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
