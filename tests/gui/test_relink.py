"""Sounds that lie elsewhere are found again, by what is in them; the study is never written."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from gui.waiting import until
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog

from ard_gui.main_window import MainWindow
from ard_gui.services.moved_sounds import Sounds, look, sounds_of, verify
from ard_gui.views.relink import Relink
from backend.study.fingerprint import edge_hash
from backend.study.folder import Study
from builders.tiny_study import finished_study

Make = Callable[..., MainWindow]
NAN = float("nan")


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, Path]:
    """A study whose sounds were moved after it was run, and where they are now."""
    folder = tmp_path_factory.mktemp("moved")
    study = finished_study(folder, train={"steps": 20})
    (folder / "audio").rename(folder / "elsewhere")
    return study, folder / "elsewhere"


def contents(folder: Path) -> dict[str, tuple[int, int]]:
    return {
        str(path.relative_to(folder)): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith("notes.sqlite")
    }


def dialog_of(window: MainWindow) -> Relink:
    window.actions_table["file.relink"].trigger()
    found = QApplication.activeModalWidget()
    assert isinstance(found, Relink)
    until(lambda: found.table.rowCount() == 1)
    return found


def test_window_says_that_sounds_are_missing_and_finds_them_again(make_window: Make, moved: tuple[Study, Path]) -> None:
    study, now = moved
    root = str(study.root.parent / "audio")
    before = contents(study.root)
    window = make_window(study)
    until(window.notice_bar.isVisible)
    assert "Find moved sounds" in window.notice_bar.text.text()
    dialog = dialog_of(window)
    assert [dialog.table.item(0, column).text() for column in range(4)] == [root, "as in the study", "24", "24"]
    QTest.mouseClick(dialog.map, Qt.MouseButton.LeftButton)
    chooser = dialog.findChild(QFileDialog)
    assert chooser is not None
    chooser.fileSelected.emit(str(now))
    chooser.close()
    until(lambda: dialog.note.text() == "All 24 clips are there.")
    assert window.session.preferences.values.roots == {root: str(now)}
    assert dialog.table.item(0, 1).text() == str(now)
    QTest.mouseClick(dialog.forget, Qt.MouseButton.LeftButton)
    until(lambda: dialog.note.text() == "24 of 24 clips are missing.")
    assert window.session.preferences.values.roots == {}
    assert contents(study.root) == before


def test_folder_with_other_sounds_under_the_same_names_is_refused(
    make_window: Make, moved: tuple[Study, Path], tmp_path: Path
) -> None:
    study, now = moved
    wrong = Path(shutil.copytree(now, tmp_path / "wrong"))
    for path in wrong.rglob("*.wav"):
        path.write_bytes(path.read_bytes()[:-2] + b"ab")
    window = make_window(study)
    dialog = dialog_of(window)
    dialog.try_folder(wrong)
    until(lambda: "have another content" in dialog.note.text())
    assert "0 of 24" in dialog.note.text()
    assert not dialog.anyway.isVisible()
    assert window.session.preferences.values.roots == {}


def test_folder_with_some_wrong_sounds_is_taken_only_on_demand(
    make_window: Make, moved: tuple[Study, Path], tmp_path: Path
) -> None:
    study, now = moved
    mixed = Path(shutil.copytree(now, tmp_path / "mixed"))
    next(mixed.rglob("*.wav")).write_bytes(b"something else")
    window = make_window(study)
    dialog = dialog_of(window)
    dialog.try_folder(mixed)
    until(dialog.anyway.isVisible)
    QTest.mouseClick(dialog.anyway, Qt.MouseButton.LeftButton)
    until(lambda: list(window.session.preferences.values.roots.values()) == [str(mixed)])


def test_clips_that_are_parts_of_files_and_members_of_archives_are_verified(tmp_path: Path) -> None:
    from backend.audio.datasets.read import clip_hash

    (tmp_path / "a.wav").write_bytes(b"sound")
    (tmp_path / "b.zip").write_bytes(b"archive")
    whole = edge_hash(tmp_path / "a.wav")
    rows = (
        ("a.wav", "", 0.0, NAN, whole), ("a.wav", "", 1.0, 2.0, clip_hash(whole, 1.0, 2.0)),
        ("b.zip", "x.wav", 0.0, NAN, "?"), ("gone.wav", "", 0.0, NAN, "?"), ("../a.wav", "", 0.0, NAN, whole),
    )  # fmt: skip
    found = verify(Sounds("/r", rows), tmp_path)
    assert (found.looked_at, found.right, found.wrong, found.missing, found.unchecked) == (5, 2, 0, 2, 1)
    assert found.accepted
    (listed,) = look([Sounds("/r", rows[:4])], {"/r": str(tmp_path)})
    assert (listed.clips, listed.missing) == (4, 1)


def test_every_clip_of_a_study_is_known_by_its_hash(moved: tuple[Study, Path]) -> None:
    study, now = moved
    (sounds,) = sounds_of(study)
    assert len(sounds.files) == 24
    assert verify(sounds, now).right == 24
