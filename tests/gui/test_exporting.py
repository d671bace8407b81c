"""Exports from the window write what the command line writes, with progress and stop; pictures of views."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from gui.waiting import until
from PySide6.QtGui import QGuiApplication

from ard_gui.main_window import MainWindow
from ard_gui.services.exporting import Exporter, ExportRequest, write
from ard_gui.views.export_dialog import ExportDialog
from backend.errors import Stopped
from backend.export.own_work import OwnWork
from backend.study.folder import Study

Make = Callable[..., MainWindow]


def request(study: Study, path: Path, **changes: object) -> ExportRequest:
    values = {"rows": (5, 2, 9), "own": OwnWork(), "kind": "csv", **changes}
    return ExportRequest(study, study.feature_ids()[0], path=path, **values)  # type: ignore[arg-type]


def test_rows_are_written_in_the_order_asked_for(tiny_study: Study, tmp_path: Path) -> None:
    write(request(tiny_study, tmp_path / "x.csv"), lambda _: None, lambda: False)
    with open(tmp_path / "x.csv", encoding="utf-8") as handle:
        rows = list(csv.DictReader(line for line in handle if not line.startswith("#")))
    assert list(dict.fromkeys(row["feature"] for row in rows)) == ["5", "2", "9"]


@pytest.mark.parametrize("kind", ["csv", "json", "jsonl", "md", "html", "folder", "wav"])
def test_stopped_export_leaves_nothing(tiny_study: Study, tmp_path: Path, kind: str) -> None:
    seen: list[int] = []
    with pytest.raises(Stopped):
        write(request(tiny_study, tmp_path / "out", kind=kind), seen.append, lambda: bool(seen))
    assert list(tmp_path.glob("*out*")) == []
    assert list(tmp_path.glob(".*out*")) == []


def test_exporter_reports_progress_and_the_end(application: object, tiny_study: Study, tmp_path: Path) -> None:
    exporter, seen, ended = Exporter(), [], []
    exporter.progressed.connect(lambda done, total: seen.append((done, total)))
    exporter.finished.connect(lambda path, features: ended.append((path, features)))
    exporter.start(request(tiny_study, tmp_path / "x.json", kind="json"))
    until(lambda: bool(ended))
    exporter.close()
    assert seen == [(0, 3), (1, 3), (2, 3)]
    assert ended == [(str(tmp_path / "x.json"), 3)]


def test_dialog_exports_the_marked_features_and_says_where(
    make_window: Make, tiny_study: Study, tmp_path: Path
) -> None:
    window = make_window(tiny_study, 4)
    window.session.selection.choose_several((4, 6))
    window.actions_table["file.export"].trigger()
    dialog = window.taking_away.dialog
    assert isinstance(dialog, ExportDialog)
    assert dialog.scope.currentText() == "2 marked features"
    dialog.kind.setCurrentIndex(dialog.kind.findData("json"))
    assert dialog.path.text().endswith(".json")
    dialog.path.setText(str(tmp_path / "two.json"))
    dialog.save.click()
    until(lambda: "written" in dialog.note.text())
    found = json.loads((tmp_path / "two.json").read_text(encoding="utf-8"))
    assert [one["feature"] for one in found["features"]] == [4, 6]
    dialog.close()


def test_dialog_says_why_a_place_cannot_be_written_to(make_window: Make, tiny_study: Study, tmp_path: Path) -> None:
    window = make_window(tiny_study, 4)
    window.actions_table["file.export"].trigger()
    dialog = window.taking_away.dialog
    assert isinstance(dialog, ExportDialog)
    dialog.path.setText(str(tmp_path))
    dialog.save.click()
    until(lambda: bool(dialog.note.text()))
    assert "folder" in dialog.note.text()
    dialog.close()


def test_view_in_use_is_copied_as_an_image(make_window: Make, tiny_study: Study) -> None:
    window = make_window(tiny_study, 4)
    window.view("concepts").setFocus()
    window.actions_table["edit.copy_image"].trigger()
    image = QGuiApplication.clipboard().image()
    assert image.size() == window.taking_away.picture().toImage().size()
    assert len({image.pixel(x, image.height() // 2) for x in range(image.width())}) > 1


def test_picture_of_a_view_is_saved_as_png(make_window: Make, tiny_study: Study, tmp_path: Path) -> None:
    window = make_window(tiny_study, 4)
    window.taking_away.save_picture(window.taking_away.picture(), tmp_path / "view.png")
    until(lambda: any("saved" in one.text for one in window.session.notices.all))
    assert (tmp_path / "view.png").read_bytes().startswith(b"\x89PNG")
