from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from backend.errors import ArdError
from backend.extract.statistics import merge, save
from backend.store.activations import ActivationStore, read_sums, write_shard
from backend.streams.base import rank_slice
from backend.streams.cached import CachedStream, TrainingTokens
from backend.streams.prefetch import Prefetched
from backend.study.atomic import write_json


def store_of(folder: Path, x: np.ndarray, lengths: list[list[int]], layer: str = "encoder.0") -> ActivationStore:
    """A finished layer; `lengths` holds the tokens of each clip, shard by shard."""
    first = clip = 0
    names = []
    for number, shard in enumerate(lengths):
        names.append(f"shard-{number:05d}.h5")
        rows = x[first : first + sum(shard)].astype(np.float32)
        clips = np.arange(clip, clip + len(shard))
        write_shard(folder / names[-1], rows, clips, np.array(shard), dtype="float32")
        first, clip = first + sum(shard), clip + len(shard)
    d = x.shape[1]
    save(folder / "statistics.npz", merge([read_sums(folder / name) for name in names], d))
    outputs = {"shards": names, "d": d, "seconds_per_token": 0.02}
    write_json(folder / "manifest.json", {"fingerprint": "f", "settings": {"layer": layer}, "outputs": outputs})
    return ActivationStore(folder)


@pytest.fixture
def numbered(tmp_path: Path) -> ActivationStore:
    """23 tokens; token t is the vector (t + 1, 1)."""
    x = np.stack([np.arange(1, 24), np.ones(23)], axis=1)
    return store_of(tmp_path / "s", x, [[5, 4], [8], [6]])


def numbers(batch: torch.Tensor) -> list[int]:
    return [int(value) - 1 for value in batch[:, 0].tolist()]


def stream_of(store: ActivationStore, **values: object) -> CachedStream:
    settings = {"batch_tokens": 4, "seed": 5, **values}
    tokens = TrainingTokens(store, np.ones(4, bool), 0.0)
    return CachedStream({"encoder.0": tokens}, **settings)  # type: ignore[arg-type]


def test_one_epoch_uses_every_token_exactly_once(numbered: ActivationStore) -> None:
    with stream_of(numbered) as stream:
        drawn = [t for _ in range(12) for t in numbers(next(stream)["encoder.0"])]
    assert sorted(drawn[:23]) == list(range(23))
    assert sorted(drawn[23:46]) == list(range(23))
    assert drawn[:23] != drawn[23:46]


def test_resumed_stream_goes_on_with_the_very_next_batch(numbered: ActivationStore) -> None:
    with stream_of(numbered) as whole:
        expected = [next(whole)["encoder.0"] for _ in range(9)]
    with stream_of(numbered) as first:
        for _ in range(4):
            next(first)
        state = first.state_dict()
    with stream_of(numbered) as second:
        second.load_state_dict(state)
        found = [next(second)["encoder.0"] for _ in range(5)]
    assert all(torch.equal(a, b) for a, b in zip(found, expected[4:], strict=True))


def test_clips_that_do_not_train_are_never_drawn(numbered: ActivationStore) -> None:
    tokens = TrainingTokens(numbered, np.array([True, False, True, False]), 0.0)
    assert tokens.rows.tolist() == [*range(5), *range(9, 17)]


def test_outliers_are_left_out_and_counted_and_the_store_keeps_them(tmp_path: Path) -> None:
    x = np.ones((10, 2))
    x[[3, 8]] = 40.0
    store = store_of(tmp_path / "s", x, [[10]])
    tokens = TrainingTokens(store, np.ones(1, bool), 10.0)
    assert tokens.rows.tolist() == [0, 1, 2, 4, 5, 6, 7, 9]
    assert tokens.outliers == 2
    assert len(TrainingTokens(store, np.ones(1, bool), 0.0)) == 10
    assert store.tokens == 10


def test_layer_without_training_tokens_is_an_error(numbered: ActivationStore) -> None:
    with pytest.raises(ArdError, match="no token to train on"):
        TrainingTokens(numbered, np.zeros(4, bool), 0.0)


def test_batches_of_a_layer_do_not_depend_on_the_layers_beside_it(numbered: ActivationStore, tmp_path: Path) -> None:
    other = store_of(tmp_path / "o", np.ones((7, 2)), [[7]], "encoder.1")
    tokens = {name: TrainingTokens(s, np.ones(4, bool), 0.0) for name, s in (("a", numbered), ("b", other))}
    with CachedStream(tokens, batch_tokens=4, seed=5) as both, stream_of(numbered) as alone:
        for _ in range(8):
            assert torch.equal(next(both)["a"], next(alone)["encoder.0"])


def test_layers_with_equally_many_tokens_are_read_in_the_same_order(numbered: ActivationStore, tmp_path: Path) -> None:
    twin = store_of(tmp_path / "t", np.stack([np.arange(1, 24), np.zeros(23)], axis=1), [[23]], "encoder.1")
    tokens = {name: TrainingTokens(s, np.ones(4, bool), 0.0) for name, s in (("a", numbered), ("b", twin))}
    with CachedStream(tokens, batch_tokens=4, seed=5) as stream:
        batch = next(stream)
    assert numbers(batch["a"]) == numbers(batch["b"])


def test_layer_is_left_out_after_its_last_step(numbered: ActivationStore) -> None:
    with stream_of(numbered, steps={"encoder.0": 2}) as stream:
        assert [len(next(stream)) for _ in range(4)] == [1, 1, 0, 0]


def test_processes_share_each_batch_in_rank_order(numbered: ActivationStore) -> None:
    with stream_of(numbered) as whole:
        expected = [next(whole)["encoder.0"] for _ in range(6)]
    parts = []
    for rank in (0, 1):
        with stream_of(numbered, rank=rank, world=2) as mine:
            parts.append([next(mine)["encoder.0"] for _ in range(6)])
    assert all(torch.equal(torch.cat([a, b]), e) for a, b, e in zip(*parts, expected, strict=True))


def test_batch_that_cannot_be_shared_evenly_is_refused() -> None:
    assert rank_slice(12, 1, 3) == slice(4, 8)
    with pytest.raises(ArdError, match=r"Use a multiple of 3"):
        rank_slice(10, 0, 3)


def test_error_of_the_background_thread_reaches_the_reader() -> None:
    def make(number: int) -> int:
        if number == 2:
            raise OSError("disk gone")
        return number

    ahead = Prefetched(make)
    assert [next(ahead), next(ahead)] == [0, 1]
    with pytest.raises(OSError, match="disk gone"):
        next(ahead)
    ahead.close()


def test_reading_ahead_is_bounded() -> None:
    made: list[int] = []

    def make(number: int) -> int:
        made.append(number)
        return number

    ahead = Prefetched(make, first=7, depth=2)
    assert next(ahead) == 7
    ahead.close()
    assert len(made) <= 5
