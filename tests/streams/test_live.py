from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from backend.audio.load import Wave
from backend.errors import ArdError
from backend.extract.forward import Forward
from backend.store import clips as clip_table
from backend.store.clips import Clip, ClipTable
from backend.streams.draws import EpochDraws
from backend.streams.live import LiveStream
from backend.streams.source import DrawnBatches
from backend.study.settings import ModelSection
from backend.targets.base import Target
from backend.targets.load import load_target
from builders.open_study import Watched
from builders.tiny_models import tiny_whisper
from builders.tiny_study import recordings

LAYERS = ["encoder.0", "encoder.2"]


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Target:
    folder = tiny_whisper(tmp_path_factory.mktemp("model"), window_seconds=2)
    return load_target(ModelSection(path=str(folder), device="cpu"))


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> ClipTable:
    folder = tmp_path_factory.mktemp("clips")
    names = [str(p.relative_to(folder)) for p in sorted(recordings(folder, count=10).rglob("*.wav"))]
    clips = [Clip(record=n, path=n, index=i, duration=1.0) for i, n in enumerate(names)]
    clip_table.write(folder / "clips.h5", clips, [], [str(folder)])
    return ClipTable(folder / "clips.h5")


class Counting(Forward):
    """Counts the layers asked of each forward."""

    def __init__(self, target: Target) -> None:
        super().__init__(target, batch_waves=4, job=Watched())
        self.asked: list[tuple[str, ...]] = []

    def __call__(self, batch: Sequence[object], layers: Sequence[str]) -> object:  # type: ignore[override]
        self.asked.append(tuple(layers))
        return super().__call__(batch, layers)  # type: ignore[arg-type]


def tones(clip: Clip) -> list[Wave]:
    """Half a second that tells which clip it is."""
    t = np.arange(8000) / 16000
    return [Wave(np.sin(2 * np.pi * (200 + 100 * clip.index) * t).astype(np.float32), 0.0)]


def stream_of(
    target: Target, table: ClipTable, layers: Sequence[str] = LAYERS, kept_tokens: int = 10**6, **values: object
) -> LiveStream:
    forward = Counting(target)
    source = DrawnBatches(
        forward, layers, table, EpochDraws(table, seed=1), tones, batch_clips=2, threads=2, ahead_seconds=10.0,
        kept_tokens=kept_tokens, stride=int(values.get("world", 1)),  # type: ignore[call-overload]
    )  # fmt: skip
    settings = {"batch_tokens": 40, "buffer_tokens": 160, "seed": 3, **values}
    return LiveStream(source, layers, **settings)  # type: ignore[arg-type]


def asked(stream: LiveStream) -> list[tuple[str, ...]]:
    forward = stream.source._forward
    assert isinstance(forward, Counting)
    return forward.asked


def test_every_token_of_an_epoch_is_handed_out_before_the_buffer_forgets_it(target: Target, table: ClipTable) -> None:
    # 10 clips of 25 tokens are one epoch; every row read or still unread must be one of the epoch's, once
    with stream_of(target, table, ["encoder.2"], buffer_tokens=250) as stream:
        stream.prime()
        rows = [next(stream)["encoder.2"] for _ in range(3)]
        rows.append(stream.buffers["encoder.2"].rows)
    found = torch.cat(rows)
    alone = torch.cat(
        [e.x["encoder.2"] for e in target.encode([tones(table[i])[0].samples for i in range(10)], LAYERS)]
    )
    assert found.shape == alone.shape
    # each row has exactly one partner: the same multiset up to rounding of another batch
    distance = torch.cdist(found.double(), alone.double())
    assert float(distance.min(dim=1).values.max()) < 1e-4
    assert sorted(distance.argmin(dim=1).tolist()) == list(range(250))


def test_buffer_is_refilled_when_half_of_it_is_read(target: Target, table: ClipTable) -> None:
    with stream_of(target, table, ["encoder.0"]) as stream:
        refills = []
        for _ in range(8):
            next(stream)
            refills.append(stream.buffers["encoder.0"].refills)
    # 160 → 200 rows in steps of 50; below 80 unread it is filled again
    assert refills[0] == 1
    assert refills[-1] >= 3
    assert all(b - a in (0, 1) for a, b in itertools.pairwise(refills))


