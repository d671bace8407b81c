"""Take the sound files out of the archives in which some games keep them: Qt resources (.rcc) and .pk3 (zip)."""

from __future__ import annotations

import os
import shutil
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from backend.audio.formats import is_decoded
from backend.errors import ArdError

FOLDER, COMPRESSED, ZSTANDARD = 2, 1, 4
"""Flags of an entry of a Qt resource file."""


def expand(package: Path, target: Path) -> None:
    """Write the sounds of every .rcc and .pk3 below `package` to `target`, under their paths in the archive.

    Of equal paths the archive that comes later in the alphabet has the file, as in the games themselves.
    `target` appears only when it is complete; one that is there is left as it is. Raises ArdError,
    naming the archive, if one is damaged.
    """
    if target.is_dir():
        return
    partial = target.with_name(f".{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    for archive in sorted(path for path in package.rglob("*") if path.suffix in READERS and not path.is_symlink()):
        for name, data in sounds_of(archive):
            path = partial / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    os.replace(partial, target)


def sounds_of(archive: Path) -> Iterator[tuple[str, bytes]]:
    """Path and bytes of each sound in an archive; ArdError if it is damaged or a path leads outside."""
    try:
        for name, data in READERS[archive.suffix](archive):
            if not is_decoded(name):
                continue
            if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
                raise ArdError(f"'{name}' would lie outside of its folder", path=archive)
            yield name, data
    except (struct.error, IndexError, UnicodeDecodeError, zlib.error, zipfile.BadZipFile) as error:
        raise ArdError(f"this archive is damaged: {error}", path=archive, todo="Fetch its package again.") from error


def _zip_members(archive: Path) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(archive) as opened:
        for name in sorted(opened.namelist()):
            if is_decoded(name):
                yield name, opened.read(name)


def _qt_resources(archive: Path) -> Iterator[tuple[str, bytes]]:
    """Entries of a Qt resource file (`rcc --binary`), versions 1 to 3, but for those packed by Zstandard."""
    data = archive.read_bytes()
    magic, version, tree, contents, names = struct.unpack_from(">4siiii", data)
    if magic != b"qres" or not 1 <= version <= 3:
        raise ArdError("this is not a Qt resource file of a known version", path=archive)
    size = 14 if version == 1 else 22  # version 2 added the time of the last change

    def entries(node: int, above: str) -> Iterator[tuple[str, bytes]]:
        at = tree + node * size
        name, flags = struct.unpack_from(">IH", data, at)
        path = above + _name(data, names + name) if node else ""
        if flags & FOLDER:
            count, first = struct.unpack_from(">II", data, at + 6)
            for child in range(first, first + count):
                yield from entries(child, f"{path}/" if path else "")
        elif not flags & ZSTANDARD:
            (offset,) = struct.unpack_from(">I", data, at + 10)
            yield path, _content(data, contents + offset, packed=bool(flags & COMPRESSED))

    yield from entries(0, "")


def _name(data: bytes, at: int) -> str:
    """Length in characters, a hash, UTF-16."""
    (length,) = struct.unpack_from(">H", data, at)
    return data[at + 6 : at + 6 + 2 * length].decode("utf-16-be")


def _content(data: bytes, at: int, *, packed: bool) -> bytes:
    """Length, then the bytes; packed ones begin with their unpacked length."""
    (length,) = struct.unpack_from(">I", data, at)
    found = data[at + 4 : at + 4 + length]
    if len(found) < length:
        raise IndexError(f"{length} bytes announced, {len(found)} left")
    return zlib.decompress(found[4:]) if packed else found


READERS = {".rcc": _qt_resources, ".pk3": _zip_members}
