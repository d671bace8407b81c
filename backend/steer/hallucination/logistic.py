"""Logistic regression with an L2 penalty, and the steering vector that follows from it (S-46)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backend.errors import ArdError

Matrix = npt.NDArray[np.float64]
STEPS, TOLERANCE = 100, 1e-9


@dataclass(frozen=True)
class Logistic:
    """A fitted model: P(y = 1) = σ(x·beta + intercept).

    Attributes
    ----------
    beta : float64 [D]
        In the units of the data that was given, or per standard deviation where it was standardised.
    scale : float64 [D]
        What the data is divided by before it meets beta: ones unless standardised.
    """

    beta: Matrix
    intercept: float
    scale: Matrix

    def margins(self, x: npt.ArrayLike) -> Matrix:
        """x·beta + intercept [n]; above zero means y = 1."""
        found: Matrix = (np.asarray(x, dtype=np.float64) / self.scale) @ self.beta + self.intercept
        return found


def fit(x: npt.ArrayLike, y: npt.ArrayLike, *, c: float = 1.0, standardise: bool = False) -> Logistic:
    """Minimise ½‖beta‖² + c · Σ log(1 + exp(−(2y − 1)(x·beta + intercept))); the intercept is not penalised.

    The minimiser lies in the span of the rows, so Newton's method works there: n unknowns where D is larger.

    Parameters
    ----------
    x : [n, D]
    y : [n] of 0 and 1

    Raises ArdError if y holds one class only, or a value is not finite.
    """
    data, wanted = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if not np.isfinite(data).all():
        raise ArdError("a code is NaN or infinite, so no classifier can be fitted")
    if len(np.unique(wanted)) < 2:
        which = "all" if len(wanted) and wanted[0] else "none"
        raise ArdError(
            f"{which} of the {len(wanted)} clips are taken for speech, so nothing can be learnt from the difference",
            todo="Use other or more clips, or another threshold.",
        )
    scale = _deviation(data) if standardise else np.ones(data.shape[1])
    left, singular, right = np.linalg.svd(data / scale, full_matrices=False)
    kept = singular > singular.max(initial=0.0) * 1e-12
    reduced = np.concatenate([left[:, kept] * singular[kept], np.ones((len(data), 1))], axis=1)
    penalty = np.append(np.ones(int(kept.sum())), 0.0)
    weights = _newton(reduced, wanted, penalty, c)
    return Logistic(right[kept].T @ weights[:-1], float(weights[-1]), scale)


def _newton(x: Matrix, y: Matrix, penalty: Matrix, c: float) -> Matrix:
    w = np.zeros(x.shape[1])
    value = _loss(x, y, penalty, c, w)
    for _ in range(STEPS):
        p = 0.5 * (1 + np.tanh(0.5 * (x @ w)))
        gradient = penalty * w + c * (x.T @ (p - y))
        hessian = np.diag(penalty) + c * (x.T * (p * (1 - p))) @ x
        # separable classes let the unpenalised intercept's curvature vanish
        hessian[-1, -1] += 1e-10
        step = np.linalg.solve(hessian, gradient)
        size = 1.0
        slope = 1e-4 * float(gradient @ step)
        while (tried := _loss(x, y, penalty, c, w - size * step)) > value - size * slope and size > 1e-10:
            size /= 2
        if size <= 1e-10:
            break
        w, before, value = w - size * step, value, tried
        if before - value <= TOLERANCE * max(1.0, abs(value)) and np.abs(gradient).max() < 1e-6 * max(1.0, c * len(y)):
            break
    return w


def _loss(x: Matrix, y: Matrix, penalty: Matrix, c: float, w: Matrix) -> float:
    margins = (2 * y - 1) * (x @ w)
    return float(0.5 * (penalty * w * w).sum() + c * np.logaddexp(0.0, -margins).sum())


def _deviation(data: Matrix) -> Matrix:
    found = data.std(axis=0)
    return np.where(found > 0, found, 1.0)


def strongest(beta: npt.ArrayLike, k: int) -> npt.NDArray[np.int64]:
    """The k features of largest |beta|, ascending; the lower index wins a tie, and beta = 0 is never chosen."""
    size = np.abs(np.asarray(beta, dtype=np.float64))
    order = np.argsort(-size, kind="stable")[:k]
    return np.sort(order[size[order] > 0])


def steering_vector(beta: npt.ArrayLike, k: int) -> Matrix:
    """s [D]: −sign(beta_j) for the k features of largest |beta|, 0 elsewhere (S-46, O-17)."""
    values = np.asarray(beta, dtype=np.float64)
    s = np.zeros(len(values))
    chosen = strongest(values, k)
    s[chosen] = -np.sign(values[chosen])
    return s


def s_vector(heard: npt.ArrayLike, quiet: npt.ArrayLike) -> Matrix:
    """(mean_H − mean_N) / ‖·‖ [d], towards hallucination (S-48, O-17).

    Parameters
    ----------
    heard, quiet : [d]
        Mean of x over all frames of the clips with p < tau, and of those with p ≥ tau.

    Raises ArdError if the means are equal.
    """
    difference = np.asarray(heard, dtype=np.float64) - np.asarray(quiet, dtype=np.float64)
    norm = float(np.linalg.norm(difference))
    if not norm > 0:
        raise ArdError("clips taken for speech and the others have the same mean, so there is no S-vector")
    found: Matrix = difference / norm
    return found


def f1(predicted: npt.ArrayLike, wanted: npt.ArrayLike) -> float:
    """2·TP / (2·TP + FP + FN); NaN where nothing is predicted or wanted."""
    said, true = np.asarray(predicted, dtype=bool), np.asarray(wanted, dtype=bool)
    below = int(said.sum() + true.sum())
    return 2 * int((said & true).sum()) / below if below else float("nan")
