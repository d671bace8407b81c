"""The clips that ship with the built-in model: held-out recordings that may be passed on, balanced over categories."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from backend.builtin.examples import CATEGORIES, RATE, Recording
from backend.errors import ArdError
from backend.store.clips import tie_id
from backend.study.atomic import write_text

MANIFEST, CREDITS = "clips.jsonl", "CREDITS.md"
HEAD = """# Credits

Every clip, its author, licence and source.

| file | author | licence | source |
|---|---|---|---|
"""
KEPT = ("language", "sex", "voice", "family", "text", "pitch", "rate")
Samples = npt.NDArray[np.float32]


@dataclass(frozen=True)
class ClipChoice:
    """How many clips and how long.

    Attributes
    ----------
    per_category : int
        At most; a category with fewer shippable held-out recordings gives what it has.
    per_label : int
        At most, so that a category is not one sound.
    shortest, longest : float
        Seconds; a longer recording is cut to its first `longest` seconds.
    """

    per_category: int = 40
    per_label: int = 8
    shortest: float = 1.0
    longest: float = 6.0


def choose_clips(recorded: Sequence[Recording], rendered: Sequence[Recording], choice: ClipChoice) -> list[Recording]:
    """Shippable recordings outside the training split, labels taken in turn, the same ones every time.

    First come recordings of known sources, then those of other sources, and only then rendered ones.

    Raises ArdError if a category has none.
    """
    chosen = []
    for category in CATEGORIES:
        ranks = [
            [one for one in some if one.split == split and one.category == category]
            for some in (recorded, rendered)
            for split in ("held_out", "unseen_source")
        ]
        ordered = _few_of_each([one for rank in ranks for one in _in_turn(rank, choice)], choice.per_label)
        if not ordered:
            raise ArdError(f"no held-out recording of the category '{category}' may be shipped")
        chosen += ordered[: choice.per_category]
    return chosen


def _few_of_each(recordings: Sequence[Recording], most: int) -> list[Recording]:
    """The first `most` of each label, in order."""
    seen: Counter[str] = Counter()
    found = []
    for one in recordings:
        seen[one.label] += 1
        if seen[one.label] <= most:
            found.append(one)
    return found


def _in_turn(recordings: Sequence[Recording], choice: ClipChoice) -> list[Recording]:
    """Those that may be shipped, one of each label after another."""
    by_label: dict[str, list[Recording]] = defaultdict(list)
    for one in recordings:
        if one.shippable and one.duration >= choice.shortest:
            by_label[one.label].append(one)
    turns = [sorted(by_label[label], key=lambda r: tie_id(r.id)) for label in sorted(by_label, key=tie_id)]
    return [turn[i] for i in range(max(map(len, turns), default=0)) for turn in turns if i < len(turn)]


def write_clips(
    folder: Path, chosen: Sequence[Recording], samples: Callable[[Recording], Samples], choice: ClipChoice
) -> int:
    """Replace `folder` by FLAC files, `clips.jsonl` for the folder adapter, and `CREDITS.md`; returns the bytes of the
    sound.

    Parameters
    ----------
    samples : function
        Mono float32 at `RATE` of a recording.
    """
    shutil.rmtree(folder, ignore_errors=True)
    rows, credits_, size = [], [], 0
    for one in chosen:
        sound = samples(one)[: round(choice.longest * RATE)]
        path = folder / one.category / f"{_slug(one)}.flac"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, _faded(sound), RATE, subtype="PCM_16")
        size += path.stat().st_size
        name = path.relative_to(folder).as_posix()
        rows.append(_row(name, one))
        credits_.append(f"| {name} | {one.author or 'see source'} | {one.licence} | {one.id} |")
    write_text(folder / MANIFEST, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    write_text(folder / CREDITS, HEAD + "\n".join(credits_) + "\n")
    return size


def _row(name: str, one: Recording) -> dict[str, object]:
    labels = {"category": one.category, "label": one.label}
    labels |= {key: value for key, value in one.attributes.items() if key in KEPT}
    return {
        "path": name, "labels": labels, "caption": one.phrase, "speaker": one.attributes.get("voice", ""),
        "licence": one.licence, "source": one.source,
    }  # fmt: skip


def _slug(one: Recording) -> str:
    """A readable name with a few digits of the recording's own hash, so that no two meet."""
    return f"{re.sub(r'[^a-z0-9]+', '-', one.label.lower()).strip('-')}-{tie_id(one.id) % 16**6:06x}"


def _faded(sound: Samples, seconds: float = 0.01) -> Samples:
    """Without a click where the recording was cut."""
    out, count = sound.copy(), min(len(sound) // 2, round(seconds * RATE))
    if count:
        out[-count:] *= np.linspace(1, 0, count, dtype=np.float32)
    return out
