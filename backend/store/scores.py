"""The scores file: how monosemantic each feature of one SAE is (A-27…A-32, docs/store-format.md).

Version 1. One array [D] per column; NaN where a feature has no such score.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from backend.errors import ArdError
from backend.store import hdf

KIND, VERSION = "scores", 1
COLUMNS = {
    "e_h": "f8",
    "e_l": "f8",
    "var_h": "f8",
    "var_l": "f8",
    "sigma": "f8",
    "m": "f8",
    "m_epsilon": "f8",
    "m_expected": "f8",
    "e_l_expected": "f8",
    "m_redraw_mean": "f8",
    "m_redraw_sd": "f8",
    "m_control": "f8",
    "weighted": "f8",
    "rank": "i4",
    "degenerate": "?",
}
"""Columns and their types.

e_h, e_l, var_h, var_l: mean and variance of the pairwise similarities of H and L (A-27, A-28); sigma: pooled (A-28);
m: (E_H − E_L)/max(σ, floor); m_epsilon: Eq. 4, (E_H − E_L)/(σ + ε) (A-29); e_l_expected: E_L over all clips of score 0,
m_expected: m with it in place of E_L (A-24); m_redraw_mean, m_redraw_sd: of m over re-draws of L; m_control: m of
random clips in place of H (A-31); weighted: activation-weighted score (A-32); rank: 0 for the best by the setting
`rank_by`, −1 without a score (A-30); degenerate: σ < 1e-3 (A-29).
"""


class ScoresFile:
    """A finished scores file, read whole.

    Attributes
    ----------
    columns : dict of str to array [D]
        As `COLUMNS`.
    settings : dict
        The `[scores]` settings it was made with.
    embedder : dict
        Identity of the embedder.

    Raises ArdError if the file is missing, damaged, of another kind or of a later version.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with hdf.open_read(path, kind=KIND, version=VERSION) as handle:
            try:
                self.columns: dict[str, npt.NDArray[Any]] = {name: handle[f"scores/{name}"][...] for name in COLUMNS}
                self.settings: dict[str, Any] = json.loads(str(handle.attrs["settings"]))
                self.embedder: dict[str, Any] = json.loads(str(handle.attrs["embedder"]))
            except (KeyError, OSError, ValueError) as error:
                raise ArdError(
                    f"the scores file is damaged ({error})", path=path, todo="Remove it and run: ard describe"
                ) from error

    def ranked(self) -> npt.NDArray[np.int64]:
        """Features with a rank, the best first."""
        rank = self.columns["rank"]
        known = np.flatnonzero(rank >= 0)
        return known[np.argsort(rank[known], kind="stable")].astype(np.int64)


def write(path: Path, columns: dict[str, npt.NDArray[Any]], settings: dict[str, Any], embedder: dict[str, Any]) -> None:
    """Write the file; `columns` must be those of `COLUMNS`."""
    if columns.keys() != COLUMNS.keys():
        raise ValueError(f"columns differ: {sorted(columns.keys() ^ COLUMNS.keys())}")
    with hdf.create(path, kind=KIND, version=VERSION) as handle:
        handle.attrs.update(settings=json.dumps(settings), embedder=json.dumps(embedder))
        for name, dtype in COLUMNS.items():
            handle.create_dataset(f"scores/{name}", data=columns[name].astype(dtype))
