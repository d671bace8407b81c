"""How strongly a feature is active on the probing set: the ground behind its slider."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backend.store.retrieval import RetrievalFile

BINS = 40


@dataclass(frozen=True, eq=False)
class Activations:
    """Counts in equal bins of [0, maximum].

    Attributes
    ----------
    feature : int
    counts : int array [BINS]
    maximum : float
        The feature's largest value on the probing set, in its own units; 0 for none.
    told : str
        What is counted.
    """

    feature: int
    counts: npt.NDArray[np.int64]
    maximum: float
    told: str


def activations(file: RetrievalFile, feature: int, maximum: float) -> Activations:
    """The active clips by their largest value where the pair table was kept, else the tokens of the listed clips.

    On the reader's thread. Raises ArdError as reading the file does.
    """
    pairs = file.pairs(feature) if file.has_pairs else None
    if pairs is not None:
        values, told = pairs["max"], "active clips by their largest value"
    else:
        found = [trace.value for trace in file.feature(feature).traces.values()]
        values = np.concatenate(found) if found else np.zeros(0, np.float32)
        told = "active tokens of the listed clips by their value"
    usable = np.isfinite(maximum) and maximum > 0
    top = float(maximum) if usable else 0.0
    counts = np.histogram(values[values > 0], BINS, (0.0, top * (1 + 1e-6)))[0] if usable else np.zeros(BINS)
    return Activations(feature, counts.astype(np.int64), top, told)
