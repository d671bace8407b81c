"""What `notes.sqlite` holds: tables, their fields, and what each field may be (docs/store-format.md).

Every table has one row per field of a thing, so that two people who change different fields of one feature both keep
their change. A row holds its value as JSON and a stamp: who wrote it, when, and the identity of that writing.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from numbers import Integral
from typing import Any

from backend.store.notes.steering import VERSION as STEERING_VERSION
from backend.store.notes.steering_document import checked_document, result_id

VERSION = 1
APPLICATION = 0x41524431
"""`PRAGMA application_id`: "ARD1"."""

TABLES: dict[str, tuple[str, ...]] = {
    "feature_fields": ("sae", "feature", "field"),
    "feature_tags": ("sae", "feature", "tag"),
    "clip_fields": ("sae", "feature", "clip", "owner", "field"),
    "list_fields": ("list", "field"),
    "list_entries": ("list", "sae", "feature", "field"),
    "queries": ("name",),
    "rating_studies": ("study",),
    "ratings": ("study", "item", "rater", "field"),
    "steering_results": ("sae", "result", "field"),
}
"""Key columns of each table; behind them come `STAMP`."""
STAMP = ("value", "author", "time", "uuid", "version")
HISTORY = ("uuid", "sae", "feature", "value", "author", "time")
"""Columns of `name_history`, in which nothing is ever changed or removed."""

VERDICTS = ("", "monosemantic", "not monosemantic")
EMPTY: dict[str, dict[str, Any]] = {
    "feature_fields": {"star": False, "name": "", "note": "", "verdict": ""},
    "clip_fields": {"thumb": 0, "rating": None, "comment": ""},
    "list_fields": {"name": "", "description": "", "deleted": False},
    "list_entries": {"place": None, "note": ""},
    "ratings": {
        "plays": (),
        "heard": (),
        "label": None,
        "label_seconds": 0.0,
        "silent": False,
        "rating": None,
        "comment": "",
        "replays": (),
        "rating_seconds": 0.0,
        "closed": False,
    },
    "steering_results": {"document": None, "title": "", "note": "", "deleted": True},
}
"""Fields of each table and what they are where there is no row. An entry without a place is not in its list.

