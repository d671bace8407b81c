"""The recorded material of the built-in model: `recordings.jsonl` from the unpacked packages."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from backend.audio.datasets.walk import files_below
from backend.builtin.examples import Recording, write_rows
from backend.builtin.labels import Description, Labels
from backend.builtin.listen import Heard, listen
from backend.builtin.splits import divide, joined, near_copies
from backend.errors import ArdError
from backend.store.clips import tie_id
from backend.study.atomic import read_json, write_json, write_text
from backend.study.fingerprint import file_hash, fingerprint

VERSION = 1
"""Raised when the same files and taxonomy would give other recordings."""

SILENT = 10 ** (-60 / 20)
"""Peak of a sample below which a file counts as silent: -60 dBFS."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Found:
    """A file that the taxonomy names."""

    id: str
    source: str
    path: Path
    known: Description


@dataclass
class Summary:
    """What `build_recordings` wrote; counts of recordings.

    Attributes
    ----------
    counts : dict
        "category / split / source" to number.
    shippable : dict
        "category / split" to number, held-out and unseen-source ones that may be shipped.
    left_out : dict
        "source / reason" to number of files.
    """

    recordings: int = 0
    hours: float = 0.0
    counts: dict[str, int] = field(default_factory=dict)
    shippable: dict[str, int] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)


def build_recordings(work: Path, labels: Labels, say: Say = print) -> Summary:
    """Write ``work/recordings.jsonl`` and ``work/recordings.json`` (the summary) from ``work/sources``.

    Every package of the taxonomy must be there. Files are left out, and counted by reason, where no rule names
    them, copies carry different labels, they cannot be decoded, are silent, too short or too long, a
    label has reached its limit, or they are a version of a recording of an unseen source. What was decoded once
    is kept in ``work/heard.jsonl`` and not decoded again, so that a corrected label costs seconds.
    Nothing is done if the summary is there and was made from the same files and taxonomy.

    Raises
    ------
    ArdError
        If a package is missing, its sounds are not where the taxonomy says, or nothing is left.
    """
    left: Counter[str] = Counter()
    found = [one for name in sorted(labels.notes) for one in _files(work / "sources" / name, labels, left)]
    inputs = fingerprint([VERSION, asdict(labels.split), [[one.id, asdict(one.known)] for one in found]])
    summary = work / "recordings.json"
    if summary.exists() and (work / "recordings.jsonl").exists():
        before = read_json(summary)
        if before.pop("inputs") == inputs:
            return Summary(**before)
    found = _limited(_without_copies(found, left), labels, left)
    heard = _heard(work / "heard.jsonl", found, say)
    usable = {one.id: sound for one in found if (sound := _usable(heard[one.id], one, labels, left))}
    found = _without_equal_sounds([one for one in found if one.id in usable], usable, left)
    rows = _divided(found, usable, labels, work, left)
    if not rows:
        raise ArdError("none of the packages has a sound that the taxonomy names", path=work / "sources")
    write_rows(work / "recordings.jsonl", rows)
    result = _summary(rows, left)
    write_json(summary, {"inputs": inputs, **asdict(result)})
    return result


def _files(package: Path, labels: Labels, left: Counter[str]) -> Iterable[Found]:
    folder = labels.folder(package)
    if not folder.is_dir():
        raise ArdError(
            f"the sounds of the package {package.name} are not there", path=folder, todo="Fetch the sources again."
        )
    for name in files_below(folder):
        path = folder / name
        known = None if path.is_symlink() else labels.describe(package, name)
        if known is None:
            left[f"{package.name} / {'link' if path.is_symlink() else 'no rule'}"] += 1
        else:
            yield Found(f"{package.name}/{name}", package.name, path, known)


def _without_copies(found: list[Found], left: Counter[str]) -> list[Found]:
    """One of each file content, none where copies are said to be different things; reads files of equal size only."""
    sizes = {one.id: one.path.stat().st_size for one in found}
    shared = Counter(sizes.values())
    contents: dict[str, list[Found]] = defaultdict(list)
    for one in found:
        contents[file_hash(one.path) if shared[sizes[one.id]] > 1 else one.id].append(one)
    return _one_each(contents.values(), "copy", left)


def _without_equal_sounds(found: list[Found], heard: dict[str, Heard], left: Counter[str]) -> list[Found]:
    sounds: dict[str, list[Found]] = defaultdict(list)
    for one in found:
        sounds[heard[one.id].sound].append(one)
    return _one_each(sounds.values(), "same samples", left)


def _one_each(copies: Iterable[list[Found]], reason: str, left: Counter[str]) -> list[Found]:
    kept = []
    for same in copies:
        if len({(one.known.label, one.known.phrase) for one in same}) > 1:
            left.update(f"{one.source} / {reason} under different labels" for one in same)
            continue
        left.update(f"{one.source} / {reason}" for one in same[1:])
        kept.append(same[0])
    return kept


