"""A model is recognised, counted and fingerprinted from its small files."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoConfig, HubertModel

from backend.errors import ArdError
from backend.study.settings import ModelSection
from backend.targets.families import FAMILIES
from backend.targets.identity import identify, resolve_layers
from backend.targets.layers import resolve_layer
from backend.targets.load import load_target
from builders.tiny_models import tiny_hubert, tiny_qwen2_audio, tiny_whisper, with_config, without_file


def section(path: Path | str, **values: Any) -> ModelSection:
    return ModelSection(path=str(path), **values)


def test_a_folder_says_what_it_holds(tmp_path: Path) -> None:
    found = identify(section(tiny_qwen2_audio(tmp_path, window_seconds=10)))
    assert found.model_type == "qwen2_audio"
    assert found.stacks == {"decoder": 3, "encoder": 2}
    assert found.widths == {"decoder": 32, "encoder": 16}
    assert (found.sample_rate, found.window_seconds) == (16000, 10.0)
    assert found.is_local
    assert found.missing == ()


@pytest.mark.parametrize("model_type", sorted(FAMILIES))
def test_what_a_configuration_leaves_out_is_the_librarys_default(model_type: str) -> None:
    full = AutoConfig.for_model(model_type).to_dict()
    family = FAMILIES[model_type]
    assert family.stacks({}) == family.stacks(full)
    assert family.widths({}) == family.widths(full)


def test_identity_needs_neither_torch_nor_transformers(models: dict[str, Path]) -> None:
    code = (
        "import sys; from backend.study.settings import ModelSection; from backend.targets.identity import *\n"
        "s = ModelSection(path=sys.argv[1]); i = identify(s); print(resolve_layers(s, i), i.fingerprint)\n"
        "print([m for m in ('torch', 'transformers', 'scipy') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(models["whisper"])], capture_output=True, text=True, check=True,
        cwd=Path(__file__).resolve().parents[2],
    )  # fmt: skip
    assert done.stdout.splitlines()[0].startswith("['encoder.2']")
    assert done.stdout.splitlines()[1] == "[]"


def test_layers_get_their_full_names_each_once(models: dict[str, Path]) -> None:
    asked = section(models["whisper"], layers=["last", "0", "decoder.last", "encoder.2", "decoder.0"])
    assert resolve_layers(asked) == ["encoder.2", "encoder.0", "decoder.1", "decoder.0"]


@pytest.mark.parametrize("layer", ["3", "encoder.3", "pooler.0", "decoder.99", "x", "encoder.", "-1"])
def test_a_layer_that_is_not_there_gets_the_list_of_those_that_are(layer: str) -> None:
    with pytest.raises(ArdError, match=r"encoder\.0 … encoder\.2, decoder\.0 … decoder\.1"):
        resolve_layer(layer, {"encoder": 3, "decoder": 2})


def test_the_fingerprint_changes_with_weights_configuration_and_extractor_only(tmp_path: Path) -> None:
    folders = [tmp_path / name for name in ("a", "b", "weights", "config", "extractor")]
    for folder in folders:
        tiny_hubert(folder, seed=1 if folder.name == "weights" else 0)
    with_config(folders[1], transformers_version="9.9", _name_or_path="elsewhere")
    with_config(folders[3], layer_norm_eps=0.5)
    path = folders[4] / "preprocessor_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "do_normalize": True}))
    first, same, *others = (identify(section(folder)).fingerprint for folder in folders)
    assert first == same
    assert len({first, *others}) == 4


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("model.safetensors", "lacks: model.safetensors"),
        ("processor_config.json", "lacks: preprocessor_config.json or processor_config.json"),
        ("tokenizer.json", "lacks: tokenizer.json or vocab.json"),
        ("config.json", "has no config.json"),
    ],
)
def test_a_missing_file_is_named_before_anything_is_loaded(tmp_path: Path, name: str, said: str) -> None:
    folder = without_file(tiny_whisper(tmp_path / "model"), name)
    with pytest.raises(ArdError, match=said) as caught:
        load_target(section(folder))
    assert str(folder) in str(caught.value)
    assert caught.value.todo


def test_a_shard_that_the_index_lists_and_the_folder_lacks_is_named(tmp_path: Path) -> None:
    folder = tiny_hubert(tmp_path / "model")
    HubertModel.from_pretrained(folder).save_pretrained(folder, max_shard_size="20KB")
    (folder / "model.safetensors").unlink(missing_ok=True)
    shards = sorted(path.name for path in folder.glob("model-*.safetensors"))
    assert len(shards) > 1
    assert identify(section(folder)).missing == ()
    assert load_target(section(folder)).stacks() == {"encoder": 3}
    without_file(folder, shards[1])
    assert identify(section(folder)).missing == (shards[1],)
    with pytest.raises(ArdError, match=shards[1]):
        load_target(section(folder))


def test_an_unknown_model_type_gets_the_list_of_known_ones(tmp_path: Path) -> None:
    folder = with_config(tiny_hubert(tmp_path), model_type="bert")
    with pytest.raises(ArdError, match=r"'bert' is not known.*hubert, qwen2_audio, wav2vec2, wavlm, whisper"):
        identify(section(folder))


def test_a_damaged_configuration_names_the_file(tmp_path: Path) -> None:
    folder = tiny_hubert(tmp_path)
    (folder / "config.json").write_text("{")
    with pytest.raises(ArdError, match=r"not valid JSON.*config\.json"):
        identify(section(folder))


@pytest.mark.parametrize("path", ["./nowhere", "/nowhere/at/all", "a/b/c", "~/nowhere", "C:\\models\\x"])
def test_a_path_that_is_not_there_is_not_taken_for_a_hub_id(path: str) -> None:
    with pytest.raises(ArdError, match="there is no such model folder"):
        identify(section(path))


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty hub cache, and a hub that cannot be reached."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    return tmp_path / "hub"


def cached(hub: Path, source: Path, commit: str) -> Path:
    """Lay `source` into the cache as the hub's client does."""
    folder = hub / "models--someone--model"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text(commit)
    return Path(shutil.copytree(source, folder / "snapshots" / commit))


def test_a_cached_hub_model_is_identified_by_its_commit(models: dict[str, Path], hub: Path) -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    snapshot = cached(hub, models["hubert"], commit)
    for asked in (section("someone/model"), section("someone/model", revision="main", local_files_only=True)):
        found = identify(asked)
        assert (found.revision, found.is_local, found.source) == (commit, False, "someone/model")
        assert found.stacks == {"encoder": 3}
    before = found.fingerprint
    (snapshot / "model.safetensors").unlink()
    assert identify(section("someone/model")).fingerprint == before


def test_a_model_that_is_not_cached_says_so_when_the_hub_may_not_be_asked(hub: Path) -> None:
    with pytest.raises(ArdError, match=r"neither a folder nor in the cache.*local_files_only = false"):
        identify(section("someone/model", local_files_only=True))


def test_a_hub_that_cannot_be_reached_is_said_to_be_so(hub: Path) -> None:
    with pytest.raises(ArdError, match=r"hub cannot be reached.*Connect to the network"):
        identify(section("someone/model"))
