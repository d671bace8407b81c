"""Clips to leave out: a list of record ids, or a data set's blacklist (C4, D-1)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from backend.audio.datasets import tables
from backend.audio.datasets.base import expected
from backend.audio.records import ClipRecord
from backend.errors import ArdError
from backend.study.fingerprint import file_hash
from backend.study.folder import Study
from backend.study.settings import Settings


@dataclass(frozen=True)
class Exclusion:
    """Tells which records are left out.

    Attributes
    ----------
    records : frozenset of str
        Record ids, from a text file.
    stems : dict of str to frozenset of str
        Beginning of a source's name to the stems of its ids, from a WavCaps blacklist:
        ``{"AudioSet": ["Yabc.wav", …]}`` concerns the source AudioSet_SL.
    hash : str
        Of the file; empty if there is none.
    """

    records: frozenset[str] = frozenset()
    stems: tuple[tuple[str, frozenset[str]], ...] = ()
    hash: str = ""

    def __call__(self, record: ClipRecord) -> bool:
        if record.record in self.records:
            return True
        stem = PurePosixPath(record.record).stem
        return any(record.source.startswith(source) and stem in stems for source, stems in self.stems)


def exclusion(study: Study, settings: Settings) -> Exclusion:
    """The exclusion of `clips.exclude`, a path relative to the study; ArdError if it cannot be read.

    A text file holds one record id a line ("#" starts a comment line); a .json file is a blacklist.
    """
    if not settings.clips.exclude:
        return Exclusion()
    path = expected(study.root / Path(settings.clips.exclude).expanduser(), "study")
    digest = file_hash(path)
    if path.suffix.lower() != ".json":
        lines = (line.strip() for line in tables.read_text(path).splitlines())
        return Exclusion(frozenset(line for line in lines if line and not line.startswith("#")), hash=digest)
    lists = tables.read_json_file(path)
    if not isinstance(lists, dict) or not all(isinstance(ids, list) for ids in lists.values()):
        raise ArdError(
            "a blacklist maps sources to lists of ids", path=path, todo='Write it as {"AudioSet": ["Yabc.wav"]}.'
        )
    stems = tuple(
        (str(source), frozenset(PurePosixPath(str(name)).stem for name in ids)) for source, ids in lists.items()
    )
    return Exclusion(stems=stems, hash=digest)
