"""A look at a data set before it is used: what there is to choose from, and a few clips to listen to.

Names and tables are read whole; headers only of a sample, so that a folder of 100,000 files is previewed in seconds.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from backend.audio.datasets.base import DATASETS
from backend.audio.datasets.choice import Choice
from backend.audio.datasets.read import complete
from backend.audio.probe import probe_file
from backend.audio.records import ClipRecord, Unreadable, values_of
from backend.errors import ArdError
from backend.study.settings import AudioSection

HEADERS = 500
"""Most headers that are read for counts and hours."""
TRIES = 5
"""Most headers per clip of the sample that are read to find one that can be played."""
SHOWN_FILES, SHOWN_VALUES = 20, 200
TABLES = (".csv", ".tsv", ".jsonl", ".json", ".ndjson")


@dataclass
class Preview:
    """What was found.

    Attributes
    ----------
    clips : int
        That the choice lets through, unreadable ones not counted as far as they are known.
    hours : float
        Of those; an estimate from the headers that were read unless `hours_exact`.
    headers : int
        How many were read for it.
    unreadable : int
        Files that cannot be used, among those that were looked at.
    unreadable_files : list of dict
        `path` and `reason` of the first of them.
    labels : dict of str to dict of str to int
        Label to its commonest values and their clips; of all clips, whatever is chosen.
    more_values : dict of str to int
        Label to how many values are not among them.
    splits, subsets : dict of str to int
        Clips of each, of all clips.
    manifests : list of str
        Tables directly in the folder that might be a manifest.
    sample : list of dict
        Clips to listen to, drawn with `seed`.
    problems : list of dict
        `what` and `todo`: a choice that matches nothing, or no sound.
    """

    path: str
    adapter: str
    seed: int
    clips: int = 0
    hours: float = 0.0
    hours_exact: bool = True
    headers: int = 0
    unreadable: int = 0
    unreadable_files: list[dict[str, str]] = field(default_factory=list)
    labels: dict[str, dict[str, int]] = field(default_factory=dict)
    more_values: dict[str, int] = field(default_factory=dict)
    splits: dict[str, int] = field(default_factory=dict)
    subsets: dict[str, int] = field(default_factory=dict)
    manifests: list[str] = field(default_factory=list)
    sample: list[dict[str, Any]] = field(default_factory=list)
    problems: list[dict[str, str]] = field(default_factory=list)


def preview(section: AudioSection, *, clips: int = 10, seed: int = 0, headers: int = HEADERS) -> Preview:
    """Look at the data set of an `[[audio]]` table; its path is relative to the current folder.

    Parameters
    ----------
    clips : int
        To listen to.
    seed : int
        Decides which clips those are; counts and hours do not depend on it.

    Raises
    ------
    ArdError
        If the path is not a folder, or the adapter misses a file.
    """
    root = Path(section.path).expanduser().absolute()
    if not root.is_dir():
        what = "this is a file, not a folder" if root.exists() else "there is no such folder"
        raise ArdError(what, path=root, todo="Give the folder that holds the sound.")
    found = Preview(str(root), section.adapter, seed, manifests=_manifests(root))
    records, bad, choice = _records(root, section, found)
    read = _Headers(root)
    looked_at = [read(one) for one in _drawn(records, headers, seed=0)]
    bad += [one for one in looked_at if isinstance(one, Unreadable)]
    _count(found, len(records), len(looked_at), [one for one in looked_at if isinstance(one, ClipRecord)])
    found.unreadable = len(bad)
    found.unreadable_files = [{"path": one.path, "reason": one.reason} for one in bad[:SHOWN_FILES]]
    found.sample = [_told(root, one) for one in _playable(records, read, clips, seed)]
    _look_for_problems(found, root, choice, bad)
    return found


class _Headers:
    """Records completed by what their files' headers say; a file of several clips is read once."""

    def __init__(self, root: Path) -> None:
        self._probe = lru_cache(maxsize=None)(lambda name: probe_file(root / name))

    def __call__(self, record: ClipRecord) -> ClipRecord | Unreadable:
        return record if record.hash else complete(record, self._probe)


