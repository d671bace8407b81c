"""What a reader of a retrieval file gets when it is damaged, of another version, or asked for what is not there."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from retrieval_builders import O19, Options, build

from backend.errors import ArdError
from backend.store.retrieval import RetrievalFile


@pytest.fixture
def path(tmp_path: Path) -> Path:
    build(tmp_path, [[(row, np.array(z)) for row, z in enumerate(O19)]], Options(), n_clips=8, features=3).close()
    return tmp_path / "retrieval.h5"


def test_truncated_file_is_said_to_be_damaged(path: Path) -> None:
    whole = path.read_bytes()
    for share in (0.0, 0.1, 0.5, 0.99):
        path.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(ArdError, match="damaged") as raised:
            RetrievalFile(path)
        assert raised.value.path == str(path)
        assert raised.value.todo


def test_file_from_a_later_version_asks_for_an_update(path: Path) -> None:
    with h5py.File(path, "r+") as handle:
        handle.attrs["version"] = 99
    with pytest.raises(ArdError, match="Update ARD"):
        RetrievalFile(path)


def test_file_of_another_kind_is_refused(path: Path) -> None:
    with h5py.File(path, "r+") as handle:
        handle.attrs["kind"] = "clips"
    with pytest.raises(ArdError, match="expected a retrieval file"):
        RetrievalFile(path)


def test_missing_data_set_is_said_to_be_damage(path: Path) -> None:
    with h5py.File(path, "r+") as handle:
        del handle["most/clip"]
    with RetrievalFile(path) as file, pytest.raises(ArdError, match="damaged"):
        file.feature(0)


def test_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(ArdError, match="missing"):
        RetrievalFile(tmp_path / "none.h5")


@pytest.mark.parametrize("number", [-1, 3, 10**6])
def test_feature_that_does_not_exist_is_refused_with_the_range(path: Path, number: int) -> None:
    with RetrievalFile(path) as file, pytest.raises(ArdError, match="from 0 to 2"):
        file.feature(number)


def test_clip_that_does_not_exist_is_refused(path: Path) -> None:
    with RetrievalFile(path) as file:
        for ask in (file.tokens, file.clip_features, file.token_seconds):
            with pytest.raises(ArdError, match="there is no clip 8"):
                ask(8)


def test_every_column_of_the_table_has_one_value_per_feature(path: Path) -> None:
    with RetrievalFile(path) as file:
        assert {len(column) for column in file.table().values()} == {3}


def test_token_times_are_multiples_of_the_layers_grid(path: Path) -> None:
    with RetrievalFile(path) as file:
        assert file.tokens(2) == 4
        np.testing.assert_allclose(file.token_seconds(2), [[0, 0.04], [0.04, 0.08], [0.08, 0.12], [0.12, 0.16]])


def test_pairs_are_the_additive_statistics_by_ascending_clip(path: Path) -> None:
    with RetrievalFile(path) as file:
        pairs = file.pairs(1)
    assert pairs is not None
    assert {name: column.tolist() for name, column in pairs.items()} == {
        "clip": [1, 2, 6],
        "sum": [1, 7, 4],
        "count": [1, 3, 2],
        "max": [1, 3, 2],
    }
