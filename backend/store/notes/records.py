"""The user's own work as it is read: snapshots that never change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class FeatureNote:
    """What was noted of one feature.

    Attributes
    ----------
    name : str
        The user's own name; "" where there is none.
    verdict : str
        "monosemantic", "not monosemantic" or "".
    changed : str
        Time of the last change, UTC.
    """

    feature: int
    star: bool = False
    tags: frozenset[str] = frozenset()
    name: str = ""
    note: str = ""
    verdict: str = ""
    changed: str = ""

    @property
    def tag_text(self) -> str:
        """The tags in the order of letters, with commas."""
        return ", ".join(sorted(self.tags, key=lambda tag: (tag.casefold(), tag)))


@dataclass(frozen=True)
class Mark:
    """One person's judgement of a clip for a feature.

    Attributes
    ----------
    thumb : int
        −1 down, 0 none, 1 up.
    rating : int or None
        1 to 5.
    """

    thumb: int = 0
    rating: int | None = None
    comment: str = ""


@dataclass(frozen=True)
class ClipNote(Mark):
    """One's own judgement of a clip, and those of others.

    Attributes
    ----------
    clip : str
        `clip_key`.
    others : dict of author to Mark
    """

    clip: str = ""
    others: Mapping[str, Mark] = field(default_factory=dict)


@dataclass(frozen=True)
class FormerName:
    """One entry of a name's history; the name "" is its removal."""

    name: str
    author: str
    time: str


@dataclass(frozen=True)
class NamedList:
    """A list of features.

    Attributes
    ----------
    key : str
        Its identity; two lists may have the same name.
    entries : int
        Features in it, of every SAE.
    """

    key: str
    name: str
    description: str
    entries: int


@dataclass(frozen=True)
class Entry:
    """A feature in a list."""

    sae: str
    feature: int
    note: str = ""


@dataclass(frozen=True)
class Orphan:
    """What belongs to an SAE that is not in the study; it is kept, and moved to no other SAE.

    Attributes
    ----------
    features, clips, entries, results : int
        Features with notes, judged clips, features in lists, and saved steering results.
    """

    sae: str
    features: int
    clips: int
    entries: int
    results: int = 0
