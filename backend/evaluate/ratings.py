"""What a blind rating study says of each method (A-44, A-45)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backend.evaluate.agreement import alpha
from backend.store.notes.rating_book import ItemRating
from backend.store.notes.rating_plan import RatingPlan

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class MethodRatings:
    """The ratings of one method's names; NaN where there are too few for a figure.

    Attributes
    ----------
    method : str
    concepts, rated_concepts : int
        Concepts in the plan; those with a rating.
    raters, ratings : int
        Raters who rated at least one of them; ratings given.
    mean, sd : float
        Over all (rater, concept) ratings; ddof = 1 (A-45).
    concept_sd : float
        SD of the per-concept means over raters; ddof = 1.
    alpha_interval, alpha_ordinal : float
        Krippendorff's α between raters, concepts as units.
    silent : int
        Ratings given where something was played that could not be heard.
    """

    method: str
    concepts: int
    rated_concepts: int
    raters: int
    ratings: int
    mean: float
    sd: float
    concept_sd: float
    alpha_interval: float
    alpha_ordinal: float
    silent: int


def summary(plan: RatingPlan, ratings: Sequence[ItemRating]) -> list[MethodRatings]:
    """Figures of every method of the plan, in its order.

    Every rating counts, also of an item its rater has not left yet; missing ones are left out, not guessed.
    """
    return [_of_method(plan, ratings, one.id) for one in plan.methods]


def rating_table(plan: RatingPlan, ratings: Sequence[ItemRating], method: str) -> tuple[list[str], list[int], Floats]:
    """Raters, items, and ratings [raters, items] of one method, NaN where one is missing.

    Raters who rated none of its concepts are left out; items are all of the method's, in the plan's order.
    """
    items = [one.order for one in plan.items if one.method == method]
    place = {order: column for column, order in enumerate(items)}
    given = [one for one in ratings if one.item in place and one.rating is not None]
    raters = sorted({one.rater for one in given})
    table = np.full((len(raters), len(items)), np.nan)
    for one in given:
        table[raters.index(one.rater), place[one.item]] = one.rating
    return raters, items, table


def _of_method(plan: RatingPlan, ratings: Sequence[ItemRating], method: str) -> MethodRatings:
    raters, items, table = rating_table(plan, ratings, method)
    known = ~np.isnan(table)
    rated = known.any(axis=0)
    sums, counts = np.where(known, table, 0.0).sum(axis=0), known.sum(axis=0)
    means = sums[rated] / counts[rated]
    silent = sum(one.silent for one in ratings if one.item in set(items) and one.rating is not None)
    values = table[known]
    return MethodRatings(
        method, len(items), int(rated.sum()), len(raters), len(values), _mean(values), _sd(values), _sd(means),
        alpha(table, "interval"), alpha(table, "ordinal"), silent,
    )  # fmt: skip


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _sd(values: Floats) -> float:
    return float(values.std(ddof=1)) if len(values) > 1 else float("nan")
