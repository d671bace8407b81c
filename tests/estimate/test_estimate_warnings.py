"""What is said before a run that could not end well, and that a measurement can be stopped."""

from __future__ import annotations

import json
import shutil
from collections import namedtuple
from pathlib import Path
from typing import Any

import psutil
import pytest
from planned_studies import planned_study

from backend.cli.main import run
from backend.errors import ArdError, Stopped
from backend.estimate.report import Estimate, estimate
from backend.jobs.job import quiet_job
from backend.study.folder import Study
from builders.open_study import Watched
from builders.tiny_language_model import tiny_causal_lm
from builders.tiny_models import tiny_whisper
from builders.tiny_study import recordings

Usage = namedtuple("Usage", "total used free")


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    base = tmp_path_factory.mktemp("material")
    return tiny_whisper(base / "model"), recordings(base / "audio", count=6)


def said(study: Study) -> list[str]:
    return [one.what for one in estimate(study.root, quiet_job()).warnings]


def test_nothing_is_said_of_a_study_that_fits(material: tuple[Path, Path], tmp_path: Path) -> None:
    found = estimate(planned_study(tmp_path / "s", *material).root, quiet_job())
    assert found.warnings == ()
    assert not found.measured
    assert found.seconds_low < found.seconds < found.seconds_high  # type: ignore[operator]


def test_small_disk_is_said_before(
    material: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: Usage(10**9, 10**9 - 10**6, 10**6))
    found = estimate(planned_study(tmp_path / "s", *material).root, quiet_job())
    assert found.free_bytes == 10**6
    assert "the disk has 0.00 GiB free" in found.warnings[0].what
    assert "stream" in found.warnings[0].todo


