"""Labelled clips to be asked about: a study's own, or those of any data set that ARD can read (A-54, P-8)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from random import Random

from backend.audio.datasets.read import dataset_root, read
from backend.audio.probe import probe_file
from backend.audio.records import ClipRecord, Unreadable
from backend.errors import ArdError
from backend.store.clip_key import clip_key
from backend.store.clips import Clip, ClipTable
from backend.study.settings import AudioSection

QUESTION = "question"
"""The label in which a data set has the question that belongs to a clip (P-8)."""


@dataclass(frozen=True)
class Item:
    """One labelled clip.

    Attributes
    ----------
    key : str
        `clip_key`: stands for the sound.
    group : str
        Clips of one group never stand in different parts.
    """

    clip: Clip
    key: str
    group: str

    @property
    def record(self) -> str:
        return self.clip.record

    @property
    def split(self) -> str:
        return self.clip.split

    @property
    def question(self) -> str:
        """The data set's own question about the clip, "" if it has none."""
        return self.clip.labels.get(QUESTION, "")

    def label(self, column: str) -> str:
        """ "" where the clip has no such label."""
        return self.clip.labels.get(column, "")


def study_items(table: ClipTable, group_by: str = "group") -> list[Item]:
    """The study's clips of the probing set."""
    rows = [i for i in range(len(table)) if table.probe[i]]
    return [_item(clip, group_by) for clip in table.rows(rows)]


def outside_items(section: AudioSection, study: Path, group_by: str = "group") -> tuple[list[Item], list[Unreadable]]:
    """The clips of a data set that the study need not know, and its files that cannot be used.

    Raises ArdError as `backend.audio.datasets.read`, and if nothing can be used.
    """
    root = dataset_root(section, study)
    found = list(read(root, section, lambda name: probe_file(root / name)))
    unreadable = [one for one in found if isinstance(one, Unreadable)]
    items = [_item(_clip(one, root), group_by) for one in found if isinstance(one, ClipRecord)]
    if not items:
        why = f", e.g. {unreadable[0].path}: {unreadable[0].reason}" if unreadable else ""
        raise ArdError(f"no clip of this data set can be used{why}", path=root, todo="Correct its manifest.")
    return items, unreadable


def labelled(items: Iterable[Item], column: str) -> list[Item]:
    """Those that have the label; ArdError naming the known ones if none has."""
    items = list(items)
    found = [one for one in items if one.label(column)]
    if not found:
        known = sorted({name for one in items for name in one.clip.labels})
        raise ArdError(f"no clip has the label '{column}'", todo=f"Labels are: {', '.join(known) or 'none'}.")
    return found


def asked(item: Item, prompts: Sequence[str], seed: int) -> str:
    """The instruction for a clip: one of `prompts`, drawn by seed and clip alone, so that it is the same before and
    after and for every intervention (A-54); the clip's own question where there are none.

    Raises ArdError if there is neither.
    """
    if prompts:
        return prompts[Random(f"{seed} {item.key} {item.record}").randrange(len(prompts))]
    if not item.question:
        raise ArdError(
            f"there is no question about {item.record}",
            todo=f"Give one with --prompt or --prompts, or a label '{QUESTION}' to every clip.",
        )
    return item.question


def read_prompts(path: Path) -> tuple[str, ...]:
    """The prompts in a text file, one a line; ArdError if it cannot be read or has none."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ArdError("the prompts cannot be read as UTF-8 text", path=path, todo="Save the file as UTF-8.") from error
    found = tuple(line.strip() for line in lines if line.strip())
    if not found:
        raise ArdError("this file holds no prompt", path=path, todo="Write one prompt a line.")
    return found


def _item(clip: Clip, group_by: str) -> Item:
    key = clip_key(clip)
    return Item(clip, key, clip.labels.get(group_by) or key)


def _clip(record: ClipRecord, root: Path) -> Clip:
    return Clip(**{one.name: getattr(record, one.name) for one in fields(ClipRecord)}, root=str(root))
