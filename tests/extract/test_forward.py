from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from backend.audio.load import Wave
from backend.errors import ArdError
from backend.extract.decode import Decoded, decode, decoded
from backend.extract.forward import Forward, Rows, grid_step
from backend.store.clips import Clip
from backend.study.settings import ModelSection
from backend.targets.base import Encoded, Target
from builders.open_study import Watched


class Energies(Target):
    """A target whose token t is the energy and the mean of the t-th 160 samples; it can be short of memory."""

    sample_rate = 16000
    window_seconds = 1.0

    def __init__(self, most: int = 100) -> None:
        self.most = most
        self.model = torch.nn.Identity()
        self.sizes: list[int] = []

    @classmethod
    def load(cls, section: ModelSection, device: torch.device) -> Target:
        return cls()

    @classmethod
    def stacks_of(cls, config: Any) -> dict[str, int]:
        return {"encoder": 1}

    @classmethod
    def widths_of(cls, config: Any) -> dict[str, int]:
        return {"encoder": 2}

    def stacks(self) -> dict[str, int]:
        return {"encoder": 1}

    def width(self, layer: str) -> int:
        return 2

    def module(self, layer: str) -> tuple[str, torch.nn.Module]:
        return "", self.model

    def token_count(self, samples: int, layer: str) -> int | None:
        return samples // 160

    def encode(self, clips: Sequence[np.ndarray], layers: Sequence[str]) -> list[Encoded]:
        self.sizes.append(len(clips))
        if len(clips) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory")
        found = []
        for wave in clips:
            n = len(wave) // 160
            blocks = torch.from_numpy(wave[: n * 160].reshape(n, 160))
            x = torch.stack([blocks.square().sum(1), blocks.mean(1)], dim=1)
            edges = np.arange(n + 1) * 0.01
            found.append(Encoded(dict.fromkeys(layers, x), np.stack([edges[:-1], edges[1:]], axis=1)))
        return found


def clip_of(index: int, *waves: np.ndarray, starts: Sequence[float] = (0.0, 1.0, 2.0)) -> Decoded:
    parts = tuple(Wave(wave.astype(np.float32), start) for wave, start in zip(waves, starts, strict=False))
    return Decoded(Clip(record=f"clip{index}", path=f"{index}.wav", index=index), parts)


def ones(tokens: int, value: float = 1.0) -> np.ndarray:
    return np.full(tokens * 160, value, np.float32)


def test_windows_of_a_long_clip_follow_one_another_in_rows_and_time() -> None:
    forward = Forward(Energies(), batch_waves=2, job=Watched())
    (found,) = forward([clip_of(0, ones(100, 1.0), ones(100, 2.0), ones(30, 3.0))], ["encoder.0"])["encoder.0"]
    assert found.x[:, 1].tolist() == [1.0] * 100 + [2.0] * 100 + [3.0] * 30
    np.testing.assert_allclose(found.seconds[:, 0], np.arange(230) * 0.01, atol=1e-9)
    assert forward.target.sizes == [2, 1]  # type: ignore[attr-defined]


def test_clip_too_short_for_a_token_is_skipped_with_a_reason() -> None:
    forward = Forward(Energies(), batch_waves=4, job=Watched())
    found = forward([clip_of(3, np.zeros(100)), clip_of(4, ones(2))], ["encoder.0"])["encoder.0"]
    assert found[0].problem == "no token: 100 samples at 16000 Hz give the model nothing to encode"
    assert found[1].problem == ""
    rows = Rows(2)
    rows.add(found)
    assert rows.clip == [4]
    assert rows.extras().skipped == ((3, found[0].problem),)