def _records(root: Path, section: AudioSection, found: Preview) -> tuple[list[ClipRecord], list[Unreadable], Choice]:
    """The chosen records and the unusable ones; what there is to choose from is counted into `found`."""
    choice, records, bad = Choice(section), [], []
    subsets: Counter[str] = Counter()
    splits: Counter[str] = Counter()
    labels: dict[str, Counter[str]] = {}
    for one in DATASETS.get(section.adapter)().records(root, section):
        if isinstance(one, Unreadable):
            bad.append(one)
            continue
        subsets[one.source] += 1
        splits[one.split] += 1
        for name, value in one.labels.items():
            labels.setdefault(name, Counter()).update(_single(value))
        if choice(one):
            records.append(one)
    found.subsets, found.splits = _named(subsets), _named(splits)
    found.labels = {name: dict(values.most_common(SHOWN_VALUES)) for name, values in sorted(labels.items())}
    found.more_values = {name: len(v) - SHOWN_VALUES for name, v in sorted(labels.items()) if len(v) > SHOWN_VALUES}
    return records, bad, choice


def _single(value: str) -> set[str]:
    """The values by which a clip can be chosen; of several joined by "," each alone."""
    return {one for one in values_of(value) if "," not in one} or {value}


def _named(counts: Counter[str]) -> dict[str, int]:
    return {name: count for name, count in sorted(counts.items()) if name}


def _drawn(records: list[ClipRecord], number: int, *, seed: int) -> list[ClipRecord]:
    """All records where they are few enough, else as many drawn at random, in a random order."""
    if len(records) <= number:
        return records
    return random.Random(seed).sample(records, number)


def _count(found: Preview, records: int, read: int, usable: list[ClipRecord]) -> None:
    """Clips and hours; where not all headers were read, all are taken to be as those that were."""
    seconds = [one.duration for one in usable if math.isfinite(one.duration)]
    mean = sum(seconds) / len(seconds) if seconds else 0.0
    found.headers = read
    found.hours_exact = read == records and len(seconds) == len(usable)
    found.clips = len(usable) if read == records else records
    share = len(usable) / read if read else 0.0
    found.hours = mean * (len(usable) if read == records else records * share) / 3600


def _playable(records: list[ClipRecord], read: _Headers, number: int, seed: int) -> list[ClipRecord]:
    """Clips to listen to; a file that cannot be decoded gives its place to another."""
    tries = random.Random(seed).sample(records, min(len(records), number * TRIES))
    usable = (one for record in tries if isinstance(one := read(record), ClipRecord))
    return [one for one, _ in zip(usable, range(number), strict=False)]


def _told(root: Path, record: ClipRecord) -> dict[str, Any]:
    return {
        "record": record.record, "path": str(root / record.path), "member": record.member, "start": record.start,
        "end": record.end, "seconds": record.duration, "sample_rate": record.sample_rate, "labels": record.labels,
        "caption": record.caption, "split": record.split,
    }  # fmt: skip


def _look_for_problems(found: Preview, root: Path, choice: Choice, bad: list[Unreadable]) -> None:
    try:
        choice.check(root)
    except ArdError as error:
        found.problems.append({"what": error.what, "todo": "Choose something that is there."})
        return
    if found.clips:
        return
    if bad:
        what = f"none of its files can be used; {bad[0].path}: {bad[0].reason}"
        found.problems.append({"what": what, "todo": "Choose another folder, or convert the files to flac or wav."})
    else:
        todo = "Choose a folder that holds wav, flac, ogg, opus, mp3, aiff or au files."
        found.problems.append({"what": "there is no sound in this folder", "todo": todo})


def _manifests(root: Path) -> list[str]:
    found = sorted(one.name for one in root.iterdir() if one.suffix.lower() in TABLES and not one.name.startswith("."))
    return found[:SHOWN_FILES]
