"""The steering vectors of one source, made from the train part of its clips (S-46, S-48)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backend.steer.hallucination.clips import Item
from backend.steer.hallucination.logistic import Logistic, f1, fit, s_vector, steering_vector, strongest
from backend.steer.hallucination.plan import Plan
from backend.steer.hallucination.push import ORIGINAL, Push
from backend.steer.hallucination.results import Pooled, Results

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Vectors:
    """What one source gives.

    Attributes
    ----------
    source : str
        A set's name, or "all".
    clips, heard : int
        Clips it was made from, and those of them with p < tau.
    model : Logistic
    u : float64 [d]
        The S-vector, towards hallucination.
    units : float
        What one α of a code is; `s_units` the same of the S-vector.
    sign : int
        The S-vector's (S-48).
    """

    source: str
    clips: int
    heard: int
    model: Logistic
    u: Array
    units: float
    s_units: float
    sign: int

    def steered(self, k: int, alpha: float) -> Push:
        return Push.steered(steering_vector(self.model.beta, k), alpha * self.units)

    def along_s(self, alpha: float) -> Push:
        return Push.along(self.u, self.sign * alpha * self.s_units)


def make(source: str, items: Sequence[Item], plan: Plan, results: Results, features: int, per_vector: bool) -> Vectors:
    """Fit classifier and S-vector; ArdError if all clips or none have p < tau."""
    heard = heard_of(items, plan, results)
    readings = plan.readings
    model = fit(codes_of(items, results, features), heard, c=readings.c, standardise=readings.standardise)
    pooled = [results.pooled(one.key) for one in items]
    mean_h, mean_n = (
        _mean([one for one, is_h in zip(pooled, heard, strict=True) if is_h == want]) for want in (True, False)
    )
    scale = math.sqrt(sum(one.squares for one in pooled) / sum(one.frames for one in pooled))
    # under per-vector scaling the codes already belong to x / ‖x‖
    units = scale if readings.units == "normalised" and not per_vector else 1.0
    return Vectors(
        source, len(items), int(heard.sum()), model, s_vector(mean_h, mean_n), units,
        scale if readings.s_vector_units == "normalised" else 1.0, readings.s_vector_sign,
    )  # fmt: skip


def _mean(pooled: Sequence[Pooled]) -> Array:
    """Mean of x over all valid frames of all these clips [d] (S-48)."""
    sums = np.stack([one.sum_x for one in pooled])
    found: Array = sums.sum(axis=0) / sum(one.frames for one in pooled)
    return found


def heard_of(items: Sequence[Item], plan: Plan, results: Results) -> npt.NDArray[np.bool_]:
    """1[p < tau] of each clip as the model is (the target of S-46, whatever `count` says)."""
    p = [results[one.key, ORIGINAL.identity()].p for one in items]
    found: npt.NDArray[np.bool_] = np.array(p) < plan.readings.threshold
    return found


def codes_of(items: Sequence[Item], results: Results, features: int) -> npt.NDArray[np.float32]:
    """Max-pooled codes [n, D]; 0 where a feature is active in no frame."""
    found = np.zeros((len(items), features), dtype=np.float32)
    for row, one in enumerate(items):
        pooled = results.pooled(one.key)
        found[row, pooled.feature] = pooled.value
    return found


def f1_rows(
    vectors: Vectors, train: Sequence[Item], test: Sequence[Item], plan: Plan, results: Results
) -> list[dict[str, float | int | str]]:
    """F1 on `test` of classifiers fitted on `train` with the top-k features alone (S-49, Table 7).

    Beside it, F1 of saying yes to every clip. Hallucination (p < tau) is the positive class.
    """
    features = len(vectors.model.beta)
    x, y = codes_of(train, results, features), heard_of(train, plan, results)
    x_test, y_test = codes_of(test, results, features), heard_of(test, plan, results)
    always = f1(np.ones(len(test)), y_test)
    rows: list[dict[str, float | int | str]] = []
    for k in (features, *(k for k in plan.grid.f1_k if k < features)):
        chosen = strongest(vectors.model.beta, k)
        model = fit(x[:, chosen], y, c=plan.readings.c, standardise=plan.readings.standardise)
        rows.append({
            "vector_source": vectors.source, "k": "all" if k == features else k,
            "f1_train": f1(model.margins(x[:, chosen]) > 0, y),
            "f1_test": f1(model.margins(x_test[:, chosen]) > 0, y_test), "f1_always_yes": always,
            "n_train": len(train), "n_test": len(test), "positive_test": int(y_test.sum()),
        })  # fmt: skip
    return rows
