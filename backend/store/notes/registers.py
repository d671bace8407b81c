"""Fields that are written one at a time, taken back, and merged: the newest writing of a field wins."""

from __future__ import annotations

import getpass
import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from backend.errors import ArdError
from backend.store.notes import schema
from backend.store.notes.changes import Change, Conflict, RowChange
from backend.store.notes.database import Database, Rows
from backend.store.notes.schema import HISTORY, STAMP, TABLES, Key

NAME_TABLE, NAME_FIELD = "feature_fields", "name"


@dataclass(frozen=True)
class Register:
    """One field as it is stored.

    Attributes
    ----------
    value : str
        As JSON.
    author, time, uuid : str
        Of the writing; "" where there is no row.
    version : str
        Of the state; see `RowChange`.
    """

    value: str
    author: str = ""
    time: str = ""
    uuid: str = ""
    version: str = ""

    @property
    def order(self) -> tuple[str, str, str, str]:
        """The larger one wins a merge: the newer; of equal times any, but the same one in every order of merging."""
        return self.time, self.uuid, self.value, self.author


class Registers:
    """What `Notes` is built on. One object belongs to one thread.

    Attributes
    ----------
    author : str
        Who writes; the name of this computer's account where none is given.
    """

    def __init__(self, database: Database, author: str = "") -> None:
        self.database = database
        self.author = schema.tidy_line(author) or account_name()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self.database.close()

    def state(self) -> int:
        """A number that changes when another window or program has written, so that it is read again then."""
        ((found,),) = self.database.rows("PRAGMA data_version")
        return int(found)

    def write(self, label: str, values: Iterable[tuple[str, Key, Any]]) -> Change:
        """Write (table, key, value) after (table, key, value), all together; what is so already is left alone.

        Raises ArdError if a value cannot be kept, or the file cannot be written.
        """
        rows = []
        try:
            wanted = [(table, *schema.checked_row(table, key, value)) for table, key, value in values]
        except ValueError as error:
            raise ArdError(f"this cannot be kept: {error}", todo="Correct it.") from error
        with self.database.transaction():
            for table, key, value in wanted:
                now = self._register(table, key)
                if now.value == as_json(value):
                    continue
                identity = uuid.uuid4().hex
                rows.append(self._replace(table, key, now, value, identity, identity))
        return Change(label, tuple(rows))

    def revert(self, change: Change) -> Change:
        """Take a change back; what this returns, taken back in turn, makes it again.

        Raises Conflict, and changes nothing, where one of its fields was changed since by somebody else.
        """
        rows = []
        with self.database.transaction():
            for row in change.rows:
                now = self._register(row.table, row.key)
                if now.version != row.after_version:
                    raise Conflict(
                        f"'{change.label}' cannot be taken back: it was changed again since, by {now.author or '?'}",
                        path=self.database.path, todo="Look at what is there now, and change that.",
                    )  # fmt: skip
                rows.append(self._replace(row.table, row.key, now, row.before, uuid.uuid4().hex, row.before_version))
        return Change(change.label, tuple(rows))

    def merge(self, rows: Rows, label: str = "merge notes") -> Change:
        """Bring in rows of another file: of each field the newest writing stays, and every former name.

        It does not matter how often, in which order or by which way files are merged. Rows that cannot be kept are
        left out; `exchange.import_notes` refuses them before.
        """
        changed = []
        with self.database.transaction():
            for table, key, theirs in _registers_of(rows):
                ours = self._register(table, key)
                if not ours.uuid or ours.order < theirs.order:
                    changed.append(self._put(table, key, ours, theirs))
                if _is_name(table, key):
                    self._remember((theirs.uuid, *key[:2], json.loads(theirs.value), theirs.author, theirs.time))
            for row in rows.get("name_history", []):
                self._remember(row)
        return Change(label, tuple(changed))

    def dump(self) -> Rows:
        """Everything, in the order of the keys."""
        return self.database.all_rows()

    def _register(self, table: str, key: Key) -> Register:
        where = " AND ".join(f"{column} = ?" for column in TABLES[table])
        found = self.database.rows(f"SELECT {', '.join(STAMP)} FROM {table} WHERE {where}", key)
        return Register(*found[0]) if found else Register(as_json(schema.empty(table, key)))

    def _replace(self, table: str, key: Key, now: Register, value: Any, identity: str, version: str) -> RowChange:
        new = Register(as_json(value), self.author, schema.later_than(now.time), identity, version)
        change = self._put(table, key, now, new)
        if _is_name(table, key):
            self._remember((new.uuid, *key[:2], value, new.author, new.time))
        return change

    def _put(self, table: str, key: Key, old: Register, new: Register) -> RowChange:
        marks = ", ".join("?" * (len(key) + len(STAMP)))
        stamp = (new.value, new.author, new.time, new.uuid, new.version)
        self.database.execute(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", (*key, *stamp))
        before, after = json.loads(old.value), json.loads(new.value)
        return RowChange(table, key, before, after, new.uuid, old.version, new.version)

    def _remember(self, row: tuple[Any, ...]) -> None:
        """Add a name to the history; of two rows of one identity, which only a damaged file has, always the same."""
        try:
            row = checked_history(row)
        except ValueError:
            return
        there = self.database.rows(f"SELECT {', '.join(HISTORY)} FROM name_history WHERE uuid = ?", row[:1])
        if not there or there[0] < row:
            self.database.execute("INSERT OR REPLACE INTO name_history VALUES (?, ?, ?, ?, ?, ?)", row)


def _is_name(table: str, key: Key) -> bool:
    return table == NAME_TABLE and key[-1] == NAME_FIELD


def _registers_of(rows: Rows) -> Iterable[tuple[str, Key, Register]]:
    """Table, key and register of every row that can be kept."""
    for table, key_columns in TABLES.items():
        for row in rows.get(table, []):
            key, stamp = row[: len(key_columns)], row[len(key_columns) :]
            try:
                yield checked_register(table, key, stamp)
            except (ValueError, TypeError, RecursionError):
                continue


def checked_register(table: str, key: Key, stamp: tuple[Any, ...]) -> tuple[str, Key, Register]:
    """A row of another file as it is kept; ValueError with the reason if it cannot be."""
    text, author, time, identity = stamp
    try:
        value = json.loads(text)
    except RecursionError as error:
        raise ValueError("a value is nested too deeply") from error
    key, value = schema.checked_row(table, key, value)
    author, time, identity = schema.checked_stamp(author, time, identity)
    return table, key, Register(as_json(value), author, time, identity, identity)


def checked_history(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """A row of the history as it is kept; ValueError with the reason if it cannot be."""
    identity, sae, feature, value, author, time = row
    key, name = schema.checked_row(NAME_TABLE, (sae, feature, NAME_FIELD), value)
    author, time, identity = schema.checked_stamp(author, time, identity)
    return identity, *key[:2], name, author, time


def as_json(value: Any) -> str:
    """The one text of a value, so that equal values are equal texts."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def account_name() -> str:
    """The name of this computer's account."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "unknown"


def by_feature(rows: Iterable[tuple[int, str, str, str]]) -> Mapping[int, dict[str, tuple[Any, str]]]:
    """(feature, field, JSON, time) as {feature: {field: (value, time)}}."""
    known: dict[str, Any] = {"true": True, "false": False, '""': ""}
    found: dict[int, dict[str, tuple[Any, str]]] = {}
    for feature, field, value, time in rows:
        found.setdefault(feature, {})[field] = (known[value] if value in known else json.loads(value), time)
    return found
