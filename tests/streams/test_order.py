from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from backend.streams.order import EpochOrder


@given(st.integers(1, 60), st.integers(1, 25), st.integers(0, 5))
def test_every_token_is_used_exactly_once_an_epoch_whatever_the_batch_size(n: int, batch: int, seed: int) -> None:
    order = EpochOrder(n, seed)
    drawn = np.concatenate([order[i : i + batch] for i in range(0, 3 * n + batch, batch)])[: 3 * n]
    for epoch in np.split(drawn, 3):
        assert sorted(epoch.tolist()) == list(range(n))


def test_batch_that_spans_two_epochs_is_the_end_of_one_and_the_start_of_the_next() -> None:
    order = EpochOrder(5, seed=3)
    assert order[3:8].tolist() == [*order[3:5].tolist(), *order[5:8].tolist()]


def test_position_alone_decides_what_is_drawn() -> None:
    forwards, direct = EpochOrder(100, 7), EpochOrder(100, 7)
    walked = [forwards[i : i + 30].tolist() for i in range(0, 300, 30)]
    assert direct[240:270].tolist() == walked[8]
    assert direct[30:60].tolist() == walked[1]


def test_epochs_and_seeds_differ() -> None:
    order = EpochOrder(1000, 0)
    assert order[0:1000].tolist() != order[1000:2000].tolist()
    assert order[0:1000].tolist() != EpochOrder(1000, 1)[0:1000].tolist()


def test_first_batches_are_uniform_over_all_tokens() -> None:
    # position of the first draw over many seeds: chi-square with 9 degrees of freedom, 99.9 % below 27.9
    first = [int(EpochOrder(10, seed)[0:1][0]) for seed in range(2000)]
    observed = np.bincount(first, minlength=10)
    assert ((observed - 200) ** 2 / 200).sum() < 27.9
