"""Blind rating studies and what raters wrote into them (A-44, A-45), in the notes file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from backend.errors import ArdError
from backend.store.notes.changes import Change
from backend.store.notes.rating_plan import RatingPlan, from_json
from backend.store.notes.registers import Registers
from backend.store.notes.schema import HIGHEST_RATING, LOWEST_RATING, tidy_line

TABLE = "ratings"
LISTS = ("plays", "heard", "replays")


@dataclass(frozen=True)
class ItemRating:
    """What one rater did with one item.

    Attributes
    ----------
    item : int
        Its `order` in the plan.
    plays : tuple of int [p]
        How often each clip was played before the label was given.
    heard : tuple of float [p]
        Seconds of each clip that were played before the label was given.
    label : str or None
        Typed before the name was seen; None while the name is hidden.
    label_seconds, rating_seconds : float
        How long either step was on the screen.
    silent : bool
        Some of it was played where nothing could be heard: no sound device, or muted.
    rating : int or None
        0 to 5.
    comment : str
    replays : tuple of int [p]
        How often each clip was played after the name was shown.
    closed : bool
        The rater went on to another item: nothing of it can be changed any more.
    labelled, rated : str
        When label and rating were given, UTC; "" where they were not.
    """

    item: int
    rater: str
    plays: tuple[int, ...] = ()
    heard: tuple[float, ...] = ()
    label: str | None = None
    label_seconds: float = 0.0
    silent: bool = False
    rating: int | None = None
    comment: str = ""
    replays: tuple[int, ...] = ()
    rating_seconds: float = 0.0
    closed: bool = False
    labelled: str = ""
    rated: str = ""


@dataclass(frozen=True)
class Listened:
    """What `RatingBook` is told about listening; as in `ItemRating`, `seconds` of the step that was on the screen."""

    plays: Sequence[int]
    seconds: float
    silent: bool = False
    heard: Sequence[float] = ()


class RatingBook:
    """Reads and writes rating studies through the notes that it is given, on their thread.

    A label is written once; a rating and its comment can be changed until the item is closed.
    """

    def __init__(self, notes: Registers) -> None:
        self._notes = notes

    def studies(self) -> list[RatingPlan]:
        """All rating studies, the oldest first."""
        rows = self._notes.database.rows("SELECT value FROM rating_studies WHERE value != 'null'")
        return sorted((from_json(json.loads(value)) for (value,) in rows), key=lambda one: (one.created, one.key))

    def find(self, asked: str = "") -> RatingPlan:
        """The rating study of that key, its beginning, or that name; "" for the only one there is.

        Raises ArdError if there is none, or several.
        """
        known = self.studies()
        found = [one for one in known if asked in ("", one.key, one.name)]
        found = found or [one for one in known if asked and one.key.startswith(asked)]
        if len(found) == 1:
            return found[0]
        listed = ", ".join(f"{one.key} ({one.name})" for one in known) or "none yet"
        what = f"there is no rating study '{asked}'" if asked and not found else "it is not clear which one is meant"
        raise ArdError(
            f"{what} (rating studies: {listed})" if known else "there is no rating study yet",
            path=self._notes.database.path,
            todo="Name one by its key with --rating." if known else "Make one with: ard rating new",
        )

    def add(self, plan: RatingPlan) -> Change:
        """Keep a new study; ArdError if the same one is there."""
        if any(one.key == plan.key for one in self.studies()):
            raise ArdError(
                f"there is a rating study with the same concepts already: {plan.key}",
                path=self._notes.database.path, todo="Go on with that one, or choose another seed.",
            )  # fmt: skip
        return self._notes.write(f"new rating study '{plan.name}'", [("rating_studies", (plan.key,), plan.to_json())])

    def remove(self, key: str) -> Change:
        """Take a study away; what raters wrote into it stays, for when it returns."""
        return self._notes.write("delete rating study", [("rating_studies", (key,), None)])

    def ratings(self, key: str) -> list[ItemRating]:
        """Everything that was written into a study, by rater and item."""
        rows = self._notes.database.rows(f"SELECT rater, item, field, value, time FROM {TABLE} WHERE study = ?", (key,))
        return _gathered(rows)

    def of_rater(self, key: str, rater: str) -> dict[int, ItemRating]:
        """What one rater wrote into a study, by item."""
        rows = self._notes.database.rows(
            f"SELECT rater, item, field, value, time FROM {TABLE} WHERE study = ? AND rater = ?",
            (key, tidy_line(rater)),
        )
        return {one.item: one for one in _gathered(rows)}

    def item(self, key: str, item: int, rater: str) -> ItemRating:
        """What one rater wrote about one item."""
        return self.of_rater(key, rater).get(item, ItemRating(item, tidy_line(rater)))

    def keep_listening(self, key: str, item: int, rater: str, listened: Listened) -> ItemRating:
        """Remember what was heard of an item without a label, so that it need not be heard again."""
        self._refuse(self.item(key, item, rater).label is not None, "its label was given already")
        return self._put(key, item, rater, _before(listened))

    def set_label(self, key: str, item: int, rater: str, label: str, listened: Listened) -> ItemRating:
        """Give the label, before the name is seen; ArdError if it was given before."""
        self._refuse(self.item(key, item, rater).label is not None, "its label was given already")
        return self._put(key, item, rater, {**_before(listened), "label": label})

    def set_rating(
        self, key: str, item: int, rater: str, rating: int | None, comment: str, listened: Listened
    ) -> ItemRating:
        """Rate the name 0 to 5, or take the rating back with None; ArdError before the label and after `close`."""
        now = self.item(key, item, rater)
        self._refuse(now.label is None, "it has no label yet")
        self._refuse(now.closed, "it was left for another item")
        silent = now.silent or listened.silent
        return self._put(key, item, rater, {
            "rating": rating, "comment": comment, "replays": list(listened.plays),
            "rating_seconds": listened.seconds, "silent": silent,
        })  # fmt: skip

    def close(self, key: str, item: int, rater: str) -> ItemRating:
        """The rater goes on: what was written about the item stands. ArdError without a rating."""
        now = self.item(key, item, rater)
        self._refuse(now.rating is None, f"it has no rating from {LOWEST_RATING} to {HIGHEST_RATING} yet")
        return self._put(key, item, rater, {"closed": True})

    def _refuse(self, refused: bool, reason: str) -> None:
        if refused:
            raise ArdError(f"this item cannot be changed: {reason}", path=self._notes.database.path)

    def _put(self, key: str, item: int, rater: str, fields: dict[str, Any]) -> ItemRating:
        values = [(TABLE, (key, str(item), rater, field), value) for field, value in fields.items()]
        self._notes.write(f"rate item {item}", values)
        return self.item(key, item, rater)


def next_item(plan: RatingPlan, done: dict[int, ItemRating]) -> int | None:
    """`order` of the first item that is not closed; None if all are."""
    return next((one.order for one in plan.items if not done.get(one.order, _NOTHING).closed), None)


_NOTHING = ItemRating(0, "")


def _before(listened: Listened) -> dict[str, Any]:
    return {
        "plays": list(listened.plays), "heard": list(listened.heard), "label_seconds": listened.seconds,
        "silent": listened.silent,
    }  # fmt: skip


def _gathered(rows: Iterable[tuple[str, str, str, str, str]]) -> list[ItemRating]:
    """Rows (rater, item, field, JSON, time) as one object per rater and item."""
    found: dict[tuple[str, int], dict[str, Any]] = {}
    for rater, item, field, value, time in rows:
        # items of a colleague's later version are left aside, not guessed at
        if not item.isdecimal():
            continue
        fields = found.setdefault((rater, int(item)), {})
        read = json.loads(value)
        fields[field] = tuple(read) if field in LISTS else read
        stamp = {"label": "labelled", "rating": "rated"}.get(field)
        if stamp and read is not None:
            fields[stamp] = time
    return [ItemRating(item, rater, **fields) for (rater, item), fields in sorted(found.items())]
