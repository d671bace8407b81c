"""Named lists of features, in the user's order and with a note for each."""

from __future__ import annotations

import json
import uuid
from collections.abc import Collection, Sequence
from itertools import pairwise
from typing import Any

from backend.errors import ArdError
from backend.store.notes.changes import Change
from backend.store.notes.records import Entry, NamedList
from backend.store.notes.registers import Registers
from backend.store.notes.schema import Key

Feature = tuple[str, int]
"""Key of the SAE, and the feature's number."""
Write = tuple[str, Key, Any]


class Lists(Registers):
    """Lists hold features of any SAE. An entry has a place, a number; entries of equal places stand by their keys."""

    def lists(self) -> list[NamedList]:
        """All lists by name; deleted ones are not among them."""
        fields: dict[str, dict[str, Any]] = {}
        with self.database.snapshot():
            for key, field, value in self.database.rows("SELECT list, field, value FROM list_fields"):
                fields.setdefault(key, {})[field] = json.loads(value)
            counts = dict(
                self.database.rows(
                    "SELECT list, count(*) FROM list_entries WHERE field = 'place' AND value != 'null' GROUP BY list"
                )
            )
        found = [
            NamedList(key, one.get("name", ""), one.get("description", ""), counts.get(key, 0))
            for key, one in fields.items()
            if not one.get("deleted", False)
        ]
        return sorted(found, key=lambda one: (one.name.casefold(), one.key))

    def find_list(self, asked: str) -> NamedList:
        """The list of that name or key; ArdError if there is none, or several of that name."""
        known = self.lists()
        found = [one for one in known if asked == one.key] or [one for one in known if asked == one.name]
        if len(found) == 1:
            return found[0]
        if found:
            raise ArdError(
                f"there are {len(found)} lists '{asked}'", path=self.database.path,
                todo=f"Use a key: {', '.join(one.key for one in found)}.",
            )  # fmt: skip
        names = ", ".join(one.name for one in known) or "none yet"
        raise ArdError(f"there is no list '{asked}' (there are: {names})", path=self.database.path)

    def entries(self, key: str) -> list[Entry]:
        """The features of a list in its order."""
        rows = self.database.rows("SELECT sae, feature, field, value FROM list_entries WHERE list = ?", (key,))
        fields: dict[Feature, dict[str, Any]] = {}
        for sae, feature, field, value in rows:
            fields.setdefault((sae, feature), {})[field] = json.loads(value)
        placed = [(one["place"], *where, one.get("note", "")) for where, one in fields.items() if "place" in one]
        there = sorted(row for row in placed if row[0] is not None)
        return [Entry(sae, feature, note) for _, sae, feature, note in there]

    def create_list(self, name: str, description: str = "") -> Change:
        """Make a list; its key is the change's `list`."""
        key = uuid.uuid4().hex
        fields = {"name": _named(name), "description": description}
        return self.write(f"new list '{name}'", [("list_fields", (key, field), text) for field, text in fields.items()])

    def rename_list(self, key: str, name: str) -> Change:
        return self.write(f"rename list to '{name}'", [("list_fields", (key, "name"), _named(name))])

    def describe_list(self, key: str, description: str) -> Change:
        return self.write("describe list", [("list_fields", (key, "description"), description)])

    def delete_list(self, key: str) -> Change:
        """Take a list away; its entries come back with it when that is taken back."""
        return self.write("delete list", [("list_fields", (key, "deleted"), True)])

    def add_entries(self, key: str, features: Sequence[Feature], at: int | None = None) -> Change:
        """Put features before position `at`, or at the end; those that are in the list stay where they are."""
        there = {(one.sae, one.feature) for one in self.entries(key)}
        new = [one for one in dict.fromkeys(features) if one not in there]
        return self.write(_counted("add", new, "to list"), self._placing(key, new, at))

    def remove_entries(self, key: str, features: Collection[Feature]) -> Change:
        """Take features out of a list; the notes on them stay, for when they return."""
        gone = [("list_entries", (key, *one, "place"), None) for one in features]
        return self.write(_counted("remove", features, "from list"), gone)

    def move_entries(self, key: str, features: Sequence[Feature], at: int | None = None) -> Change:
        """Put features of the list, in the order given, before the one that now stands at position `at`."""
        there = {(one.sae, one.feature) for one in self.entries(key)}
        known = [one for one in dict.fromkeys(features) if one in there]
        return self.write(_counted("move", known, "in list"), self._placing(key, known, at))

    def order_list(self, key: str, features: Sequence[Feature]) -> Change:
        """Bring the whole list into this order; features that are not named follow in their present order."""
        there = [(one.sae, one.feature) for one in self.entries(key)]
        wanted = [one for one in dict.fromkeys(features) if one in set(there)]
        wanted += [one for one in there if one not in set(wanted)]
        return self.write("order list", _numbered(key, wanted))

    def set_entry_note(self, key: str, feature: Feature, note: str) -> Change:
        """Note on a feature in this list."""
        return self.write(f"note on feature {feature[1]} in list", [("list_entries", (key, *feature, "note"), note)])

    def _placing(self, key: str, moved: Sequence[Feature], at: int | None) -> list[Write]:
        """Places between the neighbours; of the whole list anew where no numbers are left between them."""
        placed = self._places(key)
        at = len(placed) if at is None else min(max(at, 0), len(placed))
        stay = set(moved)
        before = [one for one in placed[:at] if one[1] not in stay]
        after = [one for one in placed[at:] if one[1] not in stay]
        low = before[-1][0] if before else (after[0][0] - len(moved) - 1 if after else 0.0)
        high = after[0][0] if after else low + len(moved) + 1
        places = [low + (high - low) * (n + 1) / (len(moved) + 1) for n in range(len(moved))]
        steps = [low, *places, high]
        if all(a < b for a, b in pairwise(steps)):
            return [("list_entries", (key, *one, "place"), place) for one, place in zip(moved, places, strict=True)]
        return _numbered(key, [one for _, one in before] + list(moved) + [one for _, one in after])

    def _places(self, key: str) -> list[tuple[float, Feature]]:
        there = "list = ? AND field = 'place' AND value != 'null'"
        rows = self.database.rows(f"SELECT sae, feature, value FROM list_entries WHERE {there}", (key,))
        return sorted((float(json.loads(value)), (sae, feature)) for sae, feature, value in rows)


def _named(name: str) -> str:
    if not name.strip():
        raise ArdError("a list needs a name", todo="Give it one.")
    return name


def _numbered(key: str, features: Sequence[Feature]) -> list[Write]:
    return [("list_entries", (key, *one, "place"), float(n)) for n, one in enumerate(features, start=1)]


def _counted(verb: str, features: Collection[Feature], where: str) -> str:
    what = f"feature {next(iter(features))[1]}" if len(features) == 1 else f"{len(features)} features"
    return f"{verb} {what} {where}"
