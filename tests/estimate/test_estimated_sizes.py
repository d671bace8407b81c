"""What is said of a study before it runs, against what the run then leaves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from planned_studies import planned_study, work_of

from backend.estimate.disk import MANIFEST, layer_bytes, meanwhile, sae_bytes
from backend.estimate.history import refined
from backend.estimate.report import Estimate, estimate
from backend.estimate.speeds import key, plain
from backend.estimate.tokens import clip_tokens
from backend.estimate.workload import checkpoint_step
from backend.jobs.job import quiet_job
from backend.jobs.runner import run_job
from backend.sae.base import build
from backend.sae.config import SaeConfig
from backend.sae.files import save_sae
from backend.stages import pipeline
from backend.store.activations import ActivationStore
from backend.study.configuration import load_settings
from backend.study.folder import Study
from backend.targets.load import load_target
from backend.train import checkpoint
from backend.train.jobs import sae_jobs
from builders.tiny_models import tiny_hubert, tiny_qwen2_audio, tiny_whisper
from builders.tiny_study import recordings

STAGES = ["index", "extract", "train", "retrieve", "describe"]
GRID = {"sae": {"architecture": ["topk", "batchtopk"]}, "train": {"steps": 20, "log_every": 10}}


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    base = tmp_path_factory.mktemp("material")
    return tiny_whisper(base / "model"), recordings(base / "audio", count=12)


@pytest.fixture(scope="module")
def ran(material: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, Estimate]:
    """A study that has been run, and what was said of it before."""
    study = planned_study(
        tmp_path_factory.mktemp("ran") / "s", *material, **GRID, retrieve={"raw_units": True, "p": 2}
    )  # fmt: skip
    said = estimate(study.root, quiet_job())
    assert [path.name for path in study.root.iterdir()] == ["study.toml"]
    settings = load_settings(study.toml)
    run_job(study, "run", lambda job: pipeline.run(study, settings, job))
    return study, said


def bytes_of(*paths: Path) -> int:
    return sum(one.stat().st_size for path in paths for one in [path, *path.rglob("*")] if one.is_file())


def said_of(found: Estimate, stage: str) -> int:
    return next(one.bytes_to_write for one in found.stages if one.stage == stage)


def test_tokens_are_those_that_are_then_extracted(ran: tuple[Study, Estimate]) -> None:
    study, said = ran
    stored = [ActivationStore(path.parent) for path in study.root.glob("activations/*/*/manifest.json")]
    assert [one.stage for one in said.stages] == STAGES
    assert said.stages[1].tokens == sum(one.tokens for one in stored) > 1000
    assert said.clips == 12
    assert said.stages[2].tokens == 4 * 20 * 256


def test_bytes_of_activations_are_those_that_the_run_wrote(ran: tuple[Study, Estimate]) -> None:
    study, said = ran
    shards = bytes_of(*study.root.glob("activations/*/*/shard-*.h5"))
    assert said_of(said, "extract") - bytes_of(study.root / "activations") == pytest.approx(0, abs=6000)
    assert shards > 0.6 * said_of(said, "extract")


@pytest.mark.parametrize("architecture", ["topk", "batchtopk", "jumprelu"])
def test_weights_of_an_sae_have_the_size_that_was_said_to_the_byte(architecture: str, tmp_path: Path) -> None:
    config = SaeConfig(architecture, 12, 36, 4)
    save_sae(tmp_path, build(config))
    assert sae_bytes(config) == (tmp_path / "sae.safetensors").stat().st_size


def test_shards_have_the_size_that_was_said_but_for_what_hdf5_keeps_of_its_own(ran: tuple[Study, Estimate]) -> None:
    study, _ = ran
    with work_of(study) as work:
        for layer in work.layers:
            folder = layer.recipe.folder(study)
            plan = len(json.dumps(json.loads((folder / "plan.json").read_text())))
            beside = plan + 16 * layer.d + 1500 + MANIFEST
            shards = list(folder.glob("shard-*.h5"))
            rows = int(layer.tokens.sum()) * (2 * 16 + 4) + 12 * 24
            said_of_shards = layer_bytes(work, layer) - beside
            assert said_of_shards > rows
            assert said_of_shards == pytest.approx(bytes_of(*shards), abs=2048 * len(shards))


def test_whole_study_grows_by_about_what_was_said(ran: tuple[Study, Estimate]) -> None:
    study, said = ran
    grown = bytes_of(study.root) - study.toml.stat().st_size
    assert said.bytes_to_write == pytest.approx(grown, rel=0.25)


def test_what_is_current_costs_nothing(ran: tuple[Study, Estimate]) -> None:
    again = estimate(ran[0].root, quiet_job())
    assert [one.state for one in again.stages] == ["current"] * 5
    assert (again.bytes_to_write, again.memory_bytes, again.seconds) == (0, 0, 0.0)
    assert again.warnings == ()


def test_another_sae_costs_what_it_adds(ran: tuple[Study, Estimate], tmp_path: Path) -> None:
    study, _ = ran
    draft = tmp_path / "draft.toml"
    draft.write_text(study.toml.read_text().replace("seeds = [0]", "seeds = [0, 1]"))
    found = estimate(draft, quiet_job(), within=study.root)
    assert [one.state for one in found.stages] == ["current", "current", "to do", "to do", "to do"]
    assert found.stages[2].tokens == 4 * 20 * 256
    assert [path.name for path in tmp_path.iterdir()] == ["draft.toml"]


def test_steps_of_finished_saes_replace_the_guess(ran: tuple[Study, Estimate]) -> None:
    study, _ = ran
    manifests = [json.loads(path.read_text()) for path in study.root.glob("saes/*-topk-*/manifest.json")]
    took = [one["figures"]["step_seconds"] for one in manifests]
    with work_of(study) as work:
        config = next(one.config for one in work.ranked if one.config and one.config.architecture == "topk")
        assert len(took) == 2
        assert refined(work, plain(work, "cpu", 1)).step[key(config)] == pytest.approx(sum(took) / 2)


def test_a_new_layer_costs_its_own_extraction_alone(ran: tuple[Study, Estimate], tmp_path: Path) -> None:
    study, said = ran
    draft = tmp_path / "draft.toml"
    text = study.toml.read_text()
    draft.write_text(text.replace('["encoder.0", "encoder.2"]', '["encoder.0", "encoder.1"]'))
    found = estimate(draft, quiet_job(), within=study.root)
    assert found.stages[1].tokens == said.stages[1].tokens // 2
    assert said_of(found, "train") == pytest.approx(said_of(said, "train") / 2, abs=10)


def test_checkpoint_counts_as_steps_that_are_done(ran: tuple[Study, Estimate], tmp_path: Path) -> None:
    study, _ = ran
    job = sae_jobs(study, load_settings(study.toml))[0]
    assert checkpoint_step(job) == 0
    state = job.folder / "checkpoint" / "state.safetensors"
    state.parent.mkdir()
    checkpoint.save(state, {"step": torch.tensor(7)}, fingerprint=job.fingerprint, step=7, seconds=1.0)
    assert checkpoint_step(job) == 7
    checkpoint.save(state, {"step": torch.tensor(7)}, fingerprint="another", step=7, seconds=1.0)
    assert checkpoint_step(job) == 0
    state.unlink()
    state.parent.rmdir()


def test_streaming_writes_no_activations_and_holds_its_buffer(material: tuple[Path, Path], tmp_path: Path) -> None:
    stream = {"storage": "stream", "shuffle_batches": 50}
    study = planned_study(tmp_path / "s", *material, extract=stream, train={"steps": 100, "checkpoint_every": 10})
    found = estimate(study.root, quiet_job())
    assert [one.state for one in found.stages] == ["to do", "current", "to do", "to do", "to do"]
    assert said_of(found, "extract") == 0
    more = planned_study(tmp_path / "m", *material, extract={**stream, "shuffle_batches": 50_000})
    assert (
        estimate(more.root, quiet_job()).stages[2].memory_bytes - found.stages[2].memory_bytes > 4 * 49_000 * 256 * 16
    )
    with work_of(study) as work:
        buffers = 2 * 50 * 256 * 4 * 2 * 16
        states = 12 * sum(one.parameters for one in work.trainings)
        assert meanwhile(work) == buffers + states + 12 * work.trainings[0].parameters


@pytest.mark.parametrize(
    ("build", "layers"),
    [(tiny_qwen2_audio, ["decoder.1", "encoder.0"]), (tiny_hubert, ["encoder.1"]), (tiny_whisper, ["encoder.1"])],
)
def test_tokens_counted_from_headers_are_those_that_the_model_counts(
    build: object, layers: list[str], material: tuple[Path, Path], tmp_path: Path
) -> None:
    study = planned_study(tmp_path / "s", build(tmp_path / "model"), material[1], layers)  # type: ignore[operator]
    target = load_target(load_settings(study.toml).model)
    with work_of(study) as work:
        for layer in work.layers:
            assert layer.tokens.tolist() == clip_tokens(work.clips, layer.name, target.token_count).tolist()
            assert layer.tokens.sum() > 0