def test_small_memory_is_said_before(
    material: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from backend.estimate import cautions

    real = psutil.virtual_memory()
    monkeypatch.setattr(psutil, "virtual_memory", lambda: real._replace(total=10**8, available=10**7))
    (what,) = said(planned_study(tmp_path / "s", *material))
    assert "this machine has 0.09 GiB" in what
    (busy,) = cautions.of_memory(3 * 2**30, 2 * 2**30, 8 * 2**30)
    assert "2.00 GiB of 8.00 GiB are free now" in busy.what


def test_absent_device_is_said_and_the_processor_counted_instead(material: tuple[Path, Path], tmp_path: Path) -> None:
    found = estimate(planned_study(tmp_path / "s", *material, model={"device": "cuda:7"}).root, quiet_job())
    assert "the device 'cuda:7' is not there" in found.warnings[0].what
    assert found.device == "cpu"
    assert found.seconds is not None


def test_incomplete_model_is_said_and_sizes_are_counted_all_the_same(
    material: tuple[Path, Path], tmp_path: Path
) -> None:
    folder = shutil.copytree(material[0], tmp_path / "model")
    (folder / "model.safetensors").unlink()
    found = estimate(planned_study(tmp_path / "s", folder, material[1]).root, quiet_job())
    assert "it lacks: model.safetensors" in found.warnings[0].what
    assert found.bytes_to_write is not None


def test_measuring_without_weights_falls_back_to_guesses(material: tuple[Path, Path], tmp_path: Path) -> None:
    folder = shutil.copytree(material[0], tmp_path / "model")
    (folder / "model.safetensors").unlink()
    found = estimate(planned_study(tmp_path / "s", folder, material[1]).root, quiet_job(), measure=True)
    assert any("lacks: model.safetensors" in one.what for one in found.warnings)
    assert found.seconds is not None


@pytest.mark.parametrize(
    ("model", "what"),
    [("/nowhere/at/all", "there is no such model folder"), ("somebody/something", "cannot be reached")],
)
def test_model_that_cannot_be_had_leaves_the_clips_to_be_said(
    model: str, what: str, material: tuple[Path, Path], tmp_path: Path
) -> None:
    found = estimate(planned_study(tmp_path / "s", model, material[1]).root, quiet_job())
    assert what in found.warnings[0].what
    assert (found.clips, found.seconds, found.bytes_to_write, found.stages) == (6, None, None, ())


def test_folder_without_sound_is_said(material: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (what,) = said(planned_study(tmp_path / "s", material[0], tmp_path / "empty"))
    assert what == "the data sets hold no clip that can be used"
    (what,) = said(planned_study(tmp_path / "t", material[0], tmp_path / "absent"))
    assert what.startswith("the folder of a data set is not there")


def test_files_that_cannot_be_used_are_counted(material: tuple[Path, Path], tmp_path: Path) -> None:
    sounds = shutil.copytree(material[1], tmp_path / "audio")
    (sounds / "tone" / "broken.wav").write_bytes(b"RIFF")
    (what,) = said(planned_study(tmp_path / "s", material[0], sounds))
    assert what == "1 files cannot be used and are left out"


def test_days_of_work_are_said(material: tuple[Path, Path], tmp_path: Path) -> None:
    texts = said(planned_study(tmp_path / "s", *material, train={"steps": 10**9, "log_every": 10**9}))
    assert any("days on this machine" in what for what in texts)


def test_namer_without_a_model_is_said(material: tuple[Path, Path], tmp_path: Path) -> None:
    (what,) = said(planned_study(tmp_path / "s", *material, names={"namer": "causal-lm"}))
    assert what == "names.model names no language model"


def test_settings_that_cannot_be_read_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "study.toml").write_text("[model]\nlayers = 3\n")
    with pytest.raises(ArdError, match=r"study.toml has \d value"):
        estimate(tmp_path, quiet_job())
    assert run(["estimate", str(tmp_path / "none")]) == 1


@pytest.fixture(scope="module")
def measured(material: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Estimate, list[Any], Path]:
    base = tmp_path_factory.mktemp("m")
    namer = {"namer": "causal-lm", "model": str(tiny_causal_lm(base / "namer")), "max_new_tokens": 8}
    study = planned_study(base / "s", *material, retrieve={"p": 2}, names=namer)
    job = Watched()
    return estimate(study.root, job, measure=True), job.events, study.root


def test_measuring_times_every_piece_and_writes_nothing(measured: tuple[Estimate, list[Any], Path]) -> None:
    found, events, root = measured
    assert found.measured
    assert found.warnings == ()
    assert [path.name for path in root.iterdir()] == ["study.toml"]
    progress = [event["done"] for event in events if event["type"] == "progress" and event["unit"] == "pieces"]
    assert progress[-1] == 6
    for one in found.stages:
        assert 0 < one.seconds_low < one.seconds < one.seconds_high
        assert one.memory_bytes > 10**7


def test_measurement_can_be_stopped_between_pieces(material: tuple[Path, Path], tmp_path: Path) -> None:
    study = planned_study(tmp_path / "s", *material)
    job = Watched(stop_after=2)
    with pytest.raises(Stopped):
        estimate(study.root, job, measure=True)
    assert [path.name for path in study.root.iterdir()] == ["study.toml"]


def test_command_prints_a_table_json_and_events(
    material: tuple[Path, Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    study = planned_study(tmp_path / "s", *material, names={"namer": "causal-lm"})
    assert run(["estimate", str(study.toml)]) == 0
    text = capfd.readouterr().out
    assert "6 clips" in text
    assert "warning: names.model names no language model" in text
    assert run(["estimate", str(study.root), "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    assert set(found) == {
        "clips", "hours", "measured", "device", "stages", "bytes_to_write", "free_bytes", "memory_bytes",
        "memory_total_bytes", "seconds", "seconds_low", "seconds_high", "warnings",
    }  # fmt: skip
    assert set(found["stages"][0]) == {
        "stage", "tokens", "bytes_to_write", "memory_bytes", "device_bytes", "seconds", "seconds_low", "seconds_high",
        "state",
    }  # fmt: skip
    assert found["warnings"] == [
        {"what": "names.model names no language model",
         "todo": 'Set names.model to a folder, a hub id or a .gguf file, or names.namer = "consensus".'}
    ]  # fmt: skip
