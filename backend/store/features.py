"""The feature table of one SAE: columns, sorting and filtering in numpy, for the CLI and the desktop alike."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from backend.errors import ArdError
from backend.store.filter import compile_filter
from backend.store.retrieval import STATUS, RetrievalFile
from backend.study.folder import Study

Columns = dict[str, npt.NDArray[Any]]


def choose(study: Study, asked: str) -> str:
    """The id whose features are meant: the asked one, or the only SAE there is.

    Raises ArdError naming the known ids otherwise.
    """
    known = study.feature_ids()
    if asked:
        study.retrieval(asked)
        return asked
    saes = [name for name in known if not name.startswith("raw-")]
    if len(saes) == 1:
        return saes[0]
    if not known:
        raise ArdError("this study has no ranked features yet", path=study.root, todo="Run: ard run")
    raise ArdError(
        f"this study has features of several SAEs: {', '.join(known)}", path=study.root, todo="Name one with --sae."
    )


def feature_columns(file: RetrievalFile) -> Columns:
    """Columns [D] of every feature: `feature` and what `RetrievalFile.table` has, `status` as text."""
    table = file.table()
    status = np.array(STATUS)[np.minimum(table["status"], len(STATUS) - 1)]
    return {"feature": np.arange(file.features), **table, "status": status}


def select(columns: Columns, *, where: str = "", sort: str = "", descending: bool = True) -> npt.NDArray[np.int64]:
    """Row numbers that satisfy `where`, ordered by column `sort`.

    NaN comes last in both directions; among equal values the lower row comes first.
    """
    length = len(next(iter(columns.values())))
    rows = np.flatnonzero(compile_filter(where).mask(columns)) if where.strip() else np.arange(length)
    if not sort:
        return rows
    if sort not in columns:
        raise ArdError(f"there is no column '{sort}' to sort by", todo=f"Columns are: {', '.join(sorted(columns))}.")
    values = columns[sort][rows]
    _, ranks = np.unique(values, return_inverse=True)
    missing = values != values
    key = -ranks.astype(np.int64) if descending else ranks.astype(np.int64)
    key[missing] = np.iinfo(np.int64).max
    return rows[np.argsort(key, kind="stable")]
