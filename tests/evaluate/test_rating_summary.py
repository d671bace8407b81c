"""A toy table of ratings with the answers written out (A-45)."""

from __future__ import annotations

import math

import numpy as np
import pytest

from backend.evaluate.ratings import rating_table, summary
from backend.store.notes.rating_book import ItemRating
from builders.rating_studies import toy_plan

PLAN = toy_plan(methods=("poly", "sae"), concepts=3)
"""Items 1, 3, 5 are of "poly", 2, 4, 6 of "sae"."""


def rated(rater: str, values: dict[int, int | None]) -> list[ItemRating]:
    return [ItemRating(item, rater, label="x", rating=value, closed=True) for item, value in values.items()]


RATINGS = [
    *rated("ada", {1: 1, 2: 5, 3: 3, 4: 4, 5: None}),
    *rated("eve", {1: 2, 2: 5, 3: 5, 6: 3}),
]


def test_mean_and_sd_are_over_all_ratings_and_concept_sd_over_the_concepts_means() -> None:
    poly, sae = summary(PLAN, RATINGS)
    # 1, 3, 2, 5: mean 2.75, squared distances 3.0625 + 0.0625 + 0.5625 + 5.0625 = 8.75, over 3
    assert (poly.method, poly.ratings, poly.raters, poly.concepts, poly.rated_concepts) == ("poly", 4, 2, 3, 2)
    assert poly.mean == 2.75
    assert poly.sd == pytest.approx(math.sqrt(8.75 / 3))
    # concept means 1.5 and 4
    assert poly.concept_sd == pytest.approx(2.5 / math.sqrt(2))
    # 5, 4, 5, 3: mean 4.25, squared distances 0.5625 + 0.0625 + 0.5625 + 1.5625 = 2.75, over 3
    assert (sae.mean, sae.ratings, sae.rated_concepts) == (4.25, 4, 3)
    assert sae.sd == pytest.approx(math.sqrt(2.75 / 3))
    # concept means 5, 4, 3
    assert sae.concept_sd == pytest.approx(1.0)


def test_alpha_is_over_the_concepts_that_two_raters_rated() -> None:
    poly, sae = summary(PLAN, RATINGS)
    # units (1,2) and (3,5): Σ o δ² = 2·1 + 2·4 = 10; pairs of 1,2,3,5: 1+4+16+1+9+4 = 35, twice 70; n − 1 = 3
    assert poly.alpha_interval == pytest.approx(1 - 10 * 3 / 70)
    assert math.isnan(sae.alpha_interval)


def test_table_has_a_row_per_rater_and_nan_where_nothing_was_rated() -> None:
    raters, items, table = rating_table(PLAN, RATINGS, "poly")
    assert (raters, items) == (["ada", "eve"], [1, 3, 5])
    np.testing.assert_array_equal(table, [[1, 3, np.nan], [2, 5, np.nan]])


def test_study_without_ratings_and_with_one_has_figures_as_far_as_there_are_any() -> None:
    nothing = summary(PLAN, [])[0]
    assert (nothing.ratings, nothing.raters) == (0, 0)
    assert math.isnan(nothing.mean)
    one = summary(PLAN, rated("ada", {1: 4}))[0]
    assert one.mean == 4.0
    assert math.isnan(one.sd)
    assert math.isnan(one.concept_sd)


def test_ratings_that_could_not_be_heard_are_counted() -> None:
    heard, silent = ItemRating(1, "ada", label="x", rating=3), ItemRating(3, "ada", label="x", rating=3, silent=True)
    assert summary(PLAN, [heard, silent])[0].silent == 1
