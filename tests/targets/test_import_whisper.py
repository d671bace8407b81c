"""A CTranslate2 Whisper folder becomes a Hugging Face one with the same weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from backend.errors import ArdError
from backend.study.settings import ModelSection
from backend.targets.convert_whisper import import_whisper
from backend.targets.load import load_target
from builders.ct2_whisper import ct2_whisper, model_bin


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 0.0), ("float16", 1e-3), ("int8", 8e-3)])
def test_weights_come_back_as_they_were(models: dict[str, Path], tmp_path: Path, dtype: str, tolerance: float) -> None:
    before = load_file(models["whisper"] / "model.safetensors")
    target = import_whisper(ct2_whisper(models["whisper"], tmp_path / "ct2", dtype), tmp_path / "hf")
    after = load_file(target / "model.safetensors")
    assert set(after) == set(before)
    for name, value in before.items():
        assert np.abs(after[name] - value).max() <= tolerance * max(1.0, np.abs(value).max()), name


def test_the_imported_model_transcribes_as_the_original(
    models: dict[str, Path], tmp_path: Path, noise: np.ndarray
) -> None:
    target = import_whisper(ct2_whisper(models["whisper"], tmp_path / "ct2"), tmp_path / "hf")
    texts = [load_target(ModelSection(path=str(path))).generate(noise, "") for path in (models["whisper"], target)]
    assert texts[0]
    assert texts[0] == texts[1]


@pytest.mark.parametrize("name", ["model.bin", "config.json", "tokenizer.json"])
def test_a_missing_file_is_named(models: dict[str, Path], tmp_path: Path, name: str) -> None:
    source = ct2_whisper(models["whisper"], tmp_path / "ct2")
    (source / name).unlink()
    with pytest.raises(ArdError, match=f"lacks '{name}'"):
        import_whisper(source, tmp_path / "hf")


@pytest.mark.parametrize("kept", [0, 3, 40, 5000])
def test_a_model_file_cut_short_leaves_nothing_behind(models: dict[str, Path], tmp_path: Path, kept: int) -> None:
    source = ct2_whisper(models["whisper"], tmp_path / "ct2")
    whole = (source / "model.bin").read_bytes()
    (source / "model.bin").write_bytes(whole[:kept])
    with pytest.raises(ArdError, match="not a whole CTranslate2 model file"):
        import_whisper(source, tmp_path / "hf")
    assert [path.name for path in tmp_path.iterdir()] == ["ct2"]


def test_a_damaged_tokenizer_leaves_nothing_behind(models: dict[str, Path], tmp_path: Path) -> None:
    source = ct2_whisper(models["whisper"], tmp_path / "ct2")
    (source / "tokenizer.json").write_text("{")
    with pytest.raises(ArdError, match="tokenizer cannot be read"):
        import_whisper(source, tmp_path / "hf")
    assert [path.name for path in tmp_path.iterdir()] == ["ct2"]


def test_another_kind_of_model_is_refused_by_its_name(models: dict[str, Path], tmp_path: Path) -> None:
    source = ct2_whisper(models["whisper"], tmp_path / "ct2")
    (source / "model.bin").write_bytes(model_bin("TransformerSpec", {"a": np.zeros(2, np.float32)}))
    with pytest.raises(ArdError, match="'TransformerSpec', not a Whisper"):
        import_whisper(source, tmp_path / "hf")


def test_a_lacking_variable_is_named(models: dict[str, Path], tmp_path: Path) -> None:
    source = ct2_whisper(models["whisper"], tmp_path / "ct2")
    (source / "model.bin").write_bytes(model_bin("WhisperSpec", {"a": np.zeros(2, np.float32)}))
    with pytest.raises(ArdError, match="lacks the variable 'encoder/conv1/weight'"):
        import_whisper(source, tmp_path / "hf")


def test_a_folder_with_files_is_never_overwritten(models: dict[str, Path], tmp_path: Path) -> None:
    source = ct2_whisper(models["whisper"], tmp_path / "ct2")
    (tmp_path / "hf").mkdir()
    (tmp_path / "hf" / "mine.txt").write_text("keep")
    with pytest.raises(ArdError, match="not empty"):
        import_whisper(source, tmp_path / "hf")
    assert (tmp_path / "hf" / "mine.txt").read_text() == "keep"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_said_to_be_full(
    models: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from transformers import WhisperForConditionalGeneration

    def fill(self: object, folder: Path) -> None:
        with open("/dev/full", "wb") as full:
            full.write(b"x")

    monkeypatch.setattr(WhisperForConditionalGeneration, "save_pretrained", fill)
    with pytest.raises(ArdError, match="the disk is full"):
        import_whisper(ct2_whisper(models["whisper"], tmp_path / "ct2"), tmp_path / "hf")
    assert [path.name for path in tmp_path.iterdir()] == ["ct2"]
