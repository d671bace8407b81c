"""Queries kept under a name, in the user's data directory; reading and writing wait for the disk."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from ard_gui.state.query import Query, from_plain
from backend.errors import ArdError
from backend.study.atomic import write_json
from backend.study.user_data import user_data

VERSION = 1


class QueryStore(Protocol):
    """Where saved queries are kept; both functions are called on the window's worker thread."""

    def load_queries(self) -> dict[str, Query]:
        """Every saved query by its name, in their order; ArdError if they cannot be read."""
        ...

    def save_queries(self, queries: Mapping[str, Query]) -> None:
        """Keep exactly these; ArdError or OSError if that cannot be done."""
        ...


class SavedQueries:
    """A `QueryStore` in one JSON file.

    Parameters
    ----------
    path : Path, optional
        The user's own file where none is named.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or user_data() / "queries.json"

    def load_queries(self) -> dict[str, Query]:
        """Every saved query that can be understood; ArdError if the file as a whole cannot."""
        if not self.path.exists():
            return {}
        try:
            found = json.loads(self.path.read_text(encoding="utf-8"))
            entries: dict[str, Any] = found["queries"] if found["version"] == VERSION else {}
            known = {str(name): _query(plain) for name, plain in entries.items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ArdError(
                f"the saved queries cannot be read ({error})", path=self.path, todo="Move the file away to start anew."
            ) from error
        return {name: query for name, query in known.items() if query is not None}

    def save_queries(self, queries: Mapping[str, Query]) -> None:
        """Write the file anew."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_json(self.path, {"version": VERSION, "queries": {name: one.plain() for name, one in queries.items()}})


def _query(plain: Any) -> Query | None:
    try:
        return from_plain(plain)
    except (ValueError, TypeError, AttributeError):
        return None