def test_batch_is_halved_when_memory_runs_out_and_the_result_is_the_same() -> None:
    batch = [clip_of(i, ones(3, float(i))) for i in range(8)]
    job, small = Watched(), Energies(most=3)
    found = Forward(small, batch_waves=8, job=job)(batch, ["encoder.0"])["encoder.0"]
    whole = Forward(Energies(), batch_waves=8, job=Watched())(batch, ["encoder.0"])["encoder.0"]
    assert all(torch.equal(a.x, b.x) for a, b in zip(found, whole, strict=True))
    assert small.sizes == [8, 4, 2, 2, 2, 2]
    assert "ran out of memory with 4 clips at once; going on with 2" in job.texts()


def test_one_clip_too_large_for_the_device_is_an_error_with_advice() -> None:
    with pytest.raises(ArdError, match=r"too little memory for one clip.*model.dtype"):
        Forward(Energies(most=0), batch_waves=1, job=Watched())([clip_of(0, ones(2))], ["encoder.0"])


def test_activations_that_are_not_finite_name_the_clip() -> None:
    bad = ones(2)
    bad[5] = np.inf
    with pytest.raises(ArdError, match=r"layer encoder.0 for the clip 'clip1'"):
        Forward(Energies(), batch_waves=4, job=Watched())([clip_of(0, ones(2)), clip_of(1, bad)], ["encoder.0"])


def test_other_errors_of_the_model_are_not_taken_for_lack_of_memory() -> None:
    class Broken(Energies):
        def encode(self, clips: Sequence[np.ndarray], layers: Sequence[str]) -> list[Encoded]:
            raise RuntimeError("shapes do not fit")

    with pytest.raises(RuntimeError, match="shapes"):
        Forward(Broken(), batch_waves=4, job=Watched())([clip_of(0, ones(2))], ["encoder.0"])


def test_regular_grid_is_found_whatever_the_last_tokens_end() -> None:
    regular = np.array([[0.0, 0.04], [0.04, 0.08], [0.08, 0.1]])
    assert grid_step([regular, regular[:1]]) == 0.04
    assert grid_step([np.array([[0.0, 0.3], [0.5, 0.6], [0.7, 0.9]])]) == 0.0
    assert grid_step([]) == 0.0


def test_times_are_stored_only_where_they_are_off_the_grid() -> None:
    forward = Forward(Energies(), batch_waves=4, job=Watched())
    on, off = Rows(2), Rows(2)
    on.add(forward([clip_of(0, ones(3))], ["encoder.0"])["encoder.0"])
    off.add(forward([clip_of(0, ones(3), starts=(12.5,))], ["encoder.0"])["encoder.0"])
    assert on.extras().seconds is None
    assert on.extras().seconds_per_token == 0.01
    times = off.extras().seconds
    assert times is not None
    np.testing.assert_allclose(times[:, 0], [12.5, 12.51, 12.52])


def test_clips_are_decoded_in_order_and_a_bounded_stretch_ahead() -> None:
    asked: list[int] = []

    def load(clip: Clip) -> list[Wave]:
        asked.append(clip.index)
        return [Wave(np.zeros(1, np.float32), 0.0)]

    clips = [Clip(record=str(i), path="", duration=10.0, index=i) for i in range(50)]
    stream = decoded(clips, load, threads=3, ahead_seconds=40.0)
    first = [next(stream).clip.index for _ in range(5)]
    assert first == [0, 1, 2, 3, 4]
    stream.close()
    assert len(asked) <= 9


def test_unreadable_clip_carries_its_reason_and_the_others_go_on(tmp_path: Path) -> None:
    def load(clip: Clip) -> list[Wave]:
        raise ArdError("the audio is damaged after 0.10 s", path="x.wav")

    clip = Clip(record="x", path="x.wav", root=str(tmp_path))
    assert decode(clip, load).problem == "the audio is damaged after 0.10 s"


def test_vanished_data_set_folder_stops_the_work_instead_of_skipping_every_clip(tmp_path: Path) -> None:
    def load(clip: Clip) -> list[Wave]:
        raise FileNotFoundError("no such file")

    with pytest.raises(ArdError, match="folder of a data set is not there"):
        decode(Clip(record="x", path="x.wav", root=str(tmp_path / "unplugged")), load)
