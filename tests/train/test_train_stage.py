from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

from backend.errors import ArdError, Stopped
from backend.sae.files import load_sae
from backend.stages import train
from backend.study.folder import Study
from backend.study.manifest import read_manifest
from backend.study.settings import Settings
from backend.train import checkpoint
from backend.train.log import MetricsLog, finite, read_metrics
from builders.open_study import Watched, arrays

if TYPE_CHECKING:
    from conftest import Factory

SAE = {"architecture": ["batchtopk"], "expansion": [4], "k": [8], "auxk_alpha": 0.03125, "dead_tokens": 300}
ID = "encoder.1-batchtopk-e4-k8-s0"


@pytest.fixture(scope="module")
def whole(studies: Factory) -> tuple[Study, Settings]:
    """A study trained without disturbance."""
    study, settings = studies.cached("whole", sae=SAE)
    train.run(study, settings, Watched())
    return study, settings


def saes(study: Study) -> dict[str, bytes]:
    return {name: value for name, value in arrays(study).items() if name.startswith("saes")}


def test_manifest_tells_quality_throughput_and_memory(whole: tuple[Study, Settings]) -> None:
    study, settings = whole
    (product,) = train.products(study, settings)
    assert product.state == "finished"
    figures = read_manifest(product.manifest)["figures"]
    for name in (
        "fvu", "explained_variance", "l0", "dead_share", "dead_window", "tokens_per_second", "step_ms",
        "step_seconds", "peak_memory_bytes", "tokens", "training_tokens_per_epoch", "outliers_left_out",
    ):  # fmt: skip
        assert figures[name] is not None, name
    assert figures["tokens"] == 30 * 64
    assert 0 < figures["fvu"] < 1
    assert figures["explained_variance"] == 1 - figures["fvu"]


def test_metrics_have_a_line_every_few_steps_and_improve(whole: tuple[Study, Settings]) -> None:
    lines = read_metrics(whole[0].sae(ID) / "metrics.jsonl")
    assert [line["step"] for line in lines] == [5, 10, 15, 20, 25, 30]
    assert lines[-1]["fvu"] < lines[0]["fvu"]
    assert all(line["l0"] <= 8 for line in lines)


def test_trained_sae_opens_and_reconstructs(whole: tuple[Study, Settings]) -> None:
    sae = load_sae(whole[0].sae(ID))
    assert sae.input_factor == 1.0
    torch.testing.assert_close(sae.W_dec.norm(dim=1), torch.ones(64), rtol=0, atol=1e-6)
    assert not (whole[0].sae(ID) / "checkpoint").exists()


@pytest.mark.parametrize("stop_after", [1, 7, 10, 25])
def test_stopped_and_resumed_training_has_the_same_bits(
    whole: tuple[Study, Settings], studies: Factory, stop_after: int
) -> None:
    study, settings = studies.cached(f"stopped{stop_after}", sae=SAE)
    with pytest.raises(Stopped):
        train.run(study, settings, Watched(stop_after=stop_after))
    assert checkpoint.header(study.sae(ID) / "checkpoint" / "state.safetensors")["step"] == stop_after  # type: ignore[index]
    train.run(study, settings, Watched())
    assert saes(study) == saes(whole[0])


