"""The clips of a plan, and which part each belongs to (S-45, S-46)."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Literal

from backend.audio.datasets.read import dataset_root, read
from backend.audio.probe import probe_file
from backend.audio.records import ClipRecord, Unreadable
from backend.errors import ArdError
from backend.steer.hallucination.plan import ClipSet, NonSpeech, Plan, Speech
from backend.store.clips import Clip

Part = Literal["train", "selection", "test"]


@dataclass(frozen=True)
class Item:
    """One clip of the measurement.

    Attributes
    ----------
    set : str
        Name of its set; `text` is what is said, "" for non-speech.
    group : str
        Clips of one group are in one part.
    """

    clip: Clip
    set: str
    speech: bool
    text: str
    group: str
    part: Part = "test"

    @property
    def key(self) -> str:
        """Identity of its audio: the clip's hash, which knows start and end."""
        return self.clip.hash


@dataclass(frozen=True)
class Items:
    """All clips of a plan, and how many were left out for which reason."""

    items: tuple[Item, ...]
    left_out: dict[str, int]

    def of(self, part: Part | None = None, *, speech: bool | None = None, name: str = "all") -> list[Item]:
        """Those of a part, of speech or not, of one set or all."""
        return [
            one for one in self.items
            if part in (None, one.part) and speech in (None, one.speech) and name in ("all", one.set)
        ]  # fmt: skip

    def counts(self) -> dict[str, dict[str, int]]:
        """Clips by set and part."""
        found: dict[str, Counter[str]] = defaultdict(Counter)
        for one in self.items:
            found[one.set][one.part] += 1
        return {name: dict(parts) for name, parts in found.items()}


def read_items(plan: Plan, folder: Path, window_seconds: float) -> Items:
    """Every clip of the plan in a part of its own.

    Left out, and counted: files that cannot be read, excluded labels, speech without text or longer than the model's
    window (its text would say more than is heard), and audio that was already listed.

    Raises ArdError if a data set is not there, or a set or a part has no clips.
    """
    left: Counter[str] = Counter()
    seen: set[str] = set()
    found: list[Item] = []
    for section in (*plan.non_speech, plan.speech):
        chosen = limited(_set(section, folder, window_seconds, left, seen), section.limit, plan.shares.seed)
        if not chosen:
            raise ArdError(
                f"the set '{section.name}' has no clip that can be used (left out: {dict(left) or 'none'})",
                path=dataset_root(section, folder), todo="Correct its path, manifest, labels or texts in the plan.",
            )  # fmt: skip
        shares = plan.shares
        if isinstance(section, Speech):
            parts: list[tuple[Part, float]] = [("selection", shares.speech_selection), ("test", 1.0)]
        else:
            parts = [("train", shares.train), ("selection", shares.selection), ("test", 1.0)]
        found += divide(chosen, parts, shares.seed)
    items = Items(tuple(found), dict(left))
    needed: list[tuple[Part, bool]] = [
        ("train", False), ("selection", False), ("test", False), ("selection", True), ("test", True),
    ]  # fmt: skip
    for part, speech in needed:
        if not items.of(part, speech=speech):
            raise ArdError(
                f"no clip is left for the {part} part of the {'speech' if speech else 'non-speech'} clips",
                todo="Give more clips, or more and smaller groups.",
            )
    return items


def divide(items: Sequence[Item], shares: Sequence[tuple[Part, float]], seed: int) -> list[Item]:
    """The same items, each group wholly in one part.

    Groups are taken in the order of a seeded hash of their names, and a part takes groups until it has its share of
    the clips; the last part takes the rest.
    """
    groups: dict[str, list[int]] = defaultdict(list)
    for number, one in enumerate(items):
        groups[one.group].append(number)
    order = sorted(groups, key=lambda name: _draw(seed, name))
    part_of: dict[int, Part] = {}
    current = filled = 0
    for name in order:
        while current < len(shares) - 1 and filled >= shares[current][1] * len(items):
            current, filled = current + 1, 0
        for number in groups[name]:
            part_of[number] = shares[current][0]
        filled += len(groups[name])
    return [replace(one, part=part_of[number]) for number, one in enumerate(items)]


def limited(items: Sequence[Item], most: int, seed: int) -> list[Item]:
    """At most `most` of the items (0 for all), those first in a seeded order of their records, as they stood."""
    if not most or len(items) <= most:
        return list(items)
    kept = sorted(range(len(items)), key=lambda i: _draw(seed, items[i].clip.record))[:most]
    return [items[i] for i in sorted(kept)]


def _draw(seed: int, name: str) -> bytes:
    return hashlib.sha256(f"{seed}/{name}".encode()).digest()


def _set(section: ClipSet, folder: Path, window: float, left: Counter[str], seen: set[str]) -> list[Item]:
    root = dataset_root(section, folder)
    found: list[Item] = []
    for record in read(root, section, lambda name: probe_file(root / name)):
        if isinstance(record, Unreadable):
            left["cannot be read"] += 1
            continue
        reason = _why_not(record, section, window, seen)
        if reason:
            left[reason] += 1
            continue
        seen.add(record.hash)
        values = {field.name: getattr(record, field.name) for field in fields(ClipRecord)}
        text = said(record, section.text) if isinstance(section, Speech) else ""
        clip = Clip(**values, index=len(found), root=str(root))
        found.append(Item(clip, section.name, isinstance(section, Speech), text, group_of(record, section.group)))
    return found


def _why_not(record: ClipRecord, section: ClipSet, window: float, seen: set[str]) -> str:
    if isinstance(section, NonSpeech):
        values = {part.strip() for value in record.labels.values() for part in value.split(",")}
        if values & set(section.exclude):
            return "speech-like label"
    elif isinstance(section, Speech):
        if not said(record, section.text):
            return "no text"
        if record.duration > window:
            return "speech longer than the window"
    return "same audio twice" if record.hash in seen else ""


def said(record: ClipRecord, where: str) -> str:
    """The clip's transcript."""
    return (record.caption if where == "caption" else record.labels.get(where, "")).strip()


def group_of(record: ClipRecord, by: str) -> str:
    """The group of a clip: the value of a label, its source or speaker; alone in its group where it has none."""
    value = {"source": record.source, "speaker": record.speaker}.get(by) or record.labels.get(by, "")
    return f"{by}={value}" if by and value else f"record={record.record}"
