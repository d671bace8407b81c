from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import soundfile

from backend.errors import Stopped
from backend.stages import extract, train
from backend.study.folder import Study
from backend.study.manifest import read_manifest
from backend.study.settings import Settings
from builders.open_study import Watched, arrays

if TYPE_CHECKING:
    from conftest import Factory

SAE = {"expansion": [2], "k": [4]}
ID = "encoder.1-batchtopk-e2-k4-s0"


@pytest.fixture(scope="module")
def whole(studies: Factory) -> tuple[Study, Settings]:
    study, settings = studies.streaming("whole", sae=SAE)
    train.run(study, settings, Watched())
    return study, settings


def test_streaming_study_trains_with_nothing_dense_on_disk(whole: tuple[Study, Settings]) -> None:
    study, settings = whole
    job = Watched()
    extract.run(study, settings, job)
    assert job.events[0]["state"] == "current"
    assert extract.products(study, settings) == []
    assert [p.state for p in train.products(study, settings)] == ["finished"]
    assert not (study.root / "activations").exists()
    assert not list((study.root / "checkpoints").glob("*"))
    assert read_manifest(study.sae(ID) / "manifest.json")["figures"]["fvu"] < 1


@pytest.mark.parametrize("stop_after", [3, 14])
def test_stopped_and_resumed_streaming_has_the_same_bits(
    whole: tuple[Study, Settings], studies: Factory, stop_after: int
) -> None:
    study, settings = studies.streaming(f"stopped{stop_after}", sae=SAE)
    with pytest.raises(Stopped):
        train.run(study, settings, Watched(stop_after=stop_after))
    train.run(study, settings, Watched())
    assert arrays(study) == arrays(whole[0])


def test_lost_buffer_is_read_again_with_the_same_bits(whole: tuple[Study, Settings], studies: Factory) -> None:
    study, settings = studies.streaming("lost", sae=SAE)
    with pytest.raises(Stopped):
        train.run(study, settings, Watched(stop_after=14))
    shutil.rmtree(study.root / "checkpoints")
    job = Watched()
    train.run(study, settings, job)
    assert "the model reads its clips again" in job.texts()
    assert arrays(study) == arrays(whole[0])


def test_weighted_mixture_with_noise_resumes_to_the_same_bits(studies: Factory, tmp_path: Path) -> None:
    noise = tmp_path / "noise"
    noise.mkdir()
    soundfile.write(noise / "n.wav", [0.1, -0.2, 0.05] * 500, 16000)
    mixture = {
        "sample_clips": "weighted",
        "noise_probability": 0.5,
        "noise_path": str(noise),
    }
    done, settings = studies.streaming("mixed", sae=SAE, extract=mixture)
    train.run(done, settings, Watched())
    study, settings = studies.streaming("mixed-stopped", sae=SAE, extract=mixture)
    with pytest.raises(Stopped):
        train.run(study, settings, Watched(stop_after=11))
    train.run(study, settings, Watched())
    assert arrays(study) == arrays(done)


def test_steps_of_a_stream_come_from_the_durations_in_the_index(studies: Factory) -> None:
    study, settings = studies.streaming("epochs", sae=SAE, train={"steps": "auto", "epochs": 1.0})
    train.run(study, settings, Watched())
    manifest = read_manifest(study.sae(ID) / "manifest.json")
    cached, its = studies.cached("counted", sae=SAE)
    extract.run(cached, its, Watched())
    (product,) = extract.products(cached, its)
    stored = read_manifest(product.manifest)["outputs"]["tokens"]
    assert manifest["figures"]["training_tokens_per_epoch"] == stored
    assert manifest["settings"]["plan"]["steps"] == round(stored / 64)