A steering result without `deleted` is not there: lists of results are made from that row, not from large documents."""
PLAIN = ("queries", "rating_studies")
"""Tables whose value is any JSON; null where it was deleted."""
LOWEST_RATING, HIGHEST_RATING = 0, 5
"""Of a name in a blind rating study (A-45)."""
LONGEST_RATER = 200

Key = tuple[Any, ...]
LARGEST_FEATURE = 2**31 - 1
LAST_YEAR = 9000
TIME = "%Y-%m-%dT%H:%M:%S.%fZ"
IDENTITY = re.compile(r"[0-9A-Za-z-]{1,64}")
KEY = re.compile(r"[\w.:-]{1,200}", re.ASCII)


def creation() -> list[str]:
    """SQL that makes the tables that are not there yet."""
    made = []
    for name, key in TABLES.items():
        columns = [f"{column} {'INTEGER' if column == 'feature' else 'TEXT'} NOT NULL" for column in (*key, *STAMP)]
        made.append(
            f"CREATE TABLE IF NOT EXISTS {name} ({', '.join(columns)}, PRIMARY KEY ({', '.join(key)})) WITHOUT ROWID"
        )
    columns = [f"{column} {'INTEGER' if column == 'feature' else 'TEXT'} NOT NULL" for column in HISTORY]
    made.append(f"CREATE TABLE IF NOT EXISTS name_history ({', '.join(columns)}, PRIMARY KEY (uuid))")
    made.append("CREATE INDEX IF NOT EXISTS name_history_of ON name_history (sae, feature)")
    return made


def empty(table: str, key: Key) -> Any:
    """What a row that is not there means."""
    if table == "feature_tags":
        return False
    return None if table in PLAIN else EMPTY[table][key[-1]]


def checked_row(table: str, key: Key, value: Any) -> tuple[Key, Any]:
    """Key and value as they are kept; ValueError with the reason if they cannot be kept."""
    named = dict(zip(TABLES[table], key, strict=True))
    for column, part in named.items():
        named[column] = _checked_key(column, part)
    if "field" in named and named["field"] not in EMPTY[table]:
        raise ValueError(f"there is no field '{named['field']}'")
    return tuple(named.values()), checked_value(table, tuple(named.values()), value)


def _checked_key(column: str, part: Any) -> Any:
    if column == "feature":
        if isinstance(part, bool) or not isinstance(part, Integral) or not 0 <= int(part) <= LARGEST_FEATURE:
            raise ValueError(f"{part!r} is no feature")
        return int(part)
    if not isinstance(part, str):
        raise ValueError(f"{part!r} is no {column}")
    if column in ("sae", "clip", "list", "study", "item", "result") and not KEY.fullmatch(part):
        raise ValueError(f"{part!r} is no key of a {column}")
    if column == "tag":
        part = tidy_tag(part)
    part = tidy_line(part)
    if column in ("tag", "name", "rater") and not part:
        raise ValueError(f"a {'query' if column == 'name' else column} needs a name")
    if column == "rater" and len(part) > LONGEST_RATER:
        raise ValueError(f"a rater's name has at most {LONGEST_RATER} characters")
    return part


def checked_value(table: str, key: Key, value: Any) -> Any:
    """`value` as it is kept; ValueError if it cannot be."""
    if table == "feature_tags":
        return _one_of(value, (True, False), "is neither true nor false")
    if table in PLAIN:
        return tidy_json(value)
    if table == "ratings":
        return _rating_value(key[-1], value)
    field = key[-1]
    match field:
        case "document":
            return None if value is None else _document(key, value)
        case "star" | "deleted":
            return _one_of(value, (True, False), "is neither true nor false")
        case "verdict":
            return _one_of(value, VERDICTS, "is no verdict")
        case "thumb":
            return _one_of(value, (-1, 0, 1), "is no thumb: it is -1, 0 or 1")
        case "rating":
            return _one_of(value, (None, 1, 2, 3, 4, 5), "is no rating: it is 1 to 5, or none")
        case "place":
            return _place(value)
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no text")
    return tidy_line(value) if field in ("name", "title") else tidy_text(value)


def _document(key: Key, value: Any) -> dict[str, Any]:
    """A saved steering result, under the SAE and the UUID that it says itself; of a later version as it is."""
    document = checked_document(tidy_json(value))
    sae, result = key[:2]
    if document["v"] == STEERING_VERSION and (document["sae"], result_id(document)) != (sae, result):
        raise ValueError("it is not the content that its SAE and its uuid stand for")
    return document


def _rating_value(field: str, value: Any) -> Any:
    match field:
        case "closed" | "silent":
            return _one_of(value, (True, False), "is neither true nor false")
        case "rating":
            allowed = (None, *range(LOWEST_RATING, HIGHEST_RATING + 1))
            return _one_of(value, allowed, f"is no rating: it is {LOWEST_RATING} to {HIGHEST_RATING}, or none")
        case "plays" | "replays":
            return _numbers(value, int)
        case "heard":
            return _numbers(value, float)
        case "label_seconds" | "rating_seconds":
            return _numbers([value], float)[0]
    if field == "label" and value is None:
        return None
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no text")
    text = tidy_line(value)
    if field == "label" and not text:
        raise ValueError("a label needs a word")
    return text


def _numbers(value: Any, kind: type[int] | type[float]) -> list[Any]:
    """A list of counts or of seconds, none below 0."""
    if not isinstance(value, list | tuple):
        raise ValueError(f"{value!r} is no list")
    what = "count" if kind is int else "number of seconds"
    for one in value:
        known = isinstance(one, int if kind is int else (int, float)) and not isinstance(one, bool)
        if not known or not 0 <= one < math.inf:
            raise ValueError(f"{one!r} is no {what}")
    return [kind(one) for one in value]


def _one_of(value: Any, allowed: tuple[Any, ...], reason: str) -> Any:
    # True == 1 and 1.0 == 1, and neither is what is meant
    if not any(value == one and type(value) is type(one) for one in allowed):
        raise ValueError(f"{value!r} {reason}")
    return value


def _place(value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{value!r} is no place in a list")
    return float(value)


def tidy_json(value: Any) -> Any:
    """`value` if it is made of what JSON has, with text that can be stored."""
    if isinstance(value, str):
        return tidy_text(value)
    if isinstance(value, Mapping):
        return {tidy_line(str(key)): tidy_json(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [tidy_json(one) for one in value]
    if value is None or isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    raise ValueError(f"{value!r} cannot be kept")


def tidy_text(text: str) -> str:
    """Text that can be stored and written anywhere: no control signs but line ends and tabs, no half characters."""
    whole = text.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "replace").decode("utf-8")
    return "".join(sign for sign in whole if sign in "\n\t" or unicodedata.category(sign) != "Cc")


def tidy_line(text: str) -> str:
    """The same on one line, without spaces around it."""
    return " ".join(tidy_text(text).split())


def tidy_tag(text: str) -> str:
    """The same without commas, which stand between tags wherever they are listed."""
    return tidy_line(text.replace(",", " "))


def checked_stamp(author: Any, time: Any, uuid: Any) -> tuple[str, str, str]:
    """Author, time and identity of a writing; ValueError if one of them cannot be."""
    if not isinstance(author, str):
        raise ValueError(f"{author!r} is no author")
    if not isinstance(uuid, str) or not IDENTITY.fullmatch(uuid):
        raise ValueError(f"{uuid!r} is no uuid")
    if not isinstance(time, str) or as_time(time).year > LAST_YEAR:
        raise ValueError(f"{time!r} is no time")
    return tidy_line(author), as_text(as_time(time)), uuid


def as_time(text: str) -> datetime:
    """The moment a time of the file names; ValueError if it is none."""
    return datetime.strptime(text, TIME).replace(tzinfo=UTC)


def as_text(moment: datetime) -> str:
    """A moment as the file has it: UTC to the microsecond, so that text order is time order."""
    return moment.astimezone(UTC).strftime(TIME).rjust(27, "0")


def later_than(previous: str) -> str:
    """Now; or, where a clock that is ahead wrote `previous`, the microsecond after it, so that the new value wins."""
    now = as_text(datetime.now(UTC))
    return max(now, as_text(as_time(previous) + timedelta(microseconds=1))) if previous else now
