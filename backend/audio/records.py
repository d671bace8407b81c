"""What an adapter says about one clip, before any audio is decoded."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ClipRecord:
    """One clip of a data set (requirements §4).

    Attributes
    ----------
    record : str
        Stable id inside the data set, e.g. its relative path; ties are broken by its hash (A-24).
    path : str
        Relative to the data set's root, "/" as separator.
    member : str
        Name inside an archive or row of a parquet file; empty for a plain file.
    start, end : float
        Seconds inside the file; `end` is NaN for "to its end".
    duration : float
        Seconds, from the file's header or the data set's own table; NaN if unknown until decoded.
    labels : dict
        Named labels; values are strings, several values are joined by ",".
    """

    record: str
    path: str
    member: str = ""
    start: float = 0.0
    end: float = float("nan")
    duration: float = float("nan")
    labels: dict[str, str] = field(default_factory=dict)
    caption: str = ""
    split: str = ""
    speaker: str = ""
    licence: str = ""
    source: str = ""
    sample_rate: int = 0
    channels: int = 0
    hash: str = ""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file that was found and cannot be used, with the reason shown in `ard status`."""

    path: str
    reason: str


def values_of(label: str) -> frozenset[str]:
    """What counts as a label's value: its text, and each of several that are joined by ","; empty without a text."""
    return frozenset((label, *label.split(","))) - {""}
