"""Features of one SAE beside their nearest in another: their columns, and which of them are shown in what order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ard_gui.state.column_words import WORDS, ColumnWords
from backend.store.columns import FeatureColumns
from backend.store.comparison import PARTNER, Side

Int = npt.NDArray[np.int64]
ALL, WITH, WITHOUT, MUTUAL = "all", "with", "without", "mutual"
KEPT = {
    ALL: "All features", WITH: "With a partner", WITHOUT: "Without a partner", MUTUAL: "Each other's nearest",
}  # fmt: skip
"""What can be shown, and how it is called."""

PAIR_WORDS: dict[str, ColumnWords] = {
    "feature": WORDS["feature"],
    "name": WORDS["name"],
    "nearest": ColumnWords("nearest", "Feature of the other SAE whose decoder direction has the largest cosine.",
                           "feature", True),
    "nearest_name": ColumnWords("its name", "Name of the nearest feature.", "text", True),
    "cosine": ColumnWords(
        "cosine", f"Cosine of the two decoder directions, at most 1. From {PARTNER} on they are called partners.",
    ),
    "iou": ColumnWords(
        "IoU", "Tokens of the probing clips on which both are active, of those on which either is; 0 if there are "
        "none. – where the layers' activations are not stored.",
    ),
    "mutual": ColumnWords("mutual", "Whether each is the other's nearest.", "flag"),
    "active": ColumnWords("active", "Tokens of the probing clips on which the feature is active.", "count"),
}  # fmt: skip
"""In the order of the table."""


def columns_of(side: Side, names: list[str], others: list[str]) -> FeatureColumns:
    """Columns [D] under the names of `PAIR_WORDS`; `names` and `others` [D] are those of either SAE's features."""
    nearest = side.partner[:, 0].astype(np.int64)
    told = np.array([*others, ""], dtype=object)
    return FeatureColumns(
        {
            "feature": np.arange(side.features),
            "name": np.array(names, dtype=object),
            "nearest": nearest,
            "nearest_name": told[nearest],
            "cosine": side.cosine[:, 0],
            "iou": side.iou[:, 0],
            "mutual": side.mutual,
            "active": side.active,
        }
    )


@dataclass(frozen=True)
class PairQuery:
    """Which features are shown, and how they are sorted.

    Attributes
    ----------
    kept : str
        One of `KEPT`.
    text : str
        Must occur in one of the two names; letter case does not matter.
    sort : str
        A column; descending unless `rising`.
    """

    kept: str = ALL
    text: str = ""
    sort: str = "cosine"
    rising: bool = False

    def rows(self, columns: FeatureColumns) -> Int:
        """The features in their order."""
        with np.errstate(invalid="ignore"):
            partner = columns["cosine"] >= PARTNER
        shown = {
            ALL: np.ones(columns.rows, np.bool_), WITH: partner, WITHOUT: ~partner, MUTUAL: columns["mutual"],
        }[self.kept]  # fmt: skip
        if self.text.strip():
            text = self.text.strip()
            shown = shown & (columns.contains("name", text) | columns.contains("nearest_name", text))
        order = columns.order(self.sort, not self.rising)
        found: Int = order[shown[order]]
        return found
