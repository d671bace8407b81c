"""transformers' CLAP, tiny and random: the same vector for the same sound, however it is asked."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import ClapModel, ClapProcessor

from backend.describe.embedders.base import EMBEDDERS, Embedder, Wave
from backend.describe.embedders.windows import embed_clips
from backend.errors import ArdError
from backend.study.settings import EmbedSection
from builders.tiny_clap import DIMENSIONS, tiny_clap
from builders.tiny_models import with_config, without_file

RATE = 48_000


def load(folder: Path | str, *, local_files_only: bool = False) -> Embedder:
    return EMBEDDERS.get("clap").load(EmbedSection(model=str(folder)), "cpu", local_files_only=local_files_only)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("clap")
    return {name: tiny_clap(root / name, fusion=name == "fused") for name in ("unfused", "fused")}


@pytest.fixture(scope="module", params=["unfused", "fused"])
def clap(request: pytest.FixtureRequest, folders: dict[str, Path]) -> Embedder:
    return load(folders[request.param])


@pytest.fixture(scope="module")
def sounds() -> list[Wave]:
    """Noise, a rising tone, silence and clicks of 10 s each."""
    rng, t = np.random.default_rng(0), np.arange(10 * RATE) / RATE
    clicks = np.zeros(10 * RATE)
    clicks[:: RATE // 8] = 0.9
    waves = [0.1 * rng.standard_normal(10 * RATE), np.sin(2 * np.pi * (100 + 200 * t) * t), np.zeros(10 * RATE), clicks]
    return [wave.astype(np.float32) for wave in waves]


def test_facts_come_from_the_model(clap: Embedder) -> None:
    assert (clap.sample_rate, clap.window_seconds, clap.dimensions) == (RATE, 10.0, DIMENSIONS)
    assert clap.repeats_short


def test_vectors_are_those_of_the_model_before_any_logit_scale(folders: dict[str, Path], sounds: list[Wave]) -> None:
    folder = folders["unfused"]
    processor, model = ClapProcessor.from_pretrained(folder), ClapModel.from_pretrained(folder).eval()
    inputs = processor(audio=sounds, text=["a dog"] * 4, sampling_rate=RATE, return_tensors="pt")
    with torch.no_grad():
        theirs = model(**inputs)
    mine = load(folder)
    assert mine.embed_windows(sounds) == pytest.approx(theirs.audio_embeds.numpy(), abs=1e-5)
    assert mine.embed_texts(["a dog"])[0] == pytest.approx(theirs.text_embeds[0].numpy(), abs=1e-5)
    cosines = mine.embed_windows(sounds) @ mine.embed_texts(["a dog"] * 4).T
    assert theirs.logits_per_audio.numpy() == pytest.approx(cosines / 0.07, abs=1e-3)


def test_batch_gives_what_its_windows_give_alone(clap: Embedder, sounds: list[Wave]) -> None:
    together = clap.embed_windows(sounds)
    alone = np.concatenate([clap.embed_windows([wave]) for wave in sounds])
    assert together == pytest.approx(alone, abs=1e-5)
    # sounds differ, so that equality says something
    assert np.abs(together @ together.T - 1)[np.triu_indices(4, 1)].min() > 1e-3


def test_same_clip_has_the_same_vector_every_time(clap: Embedder, sounds: list[Wave]) -> None:
    long = np.concatenate(sounds)[: 23 * RATE]
    found = [
        embed_clips(clap, [long, sounds[3][: 2 * RATE]], EmbedSection(batch_clips=batch), ["a", "b"]).vectors
        for batch in (1, 3, 16, 16)
    ]
    assert found[3].tolist() == found[2].tolist()
    for one in found[1:]:
        assert one == pytest.approx(found[0], abs=1e-5)


def test_long_clip_is_the_mean_over_its_windows(clap: Embedder, sounds: list[Wave]) -> None:
    long = np.concatenate(sounds[:2])[: 15 * RATE]
    parts = clap.embed_windows([long[: 10 * RATE], long[5 * RATE :]]).sum(axis=0)
    found = embed_clips(clap, [long], EmbedSection(), ["a"]).vectors[0]
    assert found == pytest.approx(parts / np.linalg.norm(parts), abs=1e-5)


def test_texts_of_a_batch_and_longer_than_the_model_reads(clap: Embedder) -> None:
    texts = ["a dog", "the sound of a great many dogs in the distance, and then a cat", "x"]
    together = clap.embed_texts(texts)
    assert together == pytest.approx(np.concatenate([clap.embed_texts([text]) for text in texts]), abs=1e-5)
    assert np.linalg.norm(together, axis=1) == pytest.approx(np.ones(3), abs=1e-5)
    assert clap.embed_texts([]).shape == (0, DIMENSIONS)


def test_window_that_is_too_long_never_reaches_the_random_crop(clap: Embedder) -> None:
    with pytest.raises(ValueError, match="longer than 480000"):
        clap.embed_windows([np.zeros(10 * RATE + 1, np.float32)])


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "processor_config.json"])
def test_missing_file_is_named(folders: dict[str, Path], tmp_path: Path, name: str) -> None:
    folder = without_file(Path(shutil.copytree(folders["unfused"], tmp_path / "clap")), name)
    with pytest.raises(ArdError, match=name):
        load(folder)


def test_damaged_weights_are_an_error_that_names_the_folder(folders: dict[str, Path], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(folders["unfused"], tmp_path / "clap"))
    (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:1000])
    with pytest.raises(ArdError, match=r"cannot be read.*Get the model again"):
        load(folder)


def test_folder_without_tokenizer_embeds_sound_and_says_so_of_text(
    folders: dict[str, Path], tmp_path: Path, sounds: list[Wave]
) -> None:
    folder = without_file(Path(shutil.copytree(folders["unfused"], tmp_path / "clap")), "tokenizer.json")
    found = load(folder)
    assert found.embed_windows(sounds[:1]).shape == (1, DIMENSIONS)
    with pytest.raises(ArdError, match=r"sound only.*--tokenizer"):
        found.embed_texts(["a dog"])


def test_model_of_another_type_is_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    folder = with_config(Path(shutil.copytree(folders["unfused"], tmp_path / "clap")), model_type="whisper")
    with pytest.raises(ArdError, match="type 'whisper', not 'clap'"):
        load(folder)


def test_checkpoint_of_laion_is_told_how_to_be_imported(tmp_path: Path) -> None:
    with pytest.raises(ArdError, match="ard import-clap"):
        load(tmp_path / "630k-audioset-best.pt")


def test_hub_that_cannot_be_reached_names_the_ways_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ArdError, match=r"laion/clap-htsat-unfused.*cannot be reached.*embed.embedder"):
        load("")
    with pytest.raises(ArdError, match="local_files_only = false"):
        load("laion/clap-htsat-unfused", local_files_only=True)


def test_identity_changes_with_the_weights_only(folders: dict[str, Path], tmp_path: Path) -> None:
    copy = Path(shutil.copytree(folders["unfused"], tmp_path / "copy"))
    assert load(copy).identity() == load(folders["unfused"]).identity()
    assert load(tiny_clap(tmp_path / "other", seed=1)).identity() != load(copy).identity()
