"""A study that cannot be written, a person without a home, two windows and a program on one study."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from gui.waiting import until
from gui.walking import copied, opened, sae, said, walked

from ard_gui.main_window import MainWindow
from backend.study.folder import Study
from builders.synthetic_study import synthetic_study

Make = Callable[..., MainWindow]
root_only = pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only root can become somebody else")
NOBODY = 65534


@pytest.fixture(scope="module")
def open_study() -> Iterator[Study]:
    """In a folder that other users can enter, unlike pytest's own, and that only root can write to."""
    folder = Path(tempfile.mkdtemp(prefix="ard-read-only-"))
    folder.chmod(0o755)
    yield synthetic_study(folder / "study")
    shutil.rmtree(folder)


@pytest.fixture
def open_home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A user data directory for everybody."""
    folder = Path(tempfile.mkdtemp(prefix="ard-home-"))
    folder.chmod(0o777)
    monkeypatch.setenv("ARD_HOME", str(folder))
    yield folder
    shutil.rmtree(folder)


@contextmanager
def ordinary_user() -> Iterator[None]:
    """The administrator may write everywhere; become somebody who may not."""
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def files(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in folder.rglob("*")}


@root_only
def test_study_that_cannot_be_written_to_is_shown_and_judged(
    make_window: Make, open_study: Study, open_home: Path
) -> None:
    before = files(open_study.root)
    with ordinary_user():
        window = opened(make_window(), open_study, 3)
        notes = window.session.notes
        until(lambda: notes.available)
        notes.write(lambda n, key: n.set_star(key, 3, True))
        until(lambda: notes.feature(3).star)
        window.close()
        assert window.session.ended(10)
    assert files(open_study.root) == before
    assert [path.suffix for path in (open_home / "notes").glob("*.sqlite")] == [".sqlite"]


def test_user_data_that_cannot_be_written_is_told_and_the_study_is_shown(
    make_window: Make, tiny_study: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setenv("ARD_HOME", str(tmp_path / "file" / "ard"))
    window = opened(make_window(), copied(tiny_study, tmp_path / "copy"))
    until(lambda: "preferences could not be kept" in said(window))
    until(lambda: window.session.notes.available)
    window.keeper.keep()
    until(lambda: "layout could not be kept" in said(window))


@pytest.mark.parametrize("reset", [(), ("--reset",)])
def test_desktop_starts_and_ends_where_user_data_cannot_be_written(
    tiny_study: Study, tmp_path: Path, reset: tuple[str, ...]
) -> None:
    (tmp_path / "file").write_text("not a folder")
    environment = os.environ | {"ARD_HOME": str(tmp_path / "file" / "ard")}
    told = walked(str(tiny_study.root), *reset, env=environment)
    assert "a crash could not be reported" in told


def test_desktop_starts_for_an_account_without_a_name_and_a_home(tiny_study: Study, tmp_path: Path) -> None:
    gone = ("HOME", "ARD_HOME", "XDG_DATA_HOME", "USER", "LOGNAME", "LNAME", "USERNAME")
    environment = {key: value for key, value in os.environ.items() if key not in gone} | {"TMPDIR": str(tmp_path)}
    nobody = "import pwd\ndef none(number): raise KeyError(number)\npwd.getpwuid = none"
    study = copied(tiny_study, tmp_path / "copy")
    walked(str(study.root), before=nobody, ready="window.session.notes.available", env=environment)
    assert (tmp_path / f"ard-{os.getuid()}" / "preferences.json").is_file()


@pytest.fixture
def study(tiny_study: Study, tmp_path: Path) -> Study:
    return copied(tiny_study, tmp_path / "copy")


def test_what_one_window_notes_the_other_shows(make_window: Make, study: Study) -> None:
    first, second = opened(make_window(), study, 2), opened(make_window(), study, 2)
    until(lambda: first.session.notes.available and second.session.notes.available)
    first.session.notes.write(lambda notes, key: notes.set_name(key, 2, "from the first"))
    until(lambda: "from the first" in second.page.title.text())
    second.session.notes.write(lambda notes, key: notes.set_name(key, 2, "from the second"))
    until(lambda: "from the second" in first.page.title.text())


def test_undoing_what_another_window_has_changed_since_is_refused_with_a_word(make_window: Make, study: Study) -> None:
    first, second = opened(make_window(), study, 2), opened(make_window(), study, 2)
    until(lambda: first.session.notes.available and second.session.notes.available)
    first.session.notes.write(lambda notes, key: notes.set_name(key, 2, "from the first"))
    until(lambda: "from the first" in second.page.title.text() and bool(first.session.undo.undo_label))
    second.session.notes.write(lambda notes, key: notes.set_name(key, 2, "from the second"))
    until(lambda: "from the second" in first.page.title.text())
    first.actions_table["edit.undo"].trigger()
    until(first.notice_bar.isVisible)
    assert "from the second" in first.page.title.text()
    assert not first.session.undo.undo_label


def test_what_another_program_notes_is_shown(make_window: Make, study: Study) -> None:
    window = opened(make_window(), study, 2)
    until(lambda: window.session.notes.available)
    code = (
        "import sys; from backend.study.folder import Study; from backend.store.notes.notes import Notes;"
        "from backend.store.notes.keys import sae_key; study = Study.open(sys.argv[1]); notes = Notes.open(study);"
        "notes.set_name(sae_key(study, sys.argv[2]), 2, 'from elsewhere'); notes.close()"
    )
    subprocess.run([sys.executable, "-P", "-c", code, str(study.root), sae(study)], check=True)
    until(lambda: "from elsewhere" in window.page.title.text())
