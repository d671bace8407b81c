"""The file survives kills, other programs, damage and places that cannot be written to."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from backend.errors import ArdError
from backend.store.notes.notes import Notes
from backend.store.notes.place import is_local
from backend.study.folder import Study

SAE = "a" * 64
UUID = "58eb8478-9f17-4c2d-8d0f-444db8a81f7c"

WRITER = """
import sys
from pathlib import Path
from backend.store.notes.notes import Notes
notes = Notes.open_file(Path(sys.argv[1]), author=sys.argv[2])
low, high = int(sys.argv[3]), int(sys.argv[4])
print("open", flush=True)
sys.stdin.readline()
for k in range(low, high):
    notes.set_name("a" * 64, k, f"name {k}")
    print(k, flush=True)
"""


def writer(path: Path, author: str, low: int, high: int) -> subprocess.Popen[str]:
    child = subprocess.Popen(
        [sys.executable, "-P", "-c", WRITER, str(path), author, str(low), str(high)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert child.stdout
    assert child.stdout.readline() == "open\n"
    return child


def start(child: subprocess.Popen[str]) -> None:
    assert child.stdin
    child.stdin.write("\n")
    child.stdin.flush()


def end(child: subprocess.Popen[str]) -> str:
    rest, _ = child.communicate(timeout=60)
    return rest


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    monkeypatch.setenv("ARD_HOME", str(tmp_path / "home"))
    return small_study(tmp_path / "study")


def small_study(root: Path) -> Study:
    root.mkdir(parents=True)
    (root / "study.toml").write_text(f'[study]\nuuid = "{UUID}"\n')
    return Study.open(root)


@pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL")
@pytest.mark.parametrize("after", [1, 7, 40])
def test_killed_program_loses_at_most_the_change_in_flight(tmp_path: Path, after: int) -> None:
    path = tmp_path / "notes.sqlite"
    child = writer(path, "ada", 0, 100_000)
    start(child)
    assert child.stdout
    said = -1
    for _ in range(after):
        said = int(child.stdout.readline())
    child.send_signal(signal.SIGKILL)
    said = max([said, *(int(line) for line in end(child).splitlines() if line.strip())])
    with Notes.open_file(path) as notes:
        there = notes.features(SAE)
        assert notes.messages == ()
        assert list(there) == list(range(len(there)))
        assert said + 1 <= len(there) <= said + 2
        assert all(one.name == f"name {k}" for k, one in there.items())
        assert [one.name for one in notes.history(SAE, said)] == [f"name {said}"]


def test_two_programs_write_into_one_file_and_nothing_is_lost(tmp_path: Path) -> None:
    path = tmp_path / "notes.sqlite"
    children = [writer(path, "ada", 0, 60), writer(path, "eve", 60, 120)]
    with Notes.open_file(path) as notes:
        for child in children:
            start(child)
        for k in range(120, 150):
            notes.set_name(SAE, k, f"name {k}")
        for child in children:
            end(child)
        assert [child.returncode for child in children] == [0, 0]
        assert {k: one.name for k, one in notes.features(SAE).items()} == {k: f"name {k}" for k in range(150)}
        assert {notes.history(SAE, k)[0].author for k in (0, 60)} == {"ada", "eve"}


def test_programs_that_make_the_file_at_the_same_moment_share_it(tmp_path: Path) -> None:
    path = tmp_path / "notes.sqlite"
    code = WRITER.replace('print("open", flush=True)\nsys.stdin.readline()\n', "")
    children = [
        subprocess.Popen([sys.executable, "-P", "-c", code, str(path), "x", str(10 * n), str(10 * n + 10)],
                         stdout=subprocess.DEVNULL)
        for n in range(4)
    ]  # fmt: skip
    assert [child.wait(timeout=60) for child in children] == [0] * 4
    with Notes.open_file(path) as notes:
        assert list(notes.features(SAE)) == list(range(40))


def test_notes_of_a_later_version_are_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.sqlite"
    Notes.open_file(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 2")
    before = path.read_bytes()
    with pytest.raises(ArdError, match=r"later version of ARD \(format 2, this one knows 1\).*Update ARD"):
        Notes.open_file(path)
    assert path.read_bytes() == before
    assert not list(tmp_path.glob("*damaged*"))


def test_file_of_another_program_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "notes.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE mine (x)")
    before = path.read_bytes()
    with pytest.raises(ArdError, match="does not hold notes of ARD"):
        Notes.open_file(path)
    assert path.read_bytes() == before


def test_file_that_is_no_database_is_set_aside_whole(tmp_path: Path) -> None:
    path = tmp_path / "notes.sqlite"
    path.write_bytes(b"not a database" * 100)
    with Notes.open_file(path) as notes:
        (said,) = notes.messages
        notes.set_star(SAE, 1, True)
        assert list(notes.features(SAE)) == [1]
    (aside,) = tmp_path.glob("notes.damaged-*.sqlite")
    assert aside.name in said
    assert aside.read_bytes() == b"not a database" * 100
    path.write_bytes(b"again" * 100)
    Notes.open_file(path).close()
    assert len(list(tmp_path.glob("notes.damaged-*.sqlite"))) == 2


def test_what_can_be_read_of_a_damaged_file_is_in_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "notes.sqlite"
    with Notes.open_file(path) as notes:
        notes.set_star(SAE, range(2000), True)
        notes.save_query("kept", {"where": "m > 3"})
    data = bytearray(path.read_bytes())
    pages = len(data) // 4096
    for page in range(pages // 2, pages // 2 + 6):
        data[page * 4096 : page * 4096 + 4096] = b"\xff" * 4096
    path.write_bytes(data)
    with Notes.open_file(path) as notes:
        assert "damaged" in notes.messages[0]
        assert notes.queries() == {"kept": {"where": "m > 3"}}
        found = list(notes.features(SAE))
        assert 0 < len(found) < 2000
        assert set(found) <= set(range(2000))
    (aside,) = tmp_path.glob("notes.damaged-*.sqlite")
    assert aside.read_bytes() == data


def test_write_ahead_log_is_used_on_disks_of_this_machine_only(tmp_path: Path) -> None:
    mounts = [("/", "ext4"), (str(tmp_path / "far"), "nfs4"), (str(tmp_path / "far" / "near"), "xfs")]
    assert is_local(tmp_path, mounts)
    assert not is_local(tmp_path / "far" / "study", mounts)
    assert is_local(tmp_path / "far" / "near" / "study", mounts)
    assert is_local(tmp_path / "farther", mounts)
    assert not is_local(tmp_path, [])
    with Notes.open_file(tmp_path / "notes.sqlite") as notes:
        ((mode,),) = notes.database.rows("PRAGMA journal_mode")
        assert mode == ("wal" if is_local(tmp_path) else "delete")


def test_file_in_delete_mode_is_written_by_two_windows_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.store.notes.database.is_local", lambda path: False)
    path = tmp_path / "notes.sqlite"
    with Notes.open_file(path, author="ada") as one, Notes.open_file(path, author="eve") as two:
        assert one.database.rows("PRAGMA journal_mode") == [("delete",)]
        one.set_star(SAE, 1, True)
        two.set_star(SAE, 2, True)
        assert list(one.features(SAE)) == list(two.features(SAE)) == [1, 2]
    assert [p.name for p in tmp_path.iterdir()] == ["notes.sqlite"]


def test_notes_lie_in_the_study_and_looking_makes_none(study: Study) -> None:
    assert not Notes.exist(study)
    with Notes.open(study) as notes:
        assert notes.path == study.root / "notes.sqlite"
        assert notes.place == f"Notes are kept in the study: {notes.path}"
    assert Notes.exist(study)


def test_notes_from_the_users_directory_are_brought_in_when_the_study_can_be_written_again(
    study: Study, tmp_path: Path
) -> None:
    with Notes.open_file(tmp_path / f"home/notes/{UUID}.sqlite") as notes:
        notes.set_name(SAE, 3, "noted while it was read-only")
    assert Notes.exist(study)
    with Notes.open(study) as notes:
        assert notes.path == study.root / "notes.sqlite"
        assert notes.features(SAE)[3].name == "noted while it was read-only"
        notes.set_name(SAE, 3, "newer")
    with Notes.open(study) as notes:
        assert notes.features(SAE)[3].name == "newer"
    assert (tmp_path / f"home/notes/{UUID}.sqlite").is_file()


@contextmanager
def ordinary_user() -> Iterator[None]:
    """The administrator may write everywhere; become somebody who may not."""
    if os.geteuid():
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that other users can enter, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="ard-notes-"))
    folder.chmod(0o777)
    yield folder
    for path in folder.rglob("*"):
        if path.is_dir():
            path.chmod(0o700)
    shutil.rmtree(folder)


@pytest.mark.skipif(os.name == "nt", reason="folders are not protected that way")
@pytest.mark.parametrize("with_notes", [False, True])
def test_read_only_study_has_its_notes_in_the_users_directory_under_its_uuid(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch, with_notes: bool
) -> None:
    monkeypatch.setenv("ARD_HOME", str(open_folder / "home"))
    study = small_study(open_folder / "study")
    if with_notes:
        with Notes.open(study, author="ada") as notes:
            notes.set_name(SAE, 3, "from the study")
        notes.path.chmod(0o444)
    study.root.chmod(0o555)
    before = sorted(path.name for path in study.root.iterdir())
    with ordinary_user():
        with Notes.open(study, author="eve") as notes:
            assert notes.path == open_folder / "home/notes" / f"{UUID}.sqlite"
            assert notes.place == f"This study cannot be written to; notes are kept in {notes.path}"
            assert [one.name for one in notes.features(SAE).values()] == ["from the study"] * with_notes
            notes.set_name(SAE, 3, "mine")
        with Notes.open(study, author="eve") as notes:
            assert notes.features(SAE)[3].name == "mine"
    assert sorted(path.name for path in study.root.iterdir()) == before


@pytest.mark.parametrize("toml", ["", "broken [", '[study]\nuuid = "../../../etc/x"\n', "study = 3\n"])
def test_study_without_a_usable_uuid_has_a_name_of_its_own_in_the_users_directory(
    study: Study, tmp_path: Path, toml: str
) -> None:
    from backend.store.notes.place import outside

    study.toml.write_text(toml)
    path = outside(study).path
    assert path.parent == tmp_path / "home" / "notes"
    assert path.name.removesuffix(".sqlite").isalnum()


@pytest.mark.skipif(os.name == "nt", reason="an open file cannot be deleted there")
def test_file_that_was_deleted_or_replaced_while_open_is_not_written_into_nothing(tmp_path: Path) -> None:
    with Notes.open_file(tmp_path / "notes.sqlite") as notes:
        notes.set_star(SAE, 1, True)
        notes.path.unlink()
        with pytest.raises(ArdError, match=r"deleted or replaced while they were open.*Open the study again"):
            notes.set_star(SAE, 2, True)
        shutil.copy(__file__, notes.path)
        with pytest.raises(ArdError, match="deleted or replaced"):
            notes.set_star(SAE, 2, True)


def test_writing_beside_a_program_that_holds_the_file_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("backend.store.notes.database.WAIT_SECONDS", 0.05)
    with Notes.open_file(tmp_path / "notes.sqlite") as notes:
        with closing(sqlite3.connect(notes.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(ArdError, match="another program is writing the notes"):
                notes.set_star(SAE, 1, True)
            other.execute("ROLLBACK")
        assert notes.set_star(SAE, 1, True)
