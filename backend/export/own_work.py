"""The user's own work as an export shows it: a snapshot that any thread may read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from backend.store.clip_key import clip_key
from backend.store.clips import ClipTable
from backend.store.features import Columns
from backend.store.notes.columns import note_columns
from backend.store.notes.notes import Notes
from backend.store.notes.records import ClipNote, FeatureNote


@dataclass(frozen=True)
class OwnWork:
    """What was noted of one SAE's features, and the list that is exported, if it is one.

    Attributes
    ----------
    features : mapping of feature to FeatureNote
    clips : mapping of feature to mapping of `clip_key` to ClipNote
    list_name : str
    entries : mapping of feature to (order in the list from 1, note)
        In the list's order; features of other SAEs are counted in the order and left out here.
    """

    features: Mapping[int, FeatureNote] = field(default_factory=dict)
    clips: Mapping[int, Mapping[str, ClipNote]] = field(default_factory=dict)
    list_name: str = ""
    entries: Mapping[int, tuple[int, str]] = field(default_factory=dict)

    @classmethod
    def of(cls, notes: Notes, sae: str, list_key: str = "") -> OwnWork:
        """Read it; call this in the thread of `notes`.

        Parameters
        ----------
        sae : str
            `sae_key`.
        list_key : str
            Of the list whose order and notes are told; "" for none.
        """
        features, clips = notes.features(sae), notes.all_clip_notes(sae)
        if not list_key:
            return cls(features, clips)
        entries = enumerate(notes.entries(list_key), start=1)
        ordered = {one.feature: (place, one.note) for place, one in entries if one.sae == sae}
        return cls(features, clips, notes.find_list(list_key).name, ordered)

    @property
    def starred(self) -> list[int]:
        """Starred features by number."""
        return sorted(k for k, one in self.features.items() if one.star)

    def columns(self, features: int) -> Columns:
        """For sorting and filtering; `note_columns`."""
        return note_columns(self.features, features)

    def of_feature(self, k: int) -> dict[str, Any]:
        """The fields of a feature's record: own_name, star, tags, note, verdict, list_name, list_order, entry_note."""
        one = self.features.get(k, FeatureNote(k))
        order, entry_note = self.entries.get(k, (None, ""))
        return {
            "own_name": one.name,
            "star": one.star,
            "tags": one.tag_text.split(", ") if one.tags else [],
            "note": one.note,
            "verdict": one.verdict,
            "list_name": self.list_name if order is not None else "",
            "list_order": order,
            "entry_note": entry_note,
        }

    def of_clip(self, k: int, table: ClipTable, clip: int) -> dict[str, Any]:
        """The fields of a listed clip: thumb, rating, comment, and what others said, None if nobody did."""
        one = self.clips.get(k, {}).get(clip_key(table[clip]), ClipNote())
        others = {
            author: {"thumb": mark.thumb, "rating": mark.rating, "comment": mark.comment}
            for author, mark in sorted(one.others.items())
        }
        return {"thumb": one.thumb, "rating": one.rating, "comment": one.comment, "judged_by_others": others or None}
