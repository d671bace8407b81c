"""The user's own work on a study: stars, tags, names, notes, verdicts, judged clips, lists, queries, saved results."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, Self

from backend.store.notes.changes import Change
from backend.store.notes.database import Database, ReadOnly, read_loosely
from backend.store.notes.lists import Lists
from backend.store.notes.place import Place, outside, place_of
from backend.store.notes.records import ClipNote, FeatureNote, FormerName, Mark, Orphan
from backend.store.notes.registers import by_feature
from backend.store.notes.saved_steering import COUNT, SavedSteering
from backend.study.folder import Study

Features = int | Collection[int]


class Notes(Lists, SavedSteering):
    """All that a person noted, kept under the hash of an SAE's weights and of a clip, never under a name.

    Every writing is on the disk when its method returns; it gives the `Change` that `revert` takes back, which is
    false where nothing was changed. An object belongs to the thread that opened it. Several windows and programs may
    have the same file open; `state` tells when another one has written.

    Attributes
    ----------
    path : Path
    place : str
        A sentence that says where the notes are kept.
    messages : tuple of str
        What the user must be told: that a damaged file was set aside.
    """

    def __init__(self, database: Database, author: str = "", place: str = "") -> None:
        super().__init__(database, author)
        self.path, self.place = database.path, place or f"Notes are kept in {database.path}"
        self.messages = tuple(database.messages)

    @classmethod
    def open(cls, study: Study, *, author: str = "") -> Self:
        """The notes of a study, made where there are none.

        They lie in the study, or in the user's data directory where the study cannot be written to. What was noted
        in the other of the two places is brought in.

        Raises ArdError if neither place can be written to, or the file was written by a later version of ARD.
        """
        place = place_of(study)
        try:
            notes = cls._at(place, author)
        except ReadOnly:
            place = outside(study)
            notes = cls._at(place, author)
        if place.other.is_file():
            notes.merge(read_loosely(place.other))
        return notes

    @classmethod
    def _at(cls, place: Place, author: str) -> Self:
        return cls.open_file(place.path, author=author, place=place.says)

    @classmethod
    def open_file(cls, path: Path, *, author: str = "", place: str = "") -> Self:
        """The notes in one file, made if it is not there; of a damaged file what can be read of it."""
        database = Database(path)
        notes = cls(database, author, place)
        if database.damaged:
            notes.merge(read_loosely(database.damaged))
        return notes

    @staticmethod
    def exist(study: Study) -> bool:
        """Whether anything was ever noted on this study, so that looking at it makes no file."""
        place = place_of(study)
        return place.path.is_file() or place.other.is_file()

    # Reading

    def features(self, sae: str) -> dict[int, FeatureNote]:
        """Every feature of an SAE that something is noted of."""
        with self.database.snapshot():
            fields = by_feature(
                self.database.rows("SELECT feature, field, value, time FROM feature_fields WHERE sae = ?", (sae,))
            )
            tagged = self.database.rows("SELECT feature, tag, value, time FROM feature_tags WHERE sae = ?", (sae,))
        tags = by_feature(tagged)
        # a field that was emptied again has a row still
        noted = sorted(k for of in (fields, tags) for k, one in of.items() if any(value for value, _ in one.values()))
        return {k: _feature_note(k, fields.get(k, {}), tags.get(k, {})) for k in dict.fromkeys(noted)}

    def clip_notes(self, sae: str, feature: int) -> dict[str, ClipNote]:
        """The judged clips of a feature, by `clip_key`."""
        return self._clip_notes("sae = ? AND feature = ?", (sae, feature)).get(feature, {})

    def all_clip_notes(self, sae: str) -> dict[int, dict[str, ClipNote]]:
        """The same of every feature of an SAE."""
        return self._clip_notes("sae = ?", (sae,))

    def history(self, sae: str, feature: int) -> list[FormerName]:
        """Every name the feature was given by hand, the first one first; "" where it was taken away."""
        rows = self.database.rows(
            "SELECT value, author, time FROM name_history WHERE sae = ? AND feature = ? ORDER BY time, uuid",
            (sae, feature),
        )
        return [FormerName(*row) for row in rows]

    def queries(self) -> dict[str, Any]:
        """Saved queries by name."""
        rows = self.database.rows("SELECT name, value FROM queries WHERE value != 'null' ORDER BY name")
        return {name: json.loads(value) for name, value in rows}

    def orphans(self, known: Collection[str]) -> list[Orphan]:
        """What belongs to SAEs whose keys are not among `known`: shown, never moved to another SAE."""
        count = {
            "features": "SELECT sae, count(DISTINCT feature) FROM {} GROUP BY sae",
            "clips": "SELECT sae, count(*) FROM (SELECT DISTINCT sae, feature, clip FROM clip_fields) GROUP BY sae",
            "entries": "SELECT sae, count(*) FROM list_entries WHERE field = 'place' AND value != 'null' GROUP BY sae",
            "results": COUNT,
        }
        of_features = "(SELECT sae, feature FROM feature_fields UNION SELECT sae, feature FROM feature_tags)"
        with self.database.snapshot():
            found = {name: dict(self.database.rows(text.format(of_features))) for name, text in count.items()}
        gone = {sae for counts in found.values() for sae in counts} - set(known)
        return [Orphan(sae, *(counts.get(sae, 0) for counts in found.values())) for sae in sorted(gone)]

    # Writing

    def set_star(self, sae: str, features: Features, on: bool) -> Change:
        return self._set(f"{'star' if on else 'unstar'} {_said(features)}", sae, features, "star", on)

    def set_name(self, sae: str, feature: int, name: str) -> Change:
        """The user's own name; "" removes it. Every former name stays in the history."""
        return self._set(f"{'name' if name.strip() else 'unname'} feature {feature}", sae, feature, "name", name)

    def set_note(self, sae: str, feature: int, note: str) -> Change:
        return self._set(f"note on feature {feature}", sae, feature, "note", note)

    def set_verdict(self, sae: str, features: Features, verdict: str) -> Change:
        """`verdict` is "monosemantic", "not monosemantic" or ""."""
        return self._set(f"{verdict or 'no verdict on'} {_said(features)}", sae, features, "verdict", verdict)

    def add_tag(self, sae: str, features: Features, tag: str) -> Change:
        return self._tag(f"tag {_said(features)} '{tag}'", sae, features, tag, True)

    def remove_tag(self, sae: str, features: Features, tag: str) -> Change:
        return self._tag(f"untag {_said(features)} '{tag}'", sae, features, tag, False)

    def set_thumb(self, sae: str, feature: int, clip: str, thumb: int) -> Change:
        """`thumb` is −1, 0 or 1, from `author`; `clip` is its `clip_key`."""
        return self._judge("thumb", sae, feature, clip, thumb)

    def set_rating(self, sae: str, feature: int, clip: str, rating: int | None) -> Change:
        """`rating` is 1 to 5 or None, from `author`."""
        return self._judge("rating", sae, feature, clip, rating)

    def set_comment(self, sae: str, feature: int, clip: str, comment: str) -> Change:
        return self._judge("comment", sae, feature, clip, comment)

    def save_query(self, name: str, query: Any) -> Change:
        """Keep what JSON can hold under `name`, in place of what was kept there."""
        return self.write(f"save query '{name}'", [("queries", (name,), query)])

    def delete_query(self, name: str) -> Change:
        return self.write(f"delete query '{name}'", [("queries", (name,), None)])

    def _set(self, label: str, sae: str, features: Features, field: str, value: Any) -> Change:
        return self.write(label, [("feature_fields", (sae, k, field), value) for k in _each(features)])

    def _tag(self, label: str, sae: str, features: Features, tag: str, on: bool) -> Change:
        return self.write(label, [("feature_tags", (sae, k, tag), on) for k in _each(features)])

    def _judge(self, field: str, sae: str, feature: int, clip: str, value: Any) -> Change:
        label = f"{'rate' if field == 'rating' else field} clip of feature {feature}"
        return self.write(label, [("clip_fields", (sae, feature, clip, self.author, field), value)])

    def _clip_notes(self, where: str, values: tuple[Any, ...]) -> dict[int, dict[str, ClipNote]]:
        rows = self.database.rows(f"SELECT feature, clip, owner, field, value FROM clip_fields WHERE {where}", values)
        marks: dict[tuple[int, str], dict[str, dict[str, Any]]] = {}
        for feature, clip, owner, field, value in rows:
            marks.setdefault((feature, clip), {}).setdefault(owner, {})[field] = json.loads(value)
        found: dict[int, dict[str, ClipNote]] = {}
        for (feature, clip), by in marks.items():
            others = {owner: Mark(**values) for owner, values in by.items() if owner != self.author}
            note = ClipNote(
                **by.get(self.author, {}), clip=clip,
                others={owner: mark for owner, mark in others.items() if mark != Mark()},
            )  # fmt: skip
            if note != ClipNote(clip=clip):
                found.setdefault(feature, {})[clip] = note
        return found


def _feature_note(
    feature: int, fields: Mapping[str, tuple[Any, str]], tags: Mapping[str, tuple[Any, str]]
) -> FeatureNote:
    values = {name: value for name, (value, _) in fields.items()}
    there = frozenset(tag for tag, (on, _) in tags.items() if on)
    changed = max(time for _, time in (*fields.values(), *tags.values()))
    return FeatureNote(feature, tags=there, **values, changed=changed)


def _each(features: Features) -> Iterable[int]:
    # numpy's integers are none of Python's
    return features if isinstance(features, Collection) else (features,)


def _said(features: Features) -> str:
    several = tuple(_each(features))
    return f"feature {several[0]}" if len(several) == 1 else f"{len(several)} features"
