"""Detection rate, vectors, classifier and word errors, with the answers written out (S-43…S-49, O-17)."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from backend.errors import ArdError
from backend.export.shares import Share
from backend.steer.hallucination.logistic import f1, fit, s_vector, steering_vector, strongest
from backend.steer.hallucination.rates import bootstrap, detection_rate, paired_difference
from backend.steer.hallucination.wording import english_normaliser, error_rate, word_errors


def test_detection_rate_of_five_clips_is_two_fifths_because_one_half_is_not_below_one_half() -> None:
    found = detection_rate([0.1, 0.4, 0.5, 0.6, 0.9], 0.5)
    assert (found.count, found.n, found.value) == (2, 5, 0.4)


def test_clip_with_low_p_and_no_transcript_counts_only_where_text_is_not_asked_for() -> None:
    assert detection_rate([0.1, 0.2], 0.5, ["you", "  "]).value == 0.5


def test_wilson_intervals_are_the_published_ones() -> None:
    assert Share(2, 3).interval == pytest.approx((0.2077, 0.9385), abs=5e-5)
    assert Share(288, 384).interval == pytest.approx((0.7044, 0.7907), abs=5e-5)
    assert Share(0, 0).interval == (0.0, 1.0)


def test_vector_takes_the_two_largest_coefficients_against_their_sign() -> None:
    assert steering_vector([0.5, -2, 0.1, 1], 2).tolist() == [0, 1, 0, -1]


def test_lower_index_wins_a_tie_and_zero_is_never_chosen() -> None:
    assert strongest([1.0, -1.0, 1.0], 2).tolist() == [0, 1]
    assert strongest([0.0, 0.0, 3.0], 2).tolist() == [2]


def test_s_vector_is_the_unit_difference_of_means() -> None:
    heard, quiet = np.array([[2.0, 0], [4, 0]]).mean(0), np.array([[0.0, 0], [0, 4]]).mean(0)
    assert s_vector(heard, quiet) == pytest.approx([0.8320503, -0.5547002], abs=5e-8)


def test_equal_means_have_no_s_vector() -> None:
    with pytest.raises(ArdError, match="same mean"):
        s_vector([1.0, 2.0], [1.0, 2.0])


def test_two_symmetric_points_give_the_root_of_the_optimality_condition() -> None:
    model = fit([[-1.0], [1.0]], [0, 1])
    (beta,) = model.beta
    # ½b² + 2 log(1 + e^−b) is least where b = 2 / (1 + e^b)
    assert beta == pytest.approx(2 / (1 + math.exp(beta)), abs=1e-7)
    assert beta == pytest.approx(0.6748316143551, abs=1e-6)
    assert model.intercept == pytest.approx(0.0, abs=1e-7)


@pytest.mark.parametrize(("rows", "columns", "c"), [(40, 3, 1.0), (12, 30, 0.3), (25, 25, 10.0)])
def test_classifier_equals_a_general_optimiser_on_the_same_objective(rows: int, columns: int, c: float) -> None:
    generator = np.random.default_rng(rows)
    x = generator.normal(0, 1, (rows, columns))
    y = (x[:, 0] + generator.normal(0, 1, rows) > 0).astype(float)

    def loss(w: np.ndarray) -> float:
        margins = (2 * y - 1) * (x @ w[:-1] + w[-1])
        return float(0.5 * w[:-1] @ w[:-1] + c * np.logaddexp(0, -margins).sum())

    best = minimize(loss, np.zeros(columns + 1), method="BFGS", options={"gtol": 1e-8})
    model = fit(x, y, c=c)
    assert np.append(model.beta, model.intercept) == pytest.approx(best.x, abs=2e-4)
    assert loss(np.append(model.beta, model.intercept)) <= best.fun + 1e-9


def test_standardised_fit_does_not_change_with_the_units_of_a_code() -> None:
    generator = np.random.default_rng(0)
    x = generator.normal(0, 1, (30, 4))
    y = (x[:, 1] > 0).astype(float)
    first, second = fit(x, y, standardise=True), fit(x * [1, 100, 1, 0.01], y, standardise=True)
    assert first.beta == pytest.approx(second.beta, abs=1e-9)
    assert first.margins(x) == pytest.approx(second.margins(x * [1, 100, 1, 0.01]), abs=1e-9)


def test_codes_that_never_vary_and_separable_classes_still_have_a_fit() -> None:
    model = fit([[0.0, 1.0], [0.0, 1.0], [0.0, 9.0]], [0, 0, 1], standardise=True)
    assert np.isfinite(model.beta).all()
    assert (model.margins([[0.0, 1.0], [0.0, 9.0]]) > 0).tolist() == [False, True]


@pytest.mark.parametrize(("y", "which"), [([0, 0], "none of the 2"), ([1, 1], "all of the 2")])
def test_one_class_cannot_be_fitted(y: list[int], which: str) -> None:
    with pytest.raises(ArdError, match=which):
        fit([[0.0], [1.0]], y)


def test_nan_cannot_be_fitted() -> None:
    with pytest.raises(ArdError, match="NaN"):
        fit([[math.nan], [1.0]], [0, 1])


def test_f1_counts_both_kinds_of_error() -> None:
    assert f1([1, 1, 0, 0], [1, 0, 1, 0]) == 0.5
    assert math.isnan(f1([0, 0], [0, 0]))


def test_word_errors_of_one_substitution_one_deletion_and_one_insertion() -> None:
    assert word_errors("press one to go on", "press two to go") == (2, 5)
    assert word_errors("hello", "oh hello there") == (2, 1)
    assert word_errors("", "you") == (1, 0)
    assert word_errors("a b", "") == (2, 2)


@settings(max_examples=60)
@given(st.lists(st.sampled_from("abc"), max_size=7), st.lists(st.sampled_from("abc"), max_size=7))
def test_word_errors_are_a_distance(one: list[str], other: list[str]) -> None:
    there, back = word_errors(" ".join(one), " ".join(other))[0], word_errors(" ".join(other), " ".join(one))[0]
    assert there == back
    assert abs(len(one) - len(other)) <= there <= max(len(one), len(other))
    assert (there == 0) == (one == other)


class _Tokenizer:
    english_spelling_normalizer: ClassVar = {"colour": "color"}


def test_normaliser_of_whisper_makes_spellings_numbers_and_marks_alike() -> None:
    normalise, note = english_normaliser(_Tokenizer())
    assert note.endswith("1 spellings")
    assert normalise("Colour, twenty-one; I'm (cough) here!") == normalise("color 21 i am here")
    found = error_rate(["Press twenty-one.", "[beep]", "Hello."], ["press 21", "you", "hallo"], normalise)
    assert (found.errors, found.words, found.left_out) == ((0, 1), (2, 1), 1)
    assert found.value == pytest.approx(1 / 3)


def test_model_without_a_table_of_spellings_keeps_them_and_says_so() -> None:
    normalise, note = english_normaliser(object())
    assert "no table of spellings" in note
    assert normalise("Colour") == "colour"


def test_rate_over_no_clips_is_no_number() -> None:
    assert math.isnan(error_rate([], [], str).value)
    assert math.isnan(detection_rate([], 0.5).value)


def test_interval_of_a_constant_is_that_constant_and_of_nothing_nothing() -> None:
    assert bootstrap(lambda rows: float(np.ones(4)[rows].mean()), 4, seed=0) == (1.0, 1.0)
    assert all(math.isnan(end) for end in bootstrap(lambda rows: 0.0, 0, seed=0))


def test_paired_difference_is_the_mean_change_of_the_same_clips() -> None:
    found = paired_difference([0, 0, 1, 0], [1, 1, 1, 0], seed=1)
    assert found["value"] == -0.5
    assert found["low"] <= -0.5 <= found["high"] <= 0
