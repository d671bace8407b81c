"""What the terminal shows: tables on stdout, everything about a running job on stderr."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from backend.export.json_values import finite
from backend.study.folder import Study

StudyArgument = Annotated[Path, typer.Argument(metavar="STUDY", help="Study folder; the current one if left out.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
SaeOption = Annotated[str, typer.Option("--sae", help="Id of the SAE, or raw-LAYER; needed where there are several.")]
HERE = Path()


def open_study(folder: Path) -> Study:
    return Study.open(folder)


def print_json(value: Any) -> None:
    """One JSON document on stdout; NaN becomes null, because JSON has none."""
    print(json.dumps(finite(value), indent=2, ensure_ascii=False, allow_nan=False, default=str))


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """A table on stdout; numbers to the right, wide enough for its text where stdout is not a terminal."""
    from rich.console import Console
    from rich.table import Table

    body = [[shown(cell) for cell in row] for row in rows]
    if title:
        print(title)
    grid = Table(box=None, pad_edge=False, header_style="bold")
    for number, name in enumerate(columns):
        numeric = bool(body) and all(_looks_numeric(row[number]) for row in body)
        grid.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in body:
        grid.add_row(*row)
    Console(width=None if sys.stdout.isatty() else 200, markup=False, highlight=False).print(grid)


def shown(value: Any) -> str:
    """A cell's text: four significant digits, a dash for what is not there."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    return str(value)


def _looks_numeric(text: str) -> bool:
    try:
        float(text.replace("–", "0"))
    except ValueError:
        return False
    return True


def size(count: float) -> str:
    """Bytes as a person reads them."""
    for unit in ("B", "KB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.2f} TB"


def duration(seconds: float) -> str:
    """Seconds as a person reads them: 4.2 s, 3 min 05 s, 2 h 10 min."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
