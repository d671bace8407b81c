"""The pair table in large reads: the same pairs as one feature at a time, in blocks no larger than asked."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from retrieval_builders import O19, Options, build

from backend.errors import ArdError
from backend.store.retrieval import PAIRS, RetrievalFile

CLIPS = [(row, np.pad(np.array(z), ((0, 0), (1, 1)))) for row, z in enumerate(O19)]


def whole(folder: Path, **changes: bool) -> RetrievalFile:
    """Features 0 and 4 are never active; 1, 2, 3 have 3, 3 and 1 pairs."""
    return build(folder, [CLIPS], Options(**changes), n_clips=8, features=5)


@pytest.mark.parametrize(
    ("limit", "blocks"),
    [
        (1, [(0, 1), (1, 2), (2, 3), (3, 5)]),
        (3, [(0, 2), (2, 3), (3, 5)]),
        (4, [(0, 2), (2, 5)]),
        (6, [(0, 3), (3, 5)]),
        (7, [(0, 5)]),
        (1000, [(0, 5)]),
    ],
)
def test_blocks_hold_as_many_whole_features_as_fit(tmp_path: Path, limit: int, blocks: list[tuple[int, int]]) -> None:
    with whole(tmp_path) as file:
        found = list(file.pair_blocks(limit))
        assert [(block.low, block.high) for block in found] == blocks
        for block in found:
            for k in range(block.low, block.high):
                begin, end = block.bounds[k - block.low : k - block.low + 2]
                pairs = file.pairs(k)
                assert pairs is not None
                assert block.columns.keys() == PAIRS.keys()
                for name, values in pairs.items():
                    assert block.columns[name][begin:end].tolist() == values.tolist()


def test_only_asked_columns_are_read(tmp_path: Path) -> None:
    with whole(tmp_path) as file:
        assert [list(block.columns) for block in file.pair_blocks(100, ("clip", "sum"))] == [["clip", "sum"]]


def test_file_without_pair_table_says_what_to_set(tmp_path: Path) -> None:
    with whole(tmp_path, pair_table=False) as file:
        assert not file.has_pairs
        with pytest.raises(ArdError, match="pair table") as raised:
            next(file.pair_blocks(100))
        assert "pair_table = true" in str(raised.value)


def test_table_shorter_than_its_index_says_is_damage(tmp_path: Path) -> None:
    whole(tmp_path).close()
    with h5py.File(tmp_path / "retrieval.h5", "r+") as handle:
        del handle["pairs/sum"]
    with RetrievalFile(tmp_path / "retrieval.h5") as file, pytest.raises(ArdError, match="damaged"):
        next(file.pair_blocks(100))


def test_least_lists_and_tokens_of_all_are_those_of_each(tmp_path: Path) -> None:
    with whole(tmp_path) as file:
        clips, scores = file.least_lists()
        for k in range(5):
            view = file.feature(k)
            assert clips[k][clips[k] >= 0].tolist() == view.least_clips.tolist()
            assert scores[k][clips[k] >= 0].tolist() == view.least_scores.tolist()
        assert file.clip_tokens().tolist() == [file.tokens(i) for i in range(8)]
