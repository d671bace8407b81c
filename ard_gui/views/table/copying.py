"""Rows of the table as text for the clipboard."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ard_gui.state.column_words import cell_text, words_of

Column = npt.NDArray[Any]


def as_text(columns: Mapping[str, Column], titles: Sequence[str], features: Iterable[int]) -> str:
    """Rows as they are shown, tabs between cells, titles first; what a spreadsheet pastes."""
    kinds = [words_of(name, values).kind for name, values in columns.items()]
    rows = (
        "\t".join(cell_text(kind, _plain(values[k])) for kind, values in zip(kinds, columns.values(), strict=True))
        for k in features
    )
    return "\n".join(("\t".join(titles), *rows)) + "\n"


def as_csv(columns: Mapping[str, Column], features: Iterable[int]) -> str:
    """Rows with full precision under the columns' ids; empty where there is no value."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_cell(_plain(values[k])) for values in columns.values()] for k in features)
    return out.getvalue()


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return "" if math.isnan(value) else repr(value)
    return ", ".join(value) if isinstance(value, tuple) else str(value)
