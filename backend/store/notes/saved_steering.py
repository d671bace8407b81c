"""Saved steering results: kept, titled, noted, taken away and brought back."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from backend.errors import ArdError
from backend.store.notes.changes import Change
from backend.store.notes.registers import Registers
from backend.store.notes.schema import EMPTY, as_text, tidy_json
from backend.store.notes.steering import Override, SteeredClip, SteeringResult, default_title
from backend.store.notes.steering_document import LaterVersion, checked_document, from_json, result_id

TABLE = "steering_results"
SHOWN = "field = 'deleted' AND value = 'false'"
"""Of every result that is there. Lists are made from small rows: documents may be large and are read once."""
COUNT = f"SELECT sae, count(*) FROM {TABLE} WHERE {SHOWN} GROUP BY sae"
SHORTEST_ID = 4


@dataclass(frozen=True)
class Contents:
    """What a list of results shows of a document; all of it never changes.

    Attributes
    ----------
    title : str
        For a result that nobody named.
    ranking : str
    clip : SteeredClip or None
    prompt : str
    features : tuple of Override
    answers : mapping of condition to text
    author, saved : str
        Who saved it; when, UTC.
    problem : str
        Why the document cannot be read, "" where it can; the rest is empty then.
    """

    title: str = ""
    ranking: str = ""
    clip: SteeredClip | None = None
    prompt: str = ""
    features: tuple[Override, ...] = ()
    answers: Mapping[str, str] = field(default_factory=dict)
    author: str = ""
    saved: str = ""
    problem: str = ""


@dataclass(frozen=True)
class SavedResult:
    """One saved result without its tokens; `SavedSteering.steering_result` gives all of it.

    Attributes
    ----------
    id : str
        UUID of its content.
    sae : str
        `sae_key`.
    title, note : str
    deleted : bool
    contents : Contents
    """

    id: str
    sae: str
    title: str
    note: str
    deleted: bool
    contents: Contents

    @property
    def heading(self) -> str:
        """Its title, or what it is called without one."""
        return self.title or self.contents.title or f"result {self.id[:8]}"


class SavedSteering(Registers):
    """A result is one document that never changes, with a title, a note, and whether it was deleted."""

    def saved_results(self, *, deleted: bool = False, known: Mapping[str, Contents] | None = None) -> list[SavedResult]:
        """All results, the newest first; one that cannot be read is among them and says why.

        Parameters
        ----------
        deleted : bool
            With those that were deleted.
        known : mapping of id to Contents
            Read before: these documents, which may be large, are not read again.
        """
        known = known or {}
        fields: dict[tuple[str, str], dict[str, Any]] = {}
        with self.database.snapshot():
            for key in self.database.rows(f"SELECT sae, result FROM {TABLE} WHERE field = 'document'"):
                fields[key] = dict(EMPTY[TABLE])
            edited = self.database.rows(f"SELECT sae, result, field, value FROM {TABLE} WHERE field != 'document'")
            for sae, result, name, value in edited:
                if (sae, result) in fields:
                    fields[sae, result][name] = json.loads(value)
            wanted = {key: one for key, one in fields.items() if deleted or not one["deleted"]}
            contents = {key: known.get(key[1]) or self._contents(*key) for key in wanted}
        found = [
            SavedResult(key[1], key[0], one["title"], one["note"], one["deleted"], there)
            for key, one in wanted.items() if (there := contents[key]) is not None
        ]  # fmt: skip
        return sorted(found, key=lambda one: (one.contents.saved, one.id), reverse=True)

    def find_result(self, asked: str, *, deleted: bool = True) -> SavedResult:
        """The result of that id, the beginning of one, or that title; ArdError if there is none, or several."""
        known = self.saved_results(deleted=deleted)
        found = [one for one in known if asked == one.id] or [one for one in known if asked and asked == one.title]
        if not found and len(asked) >= SHORTEST_ID:
            found = [one for one in known if one.id.startswith(asked)]
        if len(found) == 1:
            return found[0]
        told = ", ".join(f"{one.id[:8]} ({one.heading})" for one in (found or known)) or "none yet"
        what = f"there are {len(found)} saved results" if found else "there is no saved result"
        raise ArdError(f"{what} '{asked}' (there are: {told})", path=self.database.path, todo="Use an id.")

    def steering_document(self, result: str) -> Any:
        """The document as it is kept, also of a later version; ArdError if there is none."""
        return json.loads(self._row(*self._key(result))[0])

    def steering_result(self, result: str) -> SteeringResult:
        """All of a result; ArdError if there is none, or it cannot be read."""
        try:
            return from_json(self.steering_document(result))
        except ValueError as error:
            raise ArdError(f"the saved result {result[:8]} cannot be read: {error}", path=self.database.path) from error

    def add_result(self, result: SteeringResult, title: str = "", note: str = "") -> Change:
        """Save a result; its id is the change's `result`. One that was saved before and deleted is there again.

        Raises ArdError, and keeps nothing, if a field of it cannot be kept: NaN, infinity, a text that is too long.
        """
        timed = result if result.time else replace(result, time=as_text(datetime.now(UTC)))
        try:
            # tidied between two checks: the first one says which field is wrong, the second one names what is kept
            document = checked_document(tidy_json(checked_document(timed.to_json())))
        except ValueError as error:
            raise ArdError(f"this result cannot be kept: {error}", todo="Steer again, then save that.") from error
        key = (document["sae"], result_id(document))
        texts = {name: text for name, text in (("title", title), ("note", note)) if text.strip()}
        values = {"document": document, **texts, "deleted": False}
        return self.write("save steering result", [(TABLE, (*key, name), value) for name, value in values.items()])

    def title_result(self, result: str, title: str) -> Change:
        """Name a result; "" takes the name away."""
        return self._edit("title of steering result", (result,), "title", title)

    def note_result(self, result: str, note: str) -> Change:
        return self._edit("note on steering result", (result,), "note", note)

    def delete_result(self, *results: str) -> Change:
        """Take results away; their content is kept, and `restore_result` brings them back."""
        return self._edit(_counted("delete", results), results, "deleted", True)

    def restore_result(self, *results: str) -> Change:
        return self._edit(_counted("restore", results), results, "deleted", False)

    def _edit(self, label: str, results: Sequence[str], name: str, value: Any) -> Change:
        return self.write(label, [(TABLE, (*self._key(one), name), value) for one in results])

    def _key(self, result: str) -> tuple[str, str]:
        """SAE and id of a result whose document is there; ArdError if it is not."""
        there = "field = 'document' AND value != 'null'"
        rows = self.database.rows(f"SELECT sae, result FROM {TABLE} WHERE result = ? AND {there}", (result,))
        if not rows:
            raise ArdError(f"there is no saved result {result}", path=self.database.path)
        return rows[0][0], rows[0][1]

    def _row(self, sae: str, result: str) -> tuple[str, str, str]:
        """Value, author and time of a document."""
        where = f"SELECT value, author, time FROM {TABLE} WHERE sae = ? AND result = ? AND field = 'document'"
        ((value, author, time),) = self.database.rows(where, (sae, result))
        return value, author, time

    def _contents(self, sae: str, result: str) -> Contents | None:
        """None for a saving that was taken back."""
        text, author, saved = self._row(sae, result)
        if text == "null":
            return None
        try:
            found = from_json(_without_tokens(json.loads(text)))
        except LaterVersion as error:
            return Contents(author=author, saved=saved, problem=f"{error}. Update ARD to see it; it is kept as it is.")
        except ValueError as error:
            return Contents(author=author, saved=saved, problem=f"its content is damaged: {error}")
        answers = {name: one.text for name, one in found.conditions.items()}
        return Contents(
            default_title(found), found.ranking, found.clip, found.prompt, found.features, answers, author, saved
        )


def _without_tokens(document: Any) -> Any:
    """A document with empty lists of tokens: nearly all of it is tokens, and checking them takes most of the time."""
    conditions = document.get("conditions") if isinstance(document, dict) else None
    if not isinstance(conditions, dict):
        return document
    short = {name: {**one, "tokens": []} if isinstance(one, dict) else one for name, one in conditions.items()}
    return {**document, "conditions": short}


def _counted(verb: str, results: Sequence[str]) -> str:
    return f"{verb} steering result" if len(results) == 1 else f"{verb} {len(results)} steering results"
