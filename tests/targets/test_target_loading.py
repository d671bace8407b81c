"""Loading: device, precision, and folders that are whole but wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from backend.errors import ArdError
from backend.study.settings import ModelSection
from backend.targets.load import choose_device, load_target
from backend.targets.tap import block_output, tap
from backend.targets.walk import find_blocks
from builders.tiny_models import tiny_hubert


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
def test_a_device_that_is_absent_is_refused_with_those_that_are_there(models: dict[str, Path]) -> None:
    with pytest.raises(ArdError, match=r"'cuda:1' is not there \(there is: .*cpu\)"):
        load_target(ModelSection(path=str(models["hubert"]), device="cuda:1"))


def test_auto_takes_what_is_there() -> None:
    assert choose_device("cpu") == torch.device("cpu")
    expected = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    assert choose_device("auto").type == expected


def test_a_loaded_model_evaluates_without_gradients_in_the_asked_precision(models: dict[str, Path]) -> None:
    model = load_target(ModelSection(path=str(models["hubert"]), dtype="bfloat16", device="cpu")).model
    assert not model.training
    assert {p.dtype for p in model.parameters()} == {torch.bfloat16}
    assert not any(p.requires_grad for p in model.parameters())


@pytest.mark.parametrize("kept", [0, 100, 20000])
def test_weights_that_are_cut_short_are_said_to_be_unreadable(tmp_path: Path, kept: int) -> None:
    folder = tiny_hubert(tmp_path)
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[:kept])
    with pytest.raises(ArdError, match="weights of the model cannot be read") as caught:
        load_target(ModelSection(path=str(folder)))
    assert caught.value.todo


def test_a_block_may_give_a_tensor_or_a_tuple() -> None:
    x = torch.ones(1, 2)
    assert block_output(x) is x
    assert block_output((x, None)) is x
    with pytest.raises(TypeError):
        block_output({"x": x})


def test_a_tapped_forward_leaves_no_hook_and_runs_on_where_asked() -> None:
    first, second = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)
    model = torch.nn.Sequential(first, second)
    done: list[bool] = []
    x = torch.ones(1, 2)
    got = tap({"a": first}, lambda: done.append(bool(model(x).shape)))
    torch.testing.assert_close(got["a"], first(x))
    assert done == []
    tap({"a": first}, lambda: done.append(bool(model(x).shape)), stop=False)
    assert done == [True]
    assert not first._forward_hooks
    with pytest.raises(RuntimeError, match="did not run through: b"):
        tap({"a": first, "b": torch.nn.Linear(2, 2)}, lambda: model(x))


def test_blocks_are_found_at_the_path_of_either_release() -> None:
    def nest(path: list[str], inner: torch.nn.Module) -> torch.nn.Module:
        for name in reversed(path):
            inner = torch.nn.ModuleDict({name: inner})
        return inner

    blocks = torch.nn.ModuleList([torch.nn.Linear(1, 1)])
    for path in (["model", "language_model", "layers"], ["language_model", "model", "layers"]):
        found, module = find_blocks(nest(path, blocks), "language_model")
        assert found == ".".join(path)
        assert module is blocks
    with pytest.raises(ArdError, match="no blocks found under 'audio_tower'"):
        find_blocks(nest(["x", "layers"], blocks), "audio_tower")