def _limited(found: list[Found], labels: Labels, left: Counter[str]) -> list[Found]:
    """At most `labels.most` recordings of a label and source, those whose ids have the smallest hashes."""
    by_label: dict[tuple[str, str, str], list[Found]] = defaultdict(list)
    for one in found:
        by_label[one.source, one.known.category, one.known.label].append(one)
    kept = []
    for (source, category, _), members in by_label.items():
        most = labels.most.get(category, len(members))
        kept += sorted(members, key=lambda one: tie_id(one.id))[:most]
        left[f"{source} / over the limit of its label"] += max(0, len(members) - most)
    return sorted(kept, key=lambda one: one.id)


def _heard(path: Path, found: list[Found], say: Say) -> dict[str, Heard | None]:
    """What decoding tells of each file, None where it fails; from `path` where the file has not changed since."""
    before = _read_heard(path)
    stamps = {one.id: [one.path.stat().st_size, one.path.stat().st_mtime_ns] for one in found}
    known = {one.id: before[one.id][1] for one in found if one.id in before and before[one.id][0] == stamps[one.id]}
    missing = [one for one in found if one.id not in known]
    if missing:
        say(f"listening to {len(missing)} recordings")
    for count, one in enumerate(missing, 1):
        try:
            known[one.id] = listen(one.path)
        except ArdError:
            known[one.id] = None
        if count % 1000 == 0 or count == len(missing):
            say(f"{count} of {len(missing)}")
            _write_heard(path, stamps, known)
    return known


def _read_heard(path: Path) -> dict[str, tuple[list[int], Heard | None]]:
    if not path.exists():
        return {}
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return {row["id"]: (row["stamp"], Heard(**row["heard"]) if row["heard"] else None) for row in rows}


def _write_heard(path: Path, stamps: dict[str, list[int]], heard: dict[str, Heard | None]) -> None:
    rows = [{"id": id_, "stamp": stamps[id_], "heard": one and asdict(one)} for id_, one in heard.items()]
    write_text(path, "".join(json.dumps(row) + "\n" for row in rows))


def _usable(heard: Heard | None, one: Found, labels: Labels, left: Counter[str]) -> Heard | None:
    """`heard` if the file can be decoded, sounds, and is neither too short nor too long; the reason is counted."""
    limits = labels.taxonomy
    reason = ""
    if heard is None:
        reason = "cannot be decoded"
    elif heard.peak < SILENT:
        reason = "silent"
    elif heard.duration < limits.shortest:
        reason = "too short"
    elif heard.duration > limits.longest:
        reason = "too long"
    if reason:
        left[f"{one.source} / {reason}"] += 1
        return None
    return heard


def _divided(
    found: list[Found], heard: dict[str, Heard], labels: Labels, work: Path, left: Counter[str]
) -> list[Recording]:
    """Recordings with group and split; versions of recordings of unseen sources are left out."""
    sketches = np.array([np.frombuffer(bytes.fromhex(heard[one.id].sketch), np.int8) for one in found])
    durations = np.array([heard[one.id].duration for one in found])
    groups = joined([one.known.group for one in found], near_copies(sketches, durations) if found else [])
    unseen = [labels.notes[one.source].unseen for one in found]
    taboo = {group for group, apart in zip(groups, unseen, strict=True) if apart}
    kept = []
    for one, group, apart in zip(found, groups, unseen, strict=True):
        if group in taboo and not apart:
            left[f"{one.source} / version of a recording of an unseen source"] += 1
        else:
            kept.append((one, group, apart))
    known = [(one, group) for one, group, apart in kept if not apart]
    splits = divide(
        [group for _, group in known],
        [(one.known.category, one.known.label) for one, _ in known],
        [one.known.shippable for one, _ in known],
        labels.split,
    )
    return [
        Recording(
            id=one.id,
            path=one.path.relative_to(work).as_posix(),
            source=one.source,
            duration=heard[one.id].duration,
            sound=heard[one.id].sound,
            split="unseen_source" if apart else splits[group],
            **{**asdict(one.known), "group": group},
        )
        for one, group, apart in kept
    ]


def _summary(rows: list[Recording], left: Counter[str]) -> Summary:
    free = [row for row in rows if row.shippable and row.split in ("held_out", "unseen_source")]
    return Summary(
        recordings=len(rows),
        hours=round(sum(row.duration for row in rows) / 3600, 3),
        counts=_sorted(f"{row.category} / {row.split} / {row.source}" for row in rows),
        shippable=_sorted(f"{row.category} / {row.split}" for row in free),
        left_out={reason: count for reason, count in sorted(left.items()) if count},
    )


def _sorted(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))
