"""Build the walkthrough's clip manifest from unpacked Debian sound packages."""

from __future__ import annotations

import json
import os
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backend.audio.datasets.walk import files_below
from backend.audio.probe import probe_file
from backend.audio.taxonomy import Leaf, PackageRules, Taxonomy, taxonomy
from backend.errors import ArdError
from backend.store.clips import tie_id
from backend.study.atomic import write_text
from backend.study.fingerprint import file_hash

Row = dict[str, Any]


@dataclass
class Summary:
    """What `build_corpus` wrote.

    Attributes
    ----------
    base : str
        Folder the manifest's paths are relative to: `path` of its `[[audio]]` table.
    left_out : dict
        Reason to number of files: no rule, copy, too short, over the limit …
    """

    base: str
    clips: int = 0
    seconds: float = 0.0
    packages: dict[str, int] = field(default_factory=dict)
    categories: dict[str, int] = field(default_factory=dict)
    labels: dict[str, int] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)


def build_corpus(roots: list[Path], out: Path, *, per_label: int = 0) -> Summary:
    """Write a JSONL manifest for the `folder` adapter from unpacked packages.

    Parameters
    ----------
    roots : list of Path
        Unpacked packages (folders named as the package, with `usr` inside), or folders of them.
    out : Path
        The manifest: path, source (package), speaker, licence, duration and the labels category,
        label (leaf of the taxonomy; for speech, language and voice) and language.
    per_label : int
        Most clips of one label, the same ones every time; 0 for all.

    Byte-identical files appear once, under the first path in order, and not at all where their labels
    differ. Linked files are left out: in these packages they are second names of the same prompt.

    Raises
    ------
    ArdError
        If a root is not such a folder, a package has no rules, or nothing is left.
    """
    packages = sorted({package.resolve() for root in roots for package in _packages(root)})
    base = Path(os.path.commonpath([package.parent for package in packages]))
    left: Counter[str] = Counter()
    rows = [row for package in packages for row in _rows(package, base, taxonomy(), left)]
    rows = _limited(_without_copies(rows, base, left), per_label, left)
    if not rows:
        raise ArdError("none of these packages has a sound that the taxonomy names", path=roots[0])
    write_text(out, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    return _summary(rows, base, left)


def _packages(root: Path) -> list[Path]:
    if (root / "usr").is_dir():
        taxonomy().rules(root.resolve().name)
        return [root]
    if not root.is_dir():
        raise ArdError("this folder is not there", path=root, todo="Unpack packages first: ard build-corpus --fetch")
    found = [one for one in sorted(root.iterdir()) if one.name in taxonomy().packages and (one / "usr").is_dir()]
    if not found:
        raise ArdError(
            "this is neither an unpacked package nor a folder of unpacked packages",
            path=root,
            todo=f"Unpack one of: {', '.join(sorted(taxonomy().packages))}.",
        )
    return found


def _rows(package: Path, base: Path, rules: Taxonomy, left: Counter[str]) -> list[Row]:
    own: PackageRules = rules.rules(package.name)
    folder = package / own.folder
    if not folder.is_dir():
        raise ArdError(f"the package {package.name} lacks its folder of sounds", path=folder, todo="Unpack it again.")
    rows = []
    for name in files_below(folder):
        path = folder / name
        if path.is_symlink():
            left["link"] += 1
            continue
        leaf = own.leaf(name)
        if leaf is None:
            left["no rule"] += 1
            continue
        fact = probe_file(path)
        if fact.reason:
            left["unreadable"] += 1
        elif not rules.shortest <= fact.duration:
            left["too short"] += 1
        elif fact.duration > rules.longest:
            left["too long"] += 1
        else:
            rows.append(_row(path.relative_to(base).as_posix(), package.name, own, leaf, fact.duration))
    return rows


def _row(path: str, package: str, own: PackageRules, leaf: Leaf, duration: float) -> Row:
    labels = {"category": leaf.category, "label": leaf.label}
    speech = leaf.category == "speech"
    if speech:
        labels["language"] = leaf.language
    labels.update({key: value for key, value in leaf.groups.items() if key in ("prompt", "word")})
    return {
        "path": path,
        "source": package,
        "speaker": leaf.speaker if speech else "",
        "licence": own.licence,
        "duration": round(duration, 4),
        "labels": labels,
    }


def _without_copies(rows: list[Row], base: Path, left: Counter[str]) -> list[Row]:
    """One row for each file content; none where copies carry different labels, because no one knows which is right.

    Only files of equal size are read.
    """
    sizes = [(base / row["path"]).stat().st_size for row in rows]
    shared = Counter(sizes)
    contents: dict[str, list[Row]] = defaultdict(list)
    for row, size in zip(rows, sizes, strict=True):
        contents[file_hash(base / row["path"]) if shared[size] > 1 else row["path"]].append(row)
    kept = []
    for copies in contents.values():
        if len({row["labels"]["label"] for row in copies}) > 1:
            left["copies of different labels"] += len(copies)
            continue
        left["copy"] += len(copies) - 1
        kept.append(copies[0])
    return kept


def _limited(rows: list[Row], per_label: int, left: Counter[str]) -> list[Row]:
    """At most `per_label` rows of a label, those with the smallest hash of their path."""
    if not per_label:
        return rows
    by_label: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        by_label[row["labels"]["label"]].append(row)
    chosen = {
        row["path"] for group in by_label.values() for row in sorted(group, key=lambda r: tie_id(r["path"]))[:per_label]
    }
    left["over the limit"] += len(rows) - len(chosen)
    return [row for row in rows if row["path"] in chosen]


def _summary(rows: list[Row], base: Path, left: Counter[str]) -> Summary:
    return Summary(
        base=str(base),
        clips=len(rows),
        seconds=round(sum(row["duration"] for row in rows), 1),
        packages=dict(Counter(row["source"] for row in rows)),
        categories=dict(Counter(row["labels"]["category"] for row in rows)),
        labels=dict(Counter(row["labels"]["label"] for row in rows).most_common()),
        left_out={reason: count for reason, count in left.items() if count},
    )