def test_layers_of_one_stack_share_each_forward(target: Target, table: ClipTable) -> None:
    with stream_of(target, table) as stream:
        for _ in range(10):
            next(stream)
        assert set(asked(stream)) == {tuple(LAYERS)}


def test_batches_of_a_layer_do_not_depend_on_the_layers_beside_it(target: Target, table: ClipTable) -> None:
    with stream_of(target, table) as both, stream_of(target, table, ["encoder.0"]) as alone:
        for _ in range(10):
            assert torch.equal(next(both)["encoder.0"], next(alone)["encoder.0"])


def test_dropped_forwards_are_run_again_with_the_same_result(target: Target, table: ClipTable) -> None:
    with stream_of(target, table) as roomy, stream_of(target, table, kept_tokens=0, steps={"encoder.0": 3}) as tight:
        for step in range(9):
            expected, found = next(roomy), next(tight)
            assert set(found) == ({"encoder.0", "encoder.2"} if step < 3 else {"encoder.2"})
            assert torch.equal(found["encoder.2"], expected["encoder.2"])


def test_resumed_stream_goes_on_with_the_very_next_bits(target: Target, table: ClipTable) -> None:
    with stream_of(target, table) as whole:
        expected = [next(whole) for _ in range(12)]
    with stream_of(target, table) as first:
        for _ in range(5):
            next(first)
        state = first.state_dict()
        next(first)
    with stream_of(target, table) as second:
        second.load_state_dict(state)
        for step in range(5, 12):
            batch = next(second)
            assert all(torch.equal(batch[layer], expected[step][layer]) for layer in LAYERS), step


def test_statistics_are_of_the_first_filling_and_tell_outliers(target: Target, table: ClipTable) -> None:
    with stream_of(target, table, ["encoder.2"]) as plain:
        plain.prime()
        buffer = plain.buffers["encoder.2"]
        norm = buffer.rows.double().norm(dim=1)
        torch.testing.assert_close(buffer.mean, buffer.rows.double().mean(dim=0))
        assert buffer.mean_square_norm == pytest.approx(float(norm.square().mean()))
        assert buffer.median == pytest.approx(float(np.median(norm.numpy())))
    factor = float(norm.quantile(0.9)) / buffer.median
    with stream_of(target, table, ["encoder.2"], outlier_factor=factor) as strict:
        strict.prime()
        filtered = strict.buffers["encoder.2"]
        assert filtered.outliers == int((norm > factor * buffer.median).sum()) > 0
        assert len(filtered.rows) == len(norm) - filtered.outliers
        assert float(torch.cat([next(strict)["encoder.2"] for _ in range(8)]).norm(dim=1).max()) <= (
            factor * buffer.median * (1 + 1e-6)
        )


def test_processes_read_different_clips_and_equal_shares(target: Target, table: ClipTable) -> None:
    with (
        stream_of(target, table, ["encoder.0"], rank=0, world=2) as one,
        stream_of(target, table, ["encoder.0"], rank=1, world=2) as two,
    ):
        a, b = next(one)["encoder.0"], next(two)["encoder.0"]
        assert a.shape == b.shape == (20, 16)
        assert float(torch.cdist(a, b).min()) > 0
        assert len(asked(one)) == len(asked(two)) == 2


def test_state_of_another_number_of_processes_is_refused(target: Target, table: ClipTable) -> None:
    with stream_of(target, table, rank=0, world=2) as two:
        state = two.state_dict()
    with stream_of(target, table) as one, pytest.raises(ArdError, match="begun with 2 processes"):
        one.load_state_dict(state)


def test_clips_that_give_no_token_end_in_an_error_and_not_in_an_endless_loop(
    target: Target, table: ClipTable, tmp_path: Path
) -> None:
    def silent(clip: Clip) -> list[Wave]:
        raise ArdError("the audio is damaged")

    forward = Forward(target, batch_waves=4, job=Watched())
    source = DrawnBatches(
        forward, LAYERS, table, EpochDraws(table, seed=1), silent, batch_clips=2, threads=1, ahead_seconds=10.0,
        kept_tokens=100,
    )  # fmt: skip
    stream = LiveStream(source, LAYERS, batch_tokens=4, buffer_tokens=16, seed=0)
    with stream, pytest.raises(ArdError, match="none of the training clips gives the model a token"):
        next(stream)
    assert set(source.unreadable.values()) == {"the audio is damaged"}
