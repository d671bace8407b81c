"""IoU of the activity of two SAEs' features, and the tokens it is counted on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.analyse.overlap import WINDOW, Overlap
from backend.analyse.paired_codes import PairedTokens, paired_codes
from backend.sae.base import build
from backend.sae.codes import SparseCodes
from backend.sae.config import SaeConfig
from backend.store.activations import ActivationStore, write_shard
from backend.study.atomic import write_json


def codes(active: dict[int, set[int]], features: int, tokens: int) -> SparseCodes:
    """Features that are active on the given tokens."""
    z = torch.zeros(tokens, features)
    for feature, there in active.items():
        z[sorted(there), feature] = 1.5
    return SparseCodes.from_dense(z)


ALL = ([0, 0, 1, 1, 2, 2], [0, 1, 0, 1, 0, 1])


def test_iou_of_oracle_11() -> None:
    overlap = Overlap(*ALL, (3, 2))
    a = codes({0: {0, 1, 4}, 1: {2, 3}}, 3, 6)
    b = codes({0: {0, 4}, 1: {1, 2, 3, 4, 5}}, 2, 6)
    overlap.add(a, b)
    np.testing.assert_array_equal(overlap.iou(), np.float32([2 / 3, 1 / 3, 0, 0.4, 0, 0]))
    assert overlap.active_a.tolist() == [3, 2, 0]
    assert overlap.active_b.tolist() == [2, 5]
    assert overlap.tokens == 6


def test_negative_values_are_no_activity_and_two_silent_features_share_nothing() -> None:
    overlap = Overlap([0, 1], [0, 0], (2, 1))
    overlap.add(SparseCodes.from_dense(torch.tensor([[-1.0, 0.0]])), SparseCodes.from_dense(torch.tensor([[2.0]])))
    assert overlap.iou().tolist() == [0, 0]
    silent = Overlap([0], [0], (1, 1))
    silent.add(codes({}, 1, 4), codes({}, 1, 4))
    assert silent.iou().tolist() == [0]


def test_pair_with_nobody_has_no_iou() -> None:
    overlap = Overlap([0, 0], [0, -1], (1, 1))
    overlap.add(codes({0: {0}}, 1, 1), codes({0: {0}}, 1, 1))
    found = overlap.iou()
    assert found[0] == 1
    assert np.isnan(found[1])


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 100), tokens=st.integers(1, 3 * WINDOW), cut=st.floats(0, 1), memory=st.integers(1, 4000))
def test_counts_are_those_of_the_dense_codes_wherever_the_tokens_are_cut(
    seed: int, tokens: int, cut: float, memory: int
) -> None:
    draw = torch.Generator().manual_seed(seed)
    a, b = (torch.rand(tokens, n, generator=draw).sub(0.6).relu() for n in (4, 3))
    pairs = np.array([(i, j) for i in range(4) for j in range(3)])
    overlap = Overlap(pairs[:, 0], pairs[:, 1], (4, 3), memory)
    place = round(cut * tokens)
    for part in (slice(0, place), slice(place, tokens)):
        overlap.add(SparseCodes.from_dense(a[part]), SparseCodes.from_dense(b[part]))
    both = ((a > 0).double().T @ (b > 0).double()).numpy()
    either = (a > 0).sum(0).numpy()[:, None] + (b > 0).sum(0).numpy() - both
    wanted = np.divide(both, either, out=np.zeros_like(both), where=either > 0)
    np.testing.assert_array_equal(overlap.iou(), wanted.astype(np.float32).ravel())


def stored(folder: Path, clips: list[tuple[int, int]], cut: int, factor: float) -> ActivationStore:
    """Activations of clips (row, tokens) in two shards; every row of x is `factor` times (clip, place in the clip)."""
    names = []
    for number, some in enumerate((clips[:cut], clips[cut:])):
        x = np.float32([[clip, place] for clip, length in some for place in range(length)]).reshape(-1, 2) * factor
        rows, length = (np.array([one[i] for one in some], np.int64) for i in (0, 1))
        write_shard(folder / f"shard-{number:05d}.h5", x, rows, length, dtype="float32")
        names.append(f"shard-{number:05d}.h5")
    np.savez(folder / "statistics.npz", mean=np.zeros(2), mean_square_norm=1.0, median_norm=1.0)
    outputs = {"shards": names, "d": 2, "seconds_per_token": 0.02}
    manifest = {"fingerprint": str(folder), "settings": {"layer": folder.name}, "outputs": outputs}
    write_json(folder / "manifest.json", manifest)
    return ActivationStore(folder)


def test_two_layers_are_paired_clip_by_clip_in_whatever_shards_they_lie(tmp_path: Path) -> None:
    clips = [(0, 3), (1, 2), (2, 5), (3, 0), (4, 1), (5, 2)]
    first = stored(tmp_path / "encoder.0", clips, 2, 1.0)
    second = stored(tmp_path / "encoder.1", [*clips[:0:-1], (0, 9)], 4, 10.0)
    probe = np.array([True, True, True, True, False, True])
    tokens = PairedTokens(first, second, probe, batch_tokens=6)
    # clip 0 has 9 tokens in the other layer, 3 has none, 4 is not probed
    assert (tokens.clips, tokens.unlike) == (3, 1)
    batches = list(tokens.batches())
    assert [done for done, *_ in batches] == [1, 2, 3]
    for _, x, y, _ in batches:
        torch.testing.assert_close(10 * x, y, rtol=0, atol=0)
    assert torch.cat([x for _, x, _, _ in batches])[:, 0].tolist() == [1, 1, 2, 2, 2, 2, 2, 5, 5]


def test_one_layer_is_read_once_for_both_saes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = stored(tmp_path / "encoder.0", [(0, 4), (1, 4)], 1, 1.0)
    again = ActivationStore(store.folder)
    reads: list[int] = []
    gather = ActivationStore.gather
    monkeypatch.setattr(
        ActivationStore, "gather", lambda self, rows: (reads.append(len(rows)), gather(self, rows))[1]
    )  # fmt: skip
    tokens = PairedTokens(store, again, np.ones(2, bool), batch_tokens=100)
    sae = build(SaeConfig("topk", 2, 3, 1))
    ((done, a, b),) = paired_codes(tokens, sae, sae, 100)
    assert (done, reads) == (2, [8])
    assert torch.equal(a.feature, b.feature)
