"""Table 3 of the AR&D paper, published and measured side by side (A-58).

The paper's text calls it Table 2, names "Female" among the targets where the table has Female → Male, and speaks of
percentages where the table has fractions (C2). Directions are therefore named here, and shares are fractions.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from backend.errors import ArdError

DIRECTIONS = (("neutral", "happy"), ("sad", "happy"), ("happy", "angry"), ("female", "male"))
PUBLISHED = {"Poly. Feats.": (0.13, 0.08, 0.04, 0.09), "AR&D": (0.75, 0.68, 0.47, 0.61)}
DISPUTED = (
    "The paper states neither the denominator nor n; measured figures use clips whose unsteered answer is not yet the "
    "target (`eligible`).",
    "The paper's text names Happy, Angry and Female as targets; its table has female → male.",
    "AudioBench calls the labels happiness and anger; excited counts as happy only where a run merged them "
    "(`--merge excited=happy`).",
    "The judge's prompt is not published; the judge of each measured figure is named with it.",
    "Measured raw units are chosen by difference of class means and moved as far as the set; how the paper chose its "
    "polysemantic units is not said.",
)  # fmt: skip
MEASURED = (
    ("raw units", "set"), ("single feature", "single"), ("set of features", "set"), ("reconstructed", "set"),
    ("random sets, mean", "set"),
)  # fmt: skip
Cell = dict[str, Any]
Told = Mapping[str, Any]


def table3(results: Sequence[Told]) -> dict[str, Any]:
    """Published and measured cells by row and direction.

    Parameters
    ----------
    results : sequence of mapping
        Of `ard sensitivity`, e.g. one of the emotions and one of the genders. Where two have a direction, the last.

    Raises ArdError if none has any of the directions.
    """
    found = {(row["source"], row["target"], row["kind"]): (row, told) for told in results for row in told["rows"]}
    rows: list[dict[str, Any]] = [
        {"row": name, "published": True, "cells": [{"share": one} for one in shares]}
        for name, shares in PUBLISHED.items()
    ]
    measured: list[dict[str, Any]] = [
        {"row": name, "published": False, "cells": [_cell(found, pair, name, kind) for pair in DIRECTIONS]}
        for name, kind in MEASURED
    ]
    measured = [row for row in measured if any(row["cells"])]
    if not measured:
        raise ArdError(
            "these results have none of the table's directions",
            todo=f"Measure {', '.join(f'{a}->{b}' for a, b in DIRECTIONS)}.",
        )
    return {"directions": [f"{a} → {b}" for a, b in DIRECTIONS], "rows": rows + measured, "disputed": list(DISPUTED)}


def _cell(found: Mapping[Any, tuple[Told, Told]], pair: tuple[str, str], name: str, kind: str) -> Cell | None:
    # a run may have tried single features alone: their controls stand where a set's would
    kinds = (kind,) if name in ("single feature", "set of features") else (kind, "single")
    at = next(((*pair, one) for one in kinds if (*pair, one) in found), None)
    if at is None:
        return None
    row, told = found[at]
    controls = row["controls"]
    judge = told["judge"]["judge"]
    if name == "random sets, mean":
        random = controls["random"]
        n = row["test"]["rates"]["eligible"]["n"]
        return random and {"share": random["mean"], "n": n, "interval": random["interval"], "judge": judge}
    source = {"raw units": controls["units"], "reconstructed": controls["reconstructed"]}.get(name, row["test"])
    return source and {**source["rates"]["eligible"], "judge": judge}


def as_markdown(table: Told) -> str:
    """The table with its disputed points below."""
    lines = [
        "# Steering sensitivity (Table 3)", "",
        "| | " + " | ".join(table["directions"]) + " |", "|---" * (1 + len(table["directions"])) + "|",
    ]  # fmt: skip
    for row in table["rows"]:
        name = f"{row['row']} ({'published' if row['published'] else 'measured'})"
        lines.append(f"| {name} | " + " | ".join(map(_shown, row["cells"])) + " |")
    return "\n".join([*lines, "", *(f"* {one}" for one in table["disputed"])]) + "\n"


def as_csv(table: Told) -> str:
    """One line for every cell that is there."""
    handle = io.StringIO()
    writer = csv.writer(handle, lineterminator="\n")
    writer.writerow(["row", "published", "direction", "share", "n", "low", "high", "judge"])
    for row in table["rows"]:
        for direction, cell in zip(table["directions"], row["cells"], strict=True):
            if cell:
                low, high = cell.get("interval") or ("", "")
                writer.writerow([
                    row["row"], row["published"], direction, cell["share"], cell.get("n", ""), low, high,
                    cell.get("judge", ""),
                ])  # fmt: skip
    return handle.getvalue()


def _shown(cell: Cell | None) -> str:
    if not cell or cell["share"] is None or cell["share"] != cell["share"]:
        return "–"
    if "interval" not in cell:
        return f"{cell['share']:.2f}"
    low, high = cell["interval"]
    return f"{cell['share']:.2f} [{low:.2f}, {high:.2f}], n = {cell['n']}"
