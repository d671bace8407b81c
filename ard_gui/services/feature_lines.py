"""What the views show of a feature and of clips: plain values, read on the reader thread and ready to be shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from backend.store.clips import Clip
from backend.store.concepts import ClipCaption

Floats = npt.NDArray[np.float64]
Kind = Literal["retrieval", "scores", "concepts", "clips", "sae"]
"""What a number or a name came from: each has a manifest."""
NAN = float("nan")


@dataclass(frozen=True, eq=False)
class TraceLine:
    """Where in a clip the feature is active.

    Attributes
    ----------
    start, end : float array [n]
        Seconds of the clip, of each active token in order.
    value : float array [n]
        z there.
    """

    start: Floats
    end: Floats
    value: Floats


NO_TRACE = TraceLine(np.zeros(0), np.zeros(0), np.zeros(0))


@dataclass(frozen=True)
class ClipLine:
    """One clip in one of a feature's groups.

    Attributes
    ----------
    clip : int
        Row of the clip table.
    name : str
        Its record id.
    labels : str
        "category: water, label: rain".
    caption : str
        The caption a name was made from, else that of the data set.
    score : float
        The score it is ranked by (r, unless the study says otherwise); NaN where it is not known.
    tokens : int
        T.
    mean, coverage : float
        μ and c: mean of z over all T tokens, share of the tokens with z > 0 (A-21); NaN where they are not known.
    mean_active, max : float
        Mean of z over the active tokens, and largest z; 0 where no token is active.
    trace : TraceLine
    media : Clip or None
        Which sound it is: what a loader needs to decode it, with hash and licence.
    neighbour : int
        Of a hard negative: the feature that answers to the clip; −1 in other groups.
    neighbour_score : float
        That feature's score of the clip.
    """

    clip: int
    name: str
    labels: str
    caption: str
    score: float
    tokens: int
    mean: float = NAN
    coverage: float = NAN
    mean_active: float = NAN
    max: float = NAN
    trace: TraceLine = NO_TRACE
    media: Clip | None = None
    neighbour: int = -1
    neighbour_score: float = NAN


@dataclass(frozen=True)
class ClipGroup:
    """Clips that belong together on the page.

    Attributes
    ----------
    id : str
        most, quantile, least, random or hard.
    title : str
    told : str
        Which clips these are, in a sentence; where something is not known, it says so.
    lines : list of ClipLine
    low, high : float
        Lowest and highest score among the shown clips; NaN for none.
    """

    id: str
    title: str
    told: str
    lines: list[ClipLine]
    low: float = NAN
    high: float = NAN


@dataclass(frozen=True)
class Figure:
    """One number of a feature.

    Attributes
    ----------
    column : str
        Its column in the table.
    label, text : str
        As it is shown: "E_H", "0.4312".
    told : str
        What it is, in a sentence.
    kind : Kind
        Whose manifest stands behind it: `OpenRanking.manifest_behind`.
    """

    column: str
    label: str
    text: str
    told: str
    kind: Kind


@dataclass(frozen=True)
class ConceptLines:
    """What a feature is called, ready to be shown.

    Attributes
    ----------
    title : str
        Its name, cut to a heading's length, and marked where no language model made it; "" if it has none.
    description : str
    origin : str
        What named it.
    status : str
        What is wrong with the name, "" if nothing is.
    detection : str
        How well the name finds the feature's clips.
    name : str
        The whole name.
    accuracy : float
        Balanced accuracy of the detection test (P-10); NaN where there is none.
    captions : tuple of ClipCaption
        What the name was made from.
    """

    title: str
    description: str
    origin: str
    status: str
    detection: str
    name: str = ""
    accuracy: float = NAN
    captions: tuple[ClipCaption, ...] = ()


@dataclass(frozen=True)
class Neighbour:
    """A feature whose decoder direction is near."""

    feature: int
    cosine: float
    name: str


@dataclass(frozen=True, eq=False)
class Histogram:
    """How many active clips have which score: equal bins of [0, upper]."""

    counts: npt.NDArray[np.int64]
    upper: float


@dataclass(frozen=True)
class FeatureLines:
    """Everything a feature's page shows.

    Attributes
    ----------
    feature : int
    score : str
        What clips are ranked by: "r".
    figures : dict
        Every column of the table but name and number.
    most, least : list of ClipLine
    concept : ConceptLines or None
        None where the feature was not described.
    near : list of Neighbour
        The nearest first.
    header, scores : tuple of Figure
        Support, frequency and so on; the parts the score is made of. Without scores the latter is empty.
    histogram : Histogram
    groups : list of ClipGroup
        most, the quantiles from the strongest to the weakest, least, random, hard.
    """

    feature: int
    score: str
    figures: dict[str, Any]
    most: list[ClipLine]
    least: list[ClipLine]
    concept: ConceptLines | None = None
    near: list[Neighbour] = field(default_factory=list)
    header: tuple[Figure, ...] = ()
    scores: tuple[Figure, ...] = ()
    histogram: Histogram = field(default_factory=lambda: Histogram(np.zeros(0, np.int64), NAN))
    groups: list[ClipGroup] = field(default_factory=list)

    @property
    def neighbours(self) -> list[tuple[int, float]]:
        """Number and cosine of each near feature."""
        return [(one.feature, one.cosine) for one in self.near]


@dataclass(frozen=True)
class ClipFeature:
    """One of the strongest features of a clip."""

    feature: int
    name: str
    score: float


@dataclass(frozen=True)
class Behind:
    """The manifest that stands behind a number: settings, inputs, versions, when and how it was made."""

    kind: Kind
    path: Path
    manifest: dict[str, Any]
