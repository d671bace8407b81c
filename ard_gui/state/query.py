"""Which features the table shows, and in what order; kept with a name as a saved query."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from ard_gui.state.event import Event

VERSION = 1


@dataclass(frozen=True)
class Query:
    """Everything that narrows or orders the table; the parts are joined by "and".

    Attributes
    ----------
    text : str
        Words, all of which must occur in the name, explanation, captions or the person's own name, tags or note.
    meaning : str
        A text whose meaning is searched for; the similarities become the column `similarity`.
    expression : str
        As `backend.store.filter` reads it: ``m > 3 and support > 20``.
    ranges : dict
        Column to (lowest, highest), both included.
    starred : bool
    tags : tuple of str
        At least one of them.
    status : tuple of str
        At least one of `backend.store.retrieval.STATUS`; empty for all.
    listed : str
        Id of a named list whose features alone are shown; "" for none.
    chosen : tuple of int
        Only these features (a lasso on the map); empty for all.
    sort : str
        Column; "" for feature order.
    descending : bool
    """

    text: str = ""
    meaning: str = ""
    expression: str = ""
    ranges: dict[str, tuple[float, float]] = field(default_factory=dict)
    starred: bool = False
    tags: tuple[str, ...] = ()
    status: tuple[str, ...] = ()
    listed: str = ""
    chosen: tuple[int, ...] = ()
    sort: str = ""
    descending: bool = True

    @property
    def narrows(self) -> bool:
        """Whether it can leave features out."""
        return replace(self, sort="", descending=True, meaning="") != Query()

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return {"version": VERSION, **asdict(self)}


def from_plain(found: Any) -> Query:
    """The query in a saved value; ValueError where it is none, or of another version."""
    if not isinstance(found, dict) or found.get("version") != VERSION:
        raise ValueError("this is no saved query of this version of ARD")
    known = {one.name for one in fields(Query)}
    values = {name: value for name, value in found.items() if name in known}
    for name in ("text", "meaning", "expression", "listed", "sort"):
        if not isinstance(values.get(name, ""), str):
            raise ValueError(f"{name} of the saved query is no text")
    for name in ("tags", "status", "chosen"):
        values[name] = tuple(values.get(name, ()))
    ranges = values.get("ranges", {})
    values["ranges"] = {str(name): (float(low), float(high)) for name, (low, high) in ranges.items()}
    return Query(**values)


class FeatureQuery:
    """The query of one window; `changed` is emitted with each new value."""

    def __init__(self) -> None:
        self.value = Query()
        self.changed: Event[Query] = Event()

    def set(self, query: Query) -> None:
        if query != self.value:
            self.value = query
            self.changed.emit(query)

    def update(self, **parts: Any) -> None:
        """Replace some parts."""
        self.set(replace(self.value, **parts))

    def clear(self) -> None:
        """Show all features; the order stays."""
        self.set(Query(sort=self.value.sort, descending=self.value.descending))
