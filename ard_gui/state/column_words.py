"""What each column of the table is called and what it says, in the words of docs/glossary.md."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Kind = Literal["feature", "count", "number", "percent", "text", "own", "status", "star", "tags", "flag", "note"]
NUMERIC: tuple[Kind, ...] = ("feature", "count", "number", "percent")


@dataclass(frozen=True)
class ColumnWords:
    """One column.

    Attributes
    ----------
    title : str
        As the header shows it.
    says : str
        What it is: formula and unit.
    kind : Kind
        How its cells are drawn.
    rising : bool
        Whether a first click sorts the smallest first.
    spread : bool
        Whether its values span orders of magnitude, so that a slider over them is logarithmic.
    term : str
        Its entry in the glossary; "" where it needs none.
    """

    title: str
    says: str
    kind: Kind = "number"
    rising: bool = False
    spread: bool = False
    term: str = ""


WORDS: dict[str, ColumnWords] = {
    "star": ColumnWords("★", "Your star: click, or press S.", "star"),
    "feature": ColumnWords("feature", "Number of the feature (latent), from 0 to D − 1.", "feature", True,
                           term="feature"),
    "name": ColumnWords("name", "Name of the concept, made from the captions of its clips.", "text", True,
                        term="concept"),
    "similarity": ColumnWords(
        "similarity", "Likeness of the feature's name to the text you searched the meaning of: a cosine, at most 1."
    ),
    "m": ColumnWords(
        "m", "Monosemanticity: (E_H − E_L) / max(σ, floor). High: the most representative clips sound alike, and "
        "unlike the least representative ones. No unit.", term="monosemanticity",
    ),
    "support": ColumnWords("support", "Number of clips in which the feature is active.", "count", spread=True,
                           term="support"),
    "frequency": ColumnWords(
        "frequency", "Share of all tokens at which the feature is active, in percent. In the filter it is a share: "
        "frequency < 0.01 means less than 1 %.", "percent", spread=True, term="frequency",
    ),
    "status": ColumnWords(
        "status", "ok: ranked. insufficient: fewer than p active clips. dead: never active in the probing set.",
        "status", True, term="insufficient",
    ),
    "detection": ColumnWords(
        "detection", "Balanced accuracy at telling the feature's clips from others by its name alone: 0.5 is chance, "
        "1 is always right.", term="detection score",
    ),
    "own_name": ColumnWords("own name", "The name you gave it.", "own", True),
    "tags": ColumnWords("tags", "Your tags.", "tags", True),
    "verdict": ColumnWords("verdict", "Your judgement of the feature, such as “not monosemantic”.", "own", True),
    "note": ColumnWords("note", "Whether you wrote a note; hold the mouse over the cell to read it.", "note"),
    "rank": ColumnWords("rank", "Place by score among all features, 0 for the best; – without a score.", "count", True,
                        term="rank"),
    "mean": ColumnWords("mean z", "Mean activation z over all tokens, in the units of the code.", spread=True,
                        term="code"),
    "mean_active": ColumnWords("mean active z", "Mean activation z over the tokens at which the feature is active.",
                               spread=True, term="active"),
    "max": ColumnWords("max z", "Largest activation z at any token.", spread=True, term="code"),
    "max_score": ColumnWords("max score", "Score of the most representative clip; usually r = μ·c.", spread=True,
                             term="representativeness"),
    "e_h": ColumnWords("E_H", "Mean cosine of the pairs within H, the p most representative clips.", term="E_H, E_L"),
    "e_l": ColumnWords("E_L", "Mean cosine of the pairs within L, the p least representative clips.", term="E_H, E_L"),
    "var_h": ColumnWords("var H", "Variance of the pairs' cosines within H.", term="H, L"),
    "var_l": ColumnWords("var L", "Variance of the pairs' cosines within L.", term="H, L"),
    "sigma": ColumnWords("σ", "Spread of the pairs' cosines, pooled over H and L.", term="monosemanticity"),
    "m_epsilon": ColumnWords("m (Eq. 4)", "(E_H − E_L) / (σ + ε), AR&D's Eq. 4 as printed.", term="monosemanticity"),
    "m_expected": ColumnWords("m (E_L*)", "m with E_L* in place of E_L.", term="E_H, E_L"),
    "e_l_expected": ColumnWords("E_L*", "Mean cosine over all clips of score 0.", term="E_H, E_L"),
    "m_redraw_mean": ColumnWords("m re-drawn", "Mean of m over ten re-draws of L.", term="re-draw of L"),
    "m_redraw_sd": ColumnWords("m re-drawn SD", "Standard deviation of m over ten re-draws of L.", term="re-draw of L"),
    "m_control": ColumnWords("m control", "m of p random clips in place of H: what a number is worth without any "
                             "feature.", term="control"),
    "weighted": ColumnWords("weighted", "Weighted score: mean cosine of all pairs of clips, each pair weighted by both "
                            "clips' scaled activations.", term="weighted score"),
    "degenerate": ColumnWords("degenerate", "Whether the similarities hardly spread (σ < 0.001), so that m divides by "
                              "almost nothing.", "flag", term="degenerate"),
    "name_status": ColumnWords("name status", "What to think of the name: ok, no captions, empty, refused, no common "
                               "concept, too long, not named.", "text", True, term="namer"),
}  # fmt: skip
"""Columns that ARD knows, in the order in which the table first shows them."""
SHOWN_AT_FIRST = (
    "star",
    "feature",
    "name",
    "own_name",
    "similarity",
    "m",
    "support",
    "frequency",
    "status",
    "detection",
    "tags",
)


def words_of(name: str, values: npt.NDArray[Any]) -> ColumnWords:
    """What is known about a column; for one of somebody else's making, what its values tell."""
    if name in WORDS:
        return WORDS[name]
    kind: Kind = {"b": "flag", "i": "count", "u": "count", "f": "number"}.get(values.dtype.kind, "text")  # type: ignore[assignment]
    return ColumnWords(name.replace("_", " "), f"Column {name} of the study's files.", kind, kind == "text")


def cell_text(kind: Kind, value: Any) -> str:
    """A cell as text: numbers with four significant digits, "–" where there is no value.

    Parameters
    ----------
    kind : Kind
    value
        A plain Python value, never a numpy scalar.
    """
    match kind:
        case "feature":
            return "–" if value < 0 else str(value)
        case "count":
            return "–" if value != value or value < 0 else f"{value:,}"
        case "percent":
            return "–" if value != value else f"{100 * value:#.4g} %"
        case "number":
            # Zeros at the end are kept: numbers below each other have their points nearly so.
            return "–" if value != value else f"{value:#.4g}".rstrip(".")
        case "flag":
            return "yes" if value else ""
        case "star":
            return "★" if value else ""
        case "note":
            return "✎" if value else ""
        case "tags":
            return ", ".join(value)
    return plain_line(str(value)) or ("–" if kind == "text" else "")


def plain_line(text: str) -> str:
    """One line without control characters, line breaks or marks that turn the text around it."""
    if text.isascii() and text.isprintable():
        return text
    return " ".join("".join(one if one.isprintable() or one in JOINERS else " " for one in text).split())


JOINERS = "\u200c\u200d"
"""Zero-width joiners: they hold emoji and Persian words together."""


def is_number(values: npt.NDArray[Any]) -> bool:
    """Whether a range of the column's values makes sense."""
    return bool(np.issubdtype(values.dtype, np.number))
