"""A file of the study is wholly there or not at all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from backend.errors import ArdError
from backend.study.atomic import read_json, remove_leftovers, replacing, write_json, write_text
from backend.study.folder import Study


def write_half(path: Path) -> None:
    with replacing(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError


def write_on_a_full_disk(path: Path) -> None:
    with replacing(path) as temporary:
        temporary.write_text("")
        with open("/dev/full", "w") as full:
            full.write("x" * 10)
            full.flush()


def test_failed_writer_leaves_the_old_file_and_no_leftover(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")
    with pytest.raises(RuntimeError):
        write_half(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_nan_never_reaches_a_manifest(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"loss": float("nan")})
    assert not (tmp_path / "a.json").exists()


@pytest.mark.parametrize("data", [b"{", b"\xff\xfe", b""])
def test_damaged_json_is_a_message(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.json").write_bytes(data)
    with pytest.raises(ArdError, match="damaged"):
        read_json(tmp_path / "a.json")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the system's always-full device")
def test_full_disk_is_a_message_and_the_old_file_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")
    with pytest.raises(ArdError, match="disk is full"):
        write_on_a_full_disk(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


LIMITED = """
import resource, signal, sys
from pathlib import Path
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
from backend.study.atomic import write_text
write_text(Path(sys.argv[1]), "new" * 4096)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="file size limits are POSIX")
def test_write_cut_short_by_the_system_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    write_text(path, "old")
    done = subprocess.run([sys.executable, "-c", LIMITED, str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert "File too large" in done.stderr
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_only_our_own_leftovers_are_removed(tmp_path: Path) -> None:
    for name in (".a.h5.123.tmp", "notes.tmp", ".hidden"):
        (tmp_path / name).touch()
    remove_leftovers(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == [".hidden", "notes.tmp"]


def test_path_leaving_the_study_is_refused(tmp_path: Path) -> None:
    study = Study((tmp_path / "study").resolve())
    study.root.mkdir()
    (study.root / "link").symlink_to(tmp_path)
    for path in (study.root / ".." / "other", study.root / "link" / "x", tmp_path):
        with pytest.raises(ArdError, match="outside"):
            study.inside(path)
    assert study.inside(study.root / "saes") == study.root / "saes"
