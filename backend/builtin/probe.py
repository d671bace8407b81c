"""The baseline of every figure: a linear classifier on the mean-pooled output of the audio tower (numpy only).

Ridge regression onto one-hot classes in closed form, every class with equal weight:

    B = (XᵀWX + λI)⁻¹ XᵀWY,   W = diag(1 / (C n_c)),

with X standardised under the same weights and a column of ones (not penalised). λ is the one with the best balanced
accuracy on the validation split.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backend.builtin.scores import balanced_accuracy

PENALTIES = (0.1, 0.01, 0.001, 1.0, 10.0)
"""Values of λ; of equally good ones the first is kept."""

Float = npt.NDArray[np.float64]
Features = npt.NDArray[np.float32] | Float


@dataclass(frozen=True)
class Probe:
    """A trained linear classifier; of equally likely classes the alphabetically first is told.

    Attributes
    ----------
    classes : tuple of str
        C names in alphabetical order.
    centre, scale : array [d]
    weights : array [d + 1, C]
        The last row is the intercept.
    penalty : float
        λ.
    """

    classes: tuple[str, ...]
    centre: Float
    scale: Float
    weights: Float
    penalty: float

    def predict(self, x: Features) -> list[str]:
        """The class of every row of x [n, d]."""
        likely = _design(x, self.centre, self.scale) @ self.weights
        return [self.classes[int(best)] for best in likely.argmax(axis=1)]


def train_probe(
    x: Features,
    keys: Sequence[str],
    held_back: tuple[Features, Sequence[str]] | None = None,
    *,
    penalties: Sequence[float] = PENALTIES,
) -> Probe | None:
    """Train on x [n, d] and the class of each row; None without rows.

    Parameters
    ----------
    held_back : (array [m, d], sequence of str), optional
        The validation split, on which λ is chosen among `penalties`; without it the first is taken.
    """
    if not len(keys):
        return None
    classes, codes = np.unique(np.asarray(keys), return_inverse=True)
    counts = Counter(keys)
    weight = np.array([1 / (len(classes) * counts[key]) for key in keys])
    x = np.asarray(x, dtype=np.float64)
    centre: Float = weight @ x
    scale: Float = np.sqrt(weight @ (x - centre) ** 2)
    scale[scale <= 1e-9 * (1 + np.abs(centre))] = 1.0
    design = _design(x, centre, scale)
    moments = design.T @ (weight[:, None] * design)
    targets = design.T @ (weight[:, None] * np.eye(len(classes))[codes])
    penalised = np.append(np.ones(x.shape[1]), 0.0)

    def solved(penalty: float) -> Probe:
        weights = np.linalg.solve(moments + penalty * np.diag(penalised), targets)
        return Probe(tuple(str(name) for name in classes), centre, scale, weights.astype(np.float64), penalty)

    if held_back is None or not len(held_back[1]):
        return solved(penalties[0])
    probes = [solved(penalty) for penalty in penalties]
    return max(probes, key=lambda probe: balanced_accuracy(held_back[1], probe.predict(held_back[0])))


def _design(x: Features, centre: Float, scale: Float) -> Float:
    """Standardised features and a column of ones, [n, d + 1]."""
    standard = (np.asarray(x, dtype=np.float64) - centre) / scale
    return np.concatenate([standard, np.ones((len(standard), 1))], axis=1)
