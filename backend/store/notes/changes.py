"""What a writing did, so that it can be taken back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from backend.errors import ArdError
from backend.store.notes.schema import Key


class Conflict(ArdError):
    """What is to be taken back was changed since, by another window or by an import; nothing was changed now."""


@dataclass(frozen=True)
class RowChange:
    """One field before and after.

    Attributes
    ----------
    table, key
        Where it is kept (`schema.TABLES`).
    before, after
        Values.
    uuid : str
        Identity of the writing.
    before_version, after_version : str
        State of the row; "" where there was no row. Taking a change back brings the former state back too, so that
        the change before it can be taken back next.
    """

    table: str
    key: Key
    before: Any
    after: Any
    uuid: str
    before_version: str
    after_version: str


@dataclass(frozen=True)
class Change:
    """What one writing changed. It is false where nothing changed: such a change belongs in no undo menu.

    Attributes
    ----------
    label : str
        For the undo menu: "star feature 12".
    rows : tuple of RowChange
    """

    label: str
    rows: tuple[RowChange, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.rows)

    @property
    def list(self) -> str:
        """Key of the list that was made or changed, "" if it is none."""
        return next((str(row.key[0]) for row in self.rows if row.table in ("list_fields", "list_entries")), "")

    @property
    def result(self) -> str:
        """UUID of the steering result that was saved or changed, "" if it is none."""
        return next((str(row.key[1]) for row in self.rows if row.table == "steering_results"), "")
