"""Which values a sweep tries on which sliders, which words it watches, and what it says as a table (A-51)."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ard_gui.state.answer_diff import words
from ard_gui.state.steering import Setup
from ard_gui.state.steering_rows import HIGHEST, Row, rounded

VALUE, TIMES = "value", "times"
TOGETHER = ""
"""In place of a row's key: all rows that are not bypassed, each at so many times its largest value."""
DEFAULT_STEPS = {VALUE: "0, 1, 5, 10, 15, 20, 25, 50", TIMES: "0x, 0.5x, 1x, 1.5x, 2x, 3x, 4x"}
MOST_STEPS, MOST_WORDS, MOST_OWN_WORDS = 200, 8, 4
LONGEST_WORD = 80


@dataclass(frozen=True)
class Sweep:
    """What is tried.

    Attributes
    ----------
    row : str
        Key of a row, or `TOGETHER`.
    unit : str
        `VALUE`: steps are absolute; `TIMES`: multiples of the largest value (of a set: of its stored values).
    steps : tuple of float
    """

    row: str
    unit: str
    steps: tuple[float, ...]

    def setup_at(self, setup: Setup, step: float) -> Setup:
        """The setup with the swept rows at a step and everything else as it is; swept rows are never bypassed."""
        rows = tuple(self._at(row, step, setup.bypass) for row in setup.rows)
        return replace(setup, rows=rows, bypass=False)

    def _at(self, row: Row, step: float, all_off: bool) -> Row:
        if self.row == TOGETHER:
            return row if row.bypass else replace(row, amount=step)
        if row.key != self.row:
            return replace(row, bypass=row.bypass or all_off)
        moved = row.with_value(step) if self.unit == VALUE else replace(row, amount=step)
        return replace(moved, bypass=False)

    def told(self, step: float) -> str:
        """A step as it is written."""
        return f"{step:g}" if self.unit == VALUE else f"{step:g}×"


def why_no_sweep(setup: Setup, row: str) -> str:
    """What is missing before a row (or all) can be swept; "" for nothing."""
    if not setup.rows:
        return "Add a feature first: its slider is what is swept."
    if setup.sound is None:
        return "Choose a sound to steer on."
    if row == TOGETHER and all(one.bypass for one in setup.rows):
        return "Every feature is bypassed."
    return "" if row == TOGETHER or any(one.key == row for one in setup.rows) else "That feature was removed."


def parse_steps(text: str, *, negative: bool) -> tuple[float, ...]:
    """The numbers of a text, each once and in its order; "2x" and "2×" mean 2.

    Raises ValueError, saying what to write instead: for no number, something else, too many, and values below 0 where
    not `negative`.
    """
    found: dict[float, None] = {}
    for part in text.replace(",", " ").replace(";", " ").split():
        try:
            step = float(part.rstrip("x×"))
        except ValueError:
            raise ValueError(f"“{part[:20]}” is no number. Write numbers with commas between them.") from None
        if not math.isfinite(step) or abs(step) > HIGHEST:
            raise ValueError(f"“{part[:20]}” cannot be used. Use numbers up to {HIGHEST:g}.")
        if step < 0 and not negative:
            raise ValueError(f"{part[:20]} is below 0, which this mode never keeps. Use post_topk, keep or delta.")
        found[rounded(step)] = None
    if not found:
        raise ValueError("Write at least one number.")
    if len(found) > MOST_STEPS:
        raise ValueError(f"{len(found)} values are too many; use at most {MOST_STEPS}.")
    return tuple(found)


def parse_words(text: str) -> tuple[str, ...]:
    """Words or phrases with commas between them, each once; ValueError for too many or one that is too long."""
    found = tuple(dict.fromkeys(" ".join(part.split()) for part in text.split(",") if part.strip()))
    if len(found) > MOST_WORDS:
        raise ValueError(f"{len(found)} words are too many; use at most {MOST_WORDS}.")
    if any(len(word) > LONGEST_WORD for word in found):
        raise ValueError(f"A word can have at most {LONGEST_WORD} characters.")
    return found


def first_words(answers: Iterable[str]) -> tuple[str, ...]:
    """The first words of answers, each once, at most `MOST_OWN_WORDS`; signs before a word are left out."""
    found: dict[str, None] = {}
    for text in answers:
        spans = (text[a:b] for a, b in words(text))
        first = next((word for word in spans if any(sign.isalnum() for sign in word)), "")
        if first and len(first) <= LONGEST_WORD:
            found[first] = None
    return tuple(found)[:MOST_OWN_WORDS]


def time_left(seconds: float, done: int, of: int) -> str:
    """In words, from the time that `done` of `of` took; "" before anything is done and when all is."""
    if not 0 < done < of:
        return ""
    left = seconds / done * (of - done)
    return f"about {left:.0f} s left" if left < 100 else f"about {left / 60:.0f} min left"


def as_csv(rows: Sequence[dict[str, Any]]) -> str:
    """A line per row under the names of the first one; nothing for None, exact numbers."""
    text = io.StringIO(newline="")
    if rows:
        writer = csv.DictWriter(text, fieldnames=list(rows[0]), lineterminator="\n", restval="")
        writer.writeheader()
        writer.writerows({name: _cell(value) for name, value in row.items()} for row in rows)
    return text.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (tuple, list)):
        return " ".join(map(_cell, value))
    # the writer puts no quotes round a carriage return, at which a reader ends the line
    return repr(value) if isinstance(value, float) else str(value).replace("\r\n", "\n").replace("\r", "\n")