def test_training_that_died_between_checkpoints_has_the_same_bits(
    whole: tuple[Study, Settings], studies: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, settings = studies.cached("died", sae=SAE)

    class Dying(Watched):
        def progress(self, done: float, total: float) -> None:
            if done == 18:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train.run(study, settings, Dying())
    assert [line["step"] for line in read_metrics(study.sae(ID) / "metrics.jsonl")] == [5, 10, 15]
    train.run(study, settings, Watched())
    assert saes(study) == saes(whole[0])


def test_checkpoint_damaged_by_a_crash_only_costs_time(whole: tuple[Study, Settings], studies: Factory) -> None:
    study, settings = studies.cached("damaged", sae=SAE)
    with pytest.raises(Stopped):
        train.run(study, settings, Watched(stop_after=12))
    path = study.sae(ID) / "checkpoint" / "state.safetensors"
    path.write_bytes(path.read_bytes()[:100])
    train.run(study, settings, Watched())
    assert saes(study) == saes(whole[0])


def test_sae_added_to_the_grid_is_trained_alone_and_as_if_trained_together(studies: Factory) -> None:
    both, settings = studies.cached("both", sae={**SAE, "expansion": [2, 4]})
    train.run(both, settings, Watched())
    study, settings = studies.cached("grown", sae=SAE)
    train.run(study, settings, Watched())
    before = (study.sae(ID) / "manifest.json").stat().st_mtime_ns
    settings.sae.expansion = [2, 4]
    job = Watched()
    train.run(study, settings, job)
    assert {event["sae"] for event in job.events if event["type"] == "metric"} == {"encoder.1-batchtopk-e2-k8-s0"}
    assert (study.sae(ID) / "manifest.json").stat().st_mtime_ns == before
    assert saes(study) == saes(both)


def test_sae_added_to_a_half_finished_run_changes_no_result(studies: Factory) -> None:
    both, settings = studies.cached("both2", sae={**SAE, "expansion": [2, 4]})
    train.run(both, settings, Watched())
    study, settings = studies.cached("half", sae=SAE)
    with pytest.raises(Stopped):
        train.run(study, settings, Watched(stop_after=13))
    settings.sae.expansion = [2, 4]
    with pytest.raises(Stopped):
        train.run(study, settings, Watched(stop_after=4))
    train.run(study, settings, Watched())
    assert saes(study) == saes(both)


def test_layers_architectures_and_seeds_are_trained_in_one_run(studies: Factory) -> None:
    study, settings = studies.cached(
        "grid",
        layers=["encoder.0", "decoder.0"],
        sae={"architecture": ["topk", "jumprelu"], "expansion": [2], "k": [4], "seeds": [0, 1]},
        train={"steps": 6},
    )
    job = Watched()
    train.run(study, settings, job)
    assert {p.state for p in train.products(study, settings)} == {"finished"}
    assert len(study.sae_ids()) == 8
    assert sum(event["type"] == "stage" and event["state"] == "started" for event in job.events) == 1


def test_steps_come_from_epochs_of_the_stored_tokens(studies: Factory) -> None:
    study, settings = studies.cached("epochs", sae=SAE, train={"steps": "auto", "epochs": 1.5})
    train.run(study, settings, Watched())
    manifest = read_manifest(study.sae(ID) / "manifest.json")
    tokens = manifest["figures"]["training_tokens_per_epoch"]
    assert manifest["settings"]["plan"]["steps"] == round(1.5 * tokens / 64)


def test_changed_training_setting_trains_anew_and_says_so(studies: Factory) -> None:
    study, settings = studies.cached("changed", sae=SAE)
    train.run(study, settings, Watched())
    before = saes(study)
    settings.train.lr = 1e-3
    assert [p.state for p in train.products(study, settings)] == ["stale"]
    job = Watched()
    train.run(study, settings, job)
    assert "trained with other settings or inputs before" in job.texts()
    assert saes(study) != before
    assert [line["step"] for line in read_metrics(study.sae(ID) / "metrics.jsonl")] == [5, 10, 15, 20, 25, 30]


def test_how_often_metrics_are_written_makes_nothing_stale(whole: tuple[Study, Settings]) -> None:
    settings = whole[1].model_copy(deep=True)
    settings.train.log_every, settings.train.checkpoint_every, settings.train.threads = 7, 3, 2
    assert [p.state for p in train.products(whole[0], settings)] == ["finished"]


def test_training_without_activations_names_the_layer_and_the_command(studies: Factory) -> None:
    study, settings = studies.cached("without", sae=SAE)
    settings.model.layers = ["encoder.0"]
    with pytest.raises(ArdError, match=r"layer encoder\.0 has no finished activations.*ard extract"):
        train.run(study, settings, Watched())


def test_grid_that_names_an_sae_twice_is_refused(studies: Factory) -> None:
    study, settings = studies.cached("twice", sae={"k": [16, "auto"]})
    with pytest.raises(ArdError, match=r"asks twice for the same SAE: encoder\.1-batchtopk-e4-k16-s0"):
        train.products(study, settings)


def test_log_drops_lines_after_the_checkpoint_and_torn_ones(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 5, "loss": 1.0}\n{"step": 10, "loss": 0.5}\n{"step": 15, "lo')
    log = MetricsLog(path, from_step=5)
    log.write({"step": 10, "loss": 0.25})
    assert [json.loads(line) for line in path.read_text().splitlines()] == [
        {"step": 5, "loss": 1.0},
        {"step": 10, "loss": 0.25},
    ]


def test_numbers_without_json_form_become_null() -> None:
    assert finite({"fvu": float("inf"), "l0": 3.0, "loss": float("nan")}) == {"fvu": None, "l0": 3.0, "loss": None}


def test_checkpoint_returns_tensors_and_values_and_refuses_damage(tmp_path: Path) -> None:
    path = tmp_path / "c" / "state.safetensors"
    assert checkpoint.load(path) is None
    checkpoint.save(path, {"a": torch.arange(3), "b": torch.ones(())}, step=4, name="x")
    tensors, values = checkpoint.load(path) or ({}, {})
    assert tensors["a"].tolist() == [0, 1, 2]
    assert values == {"step": 4, "name": "x"}
    path.write_bytes(b"not a checkpoint")
    assert checkpoint.load(path) is None
    assert checkpoint.header(path) is None


def test_tensorboard_that_is_not_installed_is_an_error_with_advice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ArdError, match=r"tensorboard is not installed.*ard\[tensorboard\]"):
        MetricsLog(tmp_path / "metrics.jsonl", from_step=0, tensorboard=True)
