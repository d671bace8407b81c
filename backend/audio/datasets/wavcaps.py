"""WavCaps: captions in JSON, sound in archives or unpacked (D-1, C3)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from backend.audio.content import open_zip
from backend.audio.datasets import tables
from backend.audio.datasets.base import DATASETS, Adapter, expected
from backend.audio.datasets.walk import files_below
from backend.audio.formats import is_decoded
from backend.audio.records import ClipRecord, Unreadable
from backend.errors import ArdError
from backend.study.fingerprint import fingerprint
from backend.study.settings import AudioSection

JSON = {
    "AudioSet_SL": ("as_final.json",),
    "BBC_Sound_Effects": ("bbc_final.json",),
    "FreeSound": ("fsd_final.json", "fsd_final_2s.json"),
    "SoundBible": ("sb_final.json",),
}
"""Table of each source; of several names the first that is there is read."""

LICENCE = "WavCaps: academic use only"
LABELS = ("title", "category", "tags", "author", "href", "description")


@DATASETS.register("wavcaps")
class WavCaps(Adapter):
    """`subset` chooses sources; the AR&D paper's is AudioSet_SL alone (C3).

    Sound is matched by stem: the tables say "Y….wav" where the file is "Y….flac", and archive
    members carry a long prefix. A clip inside an archive gets its duration from the table and its
    hash from the archive's directory (size and CRC-32), so that nothing is unpacked for the index.
    """

    tables = frozenset({".json", ".zip"})

    def files(self, root: Path, section: AudioSection) -> Iterator[str]:
        """Files of the chosen sources alone: the others may be hundreds of gigabytes."""
        names = {f"{source}{ending}" for source in section.subset for ending in ("", "_flac")}
        for name in super().files(root, section):
            if not names or names & set(PurePosixPath(name).parts):
                yield name

    def records(self, root: Path, section: AudioSection) -> Iterator[ClipRecord | Unreadable]:
        folder = expected(root / "json_files", "WavCaps")
        chosen = [name for name in JSON if name in section.subset] if section.subset else _present(folder)
        if not section.subset and not chosen:
            expected(folder / "AudioSet_SL" / "as_final.json", "WavCaps")
        for source in chosen:
            path = _table(folder, source)
            entries = tables.read_json_file(path)
            rows = entries.get("data") if isinstance(entries, dict) else None
            if not isinstance(rows, list):
                raise ArdError('this WavCaps table has no list "data"', path=path, todo="Download it again.")
            sound = _sound(root, source)
            for row in sorted(rows, key=lambda row: str(row.get("id", ""))):
                yield _record(source, row, sound, path.name)


def _present(folder: Path) -> list[str]:
    return [source for source, names in JSON.items() if any((folder / source / name).exists() for name in names)]


def _table(folder: Path, source: str) -> Path:
    found = [folder / source / name for name in JSON[source] if (folder / source / name).exists()]
    return found[0] if found else expected(folder / source / JSON[source][0], "WavCaps")


def _sound(root: Path, source: str) -> dict[str, ClipRecord]:
    """Stem to (path, member, hash) of every sound file of one source, as records without a table."""
    places = [
        root / "Zip_files" / source,
        root / "waveforms" / f"{source}_flac",
        root / f"{source}_flac",
        root / source,
    ]
    folder = next((place for place in places if place.is_dir()), None)
    if folder is None:
        raise ArdError(
            f"the sound of the WavCaps source {source} is missing",
            path=places[0],
            todo="Download Zip_files of that source, or leave it out with `subset`.",
        )
    prefix = folder.relative_to(root).as_posix()
    names = list(files_below(folder, {".zip"}))
    found: dict[str, ClipRecord] = {}
    for name in names:
        if is_decoded(name):
            found.setdefault(_stem(name), ClipRecord("", f"{prefix}/{name}"))
    for name in names:
        archive = folder / name
        # What is unpacked already makes the parts of a split archive beside it superfluous.
        if archive.suffix.lower() == ".zip" and not (found and archive.with_suffix(".z01").exists()):
            for member in open_zip(archive).infolist():
                if is_decoded(member.filename):
                    digest = fingerprint([member.file_size, member.CRC])
                    record = ClipRecord("", f"{prefix}/{name}", member=member.filename, hash=digest)
                    found.setdefault(_stem(member.filename), record)
    return found


def _stem(name: str) -> str:
    return PurePosixPath(name).stem


def _record(source: str, row: dict[str, Any], sound: dict[str, ClipRecord], table: str) -> ClipRecord | Unreadable:
    name = str(row.get("id", ""))
    key = name if name in sound else _stem(name)
    if key not in sound:
        return Unreadable(f"{source}/{name}", f"{table} names it, but no sound file of that name is there")
    where = sound[key]
    duration = row.get("duration")
    return ClipRecord(
        record=f"{source}/{key}",
        path=where.path,
        member=where.member,
        hash=where.hash,
        duration=float(duration) if isinstance(duration, (int, float)) else float("nan"),
        labels={label: text for label in LABELS if (text := tables.joined(row.get(label)))},
        caption=tables.joined(row.get("caption")),
        licence=LICENCE,
        source=source,
    )
