"""What an answer of a sweep says: in a row of the table, and in a row of an exported file."""

from __future__ import annotations

from typing import Any

from ard_gui.services.steering_sweep import Point
from ard_gui.state.answer_diff import answer_diff
from ard_gui.state.steering import Setup
from ard_gui.state.steering_sweep import Sweep
from ard_gui.views.steering.sweep_table import Line
from backend.export.wording import number

FIGURES = ("KL", "survived")
"""Columns behind the answer, its note, and the words' probabilities."""


def line_of(step: str, point: Point | None, base: str | None, words: tuple[str, ...]) -> Line:
    """A row of the table; `base` is the original answer, None while it is not known."""
    if point is None:
        return Line(step, figures=("",) * (1 + len(words) + len(FIGURES)))
    said = point.answer.said
    text, inner = " ".join(said.text.split()), point.answer.representation
    marks = () if base is None or step == "original" else answer_diff(base, text).added
    notes = ["not coherent" if said.coherent is False else "", "" if said.ended or not said.tokens else "cut"]
    note = ", ".join(one for one in notes if one)
    if inner is not None:
        text = f"the last layer's states move by {number(inner.change[-1])} of their size"
    why = point.answer.why if said.coherent is False else ""
    return Line(
        step, text, marks if inner is None else (),
        (note, *(_share(point.words.get(word)) for word in words),
         "" if said.kl_first is None else number(said.kl_first), _survived(point)),
        "\n".join(part for part in (said.text, why) if part), bool(note),
    )  # fmt: skip


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}" if value >= 0.001 or value == 0 else "< 0.001"


def _survived(point: Point) -> str:
    shares = [one for one in point.answer.said.survived if one is not None]
    if not shares:
        return ""
    low, high = min(shares), max(shares)
    return f"{low:.0%}" if low == high else f"{low:.0%}–{high:.0%}"


def overrides_told(setup: Setup) -> str:
    """Features and values as a command line takes them."""
    return " ".join(f"{feature}={value!r}" for feature, value in setup.overrides)


def row_of(
    condition: str, step: float | None, sweep: Sweep, point: Point, words: tuple[str, ...], asked: dict[str, Any]
) -> dict[str, Any]:
    """A row of an export; `asked` is what was asked of the model."""
    said = point.answer.said
    return {
        "condition": condition, "step": step, "unit": sweep.unit, "swept": sweep.row or "all", "answer": said.text,
        "kl_first": said.kl_first, "kl_answer": said.kl_answer, "survived": said.survived,
        "displacement": point.answer.first.displacement, "repetition": said.repetition, "coherent": said.coherent,
        "why": point.answer.why, "ended": said.ended, **{f"p({word})": point.words.get(word) for word in words},
        **asked,
    }  # fmt: skip


def asked_told(setup: Setup, sae: str) -> dict[str, Any]:
    """What was asked of the model, for the rows of an export; `overrides` is empty."""
    sound, settings = setup.sound, setup.settings
    return {
        "sae": sae, "record": sound.record if sound else "", "path": sound.path if sound else "",
        "prompt": setup.prompt, "overrides": "", "mode": settings.mode, "positions": settings.positions,
        "decode": settings.decode, "add_error": settings.add_error, "max_new_tokens": settings.tokens,
        "temperature": settings.temperature, "seed": settings.seed,
    }  # fmt: skip
