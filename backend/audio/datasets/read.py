"""Read one `[[audio]]` table: adapter, header facts, hash, and the choice of subset, split and labels."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from backend.audio.datasets.base import DATASETS
from backend.audio.datasets.choice import Choice
from backend.audio.probe import Probe
from backend.audio.records import ClipRecord, Unreadable
from backend.errors import ArdError
from backend.study.fingerprint import fingerprint
from backend.study.settings import AudioSection

Prober = Callable[[str], Probe]


def dataset_root(section: AudioSection, study: Path) -> Path:
    """Folder of the data set; a relative path is relative to the study."""
    path = Path(section.path).expanduser()
    return path if path.is_absolute() else (study / path).resolve()


def read(root: Path, section: AudioSection, probe: Prober) -> Iterator[ClipRecord | Unreadable]:
    """Every clip of one data set that `subset`, `split` and `labels` let through, complete but not decoded.

    Parameters
    ----------
    root : Path
        Folder the paths are relative to.
    probe : callable
        Header and hash of a file by its relative path (`probe_file`, or a cache of it).

    Raises
    ------
    ArdError
        If the folder or an expected file is missing, or `subset`, `split` or `labels` names something that
        the data set does not have.
    """
    if not root.is_dir():
        raise ArdError(
            "the folder of a data set is not there", path=root, todo="Correct its path in study.toml, or mount it."
        )
    adapter = DATASETS.get(section.adapter)()
    choice = Choice(section)
    for found in adapter.records(root, section):
        if isinstance(found, Unreadable):
            yield found
        elif choice(found):
            yield found if found.hash else complete(found, probe)
    choice.check(root)


def complete(record: ClipRecord, probe: Prober) -> ClipRecord | Unreadable:
    """The record with what the file's header says, or the reason why it cannot be used."""
    fact = probe(record.path)
    if fact.reason:
        return Unreadable(record.path, fact.reason)
    start, end = record.start, record.end
    if not math.isfinite(start) or start < 0 or end <= start:
        return Unreadable(record.path, f"start {start:g} s and end {end:g} s are not a part of a file")
    if start >= fact.duration:
        return Unreadable(record.path, f"starts at {start:g} s, but the file has only {fact.duration:.2f} s")
    stop = fact.duration if math.isnan(end) else min(end, fact.duration)
    if math.isnan(stop):
        stop = end
    return replace(
        record,
        duration=stop - start,
        sample_rate=fact.sample_rate,
        channels=fact.channels,
        hash=clip_hash(fact.hash, start, end),
    )


def clip_hash(file_hash: str, start: float, end: float) -> str:
    """Identity of a clip: its file's hash (design §3), with start and end where it is only a part of it.

    Without the times, all segments of one recording would count as copies of one another (A-23).
    """
    if start == 0 and math.isnan(end):
        return file_hash
    return fingerprint([file_hash, start, None if math.isnan(end) else end])
