"""A checkpoint of laion_clap becomes a folder of transformers' CLAP with the same network.

The real package cannot be installed beside transformers 5; laion_clap_tensors.json was recorded from it, and the
outputs of both networks on the same random weights were compared when it was.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import ClapModel

from backend.describe.convert_laion import clap_config, clap_state, import_laion, read_checkpoint
from backend.describe.embedders.base import EMBEDDERS, Embedder
from backend.errors import ArdError
from backend.study.settings import EmbedSection
from builders.laion_checkpoint import laion_state, save_checkpoint
from builders.tiny_clap import roberta_tokenizer, tiny_clap_model

RECORDED = json.loads((Path(__file__).parent / "laion_clap_tensors.json").read_text(encoding="utf-8"))
NETWORKS = ("HTSAT-tiny", "HTSAT-tiny, aff_2d")


def load(folder: Path) -> Embedder:
    return EMBEDDERS.get("clap").load(EmbedSection(model=str(folder)), "cpu")


def recorded(network: str) -> dict[str, torch.Tensor]:
    """Tensors of the real network's names and shapes, without values."""
    return {
        name.removeprefix("module."): torch.empty(shape, device="meta") for name, shape in RECORDED[network].items()
    }


@pytest.mark.parametrize("network", NETWORKS)
def test_every_tensor_of_the_real_network_has_its_place(network: str) -> None:
    real = {
        name.removeprefix("module."): torch.empty(shape, device="meta") for name, shape in RECORDED[network].items()
    }
    config = clap_config(real)
    with torch.device("meta"):
        wanted = {name: tuple(t.shape) for name, t in ClapModel(config).state_dict().items()}
    mapped = {name: tuple(t.shape) for name, t in clap_state(real)}
    buffers = {name for name in wanted if name.endswith(("position_index", "position_ids", "token_type_ids"))}
    assert mapped == {name: shape for name, shape in wanted.items() if name not in buffers}


def test_configuration_of_the_real_network_is_that_of_the_published_model() -> None:
    real = {
        name.removeprefix("module."): torch.empty(shape, device="meta")
        for name, shape in RECORDED["HTSAT-tiny"].items()
    }
    config = clap_config(real)
    audio, text = config.audio_config, config.text_config
    assert (audio.depths, audio.num_attention_heads) == ([2, 2, 6, 2], [4, 8, 16, 32])
    assert (audio.patch_embeds_hidden_size, audio.patch_size, audio.window_size, audio.mlp_ratio) == (96, 4, 8, 4.0)
    assert (audio.hidden_size, audio.num_mel_bins, audio.enable_fusion) == (768, 64, False)
    assert (text.num_hidden_layers, text.num_attention_heads, text.intermediate_size) == (12, 12, 3072)
    assert (text.vocab_size, text.max_position_embeddings, config.projection_dim) == (50265, 514, 512)


@pytest.mark.parametrize("fusion", [False, True])
def test_imported_network_computes_what_the_checkpoint_s_did(tmp_path: Path, fusion: bool) -> None:
    model = tiny_clap_model(fusion=fusion, seed=3)
    source = save_checkpoint(tmp_path / "laion.pt", laion_state(model))
    made = import_laion(source, tmp_path / "clap", roberta_tokenizer(tmp_path / "words"))
    assert made.text
    mine = load(made.folder)
    wave = (0.1 * np.random.default_rng(0).standard_normal(480_000)).astype(np.float32)
    features = mine.extractor(  # type: ignore[attr-defined]
        wave, sampling_rate=48_000, truncation="fusion" if fusion else "rand_trunc", return_tensors="pt"
    )["input_features"]
    ids = torch.tensor([[0, 69, 225, 72, 83, 75, 2]])
    with torch.no_grad():
        audio = model.get_audio_features(features, torch.zeros(1, 1, dtype=torch.bool)).pooler_output.numpy()
        text = model.get_text_features(ids).pooler_output.numpy()
    assert mine.embed_windows([wave]) == pytest.approx(audio, abs=1e-6)
    assert mine.embed_texts(["a dog"]) == pytest.approx(text, abs=1e-6)


def test_without_a_tokenizer_only_sound_is_embedded(tmp_path: Path) -> None:
    source = save_checkpoint(tmp_path / "laion.pt", laion_state(tiny_clap_model()))
    made = import_laion(source, tmp_path / "clap")
    assert not made.text
    assert load(made.folder).embed_windows([np.zeros(480_000, np.float32)]).shape == (1, 12)
    with pytest.raises(ArdError, match="sound only"):
        load(made.folder).embed_texts(["a dog"])


def test_tensors_may_stand_in_the_file_without_wrapping(tmp_path: Path) -> None:
    state = laion_state(tiny_clap_model())
    torch.save(state, tmp_path / "plain.pt")
    assert set(read_checkpoint(tmp_path / "plain.pt")) == set(state)


class Harmful:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("run by a pickle",)


def test_pickle_that_would_run_code_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"state_dict": {}, "extra": Harmful()}, tmp_path / "bad.pt")
    with pytest.raises(ArdError, match="more than weights"):
        import_laion(tmp_path / "bad.pt", tmp_path / "clap")
    assert "run by a pickle" not in capsys.readouterr().out


@pytest.mark.parametrize("kept", [0, 10, 5000])
def test_checkpoint_cut_short_leaves_nothing_behind(tmp_path: Path, kept: int) -> None:
    source = save_checkpoint(tmp_path / "laion.pt", laion_state(tiny_clap_model()))
    source.write_bytes(source.read_bytes()[:kept])
    with pytest.raises(ArdError, match=r"laion\.pt"):
        import_laion(source, tmp_path / "clap")
    assert [path.name for path in tmp_path.iterdir()] == ["laion.pt"]


def test_missing_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArdError, match=r"no such checkpoint.*gone.pt"):
        import_laion(tmp_path / "gone.pt", tmp_path / "clap")


@pytest.mark.parametrize(
    ("removed", "added"),
    [
        ("audio_branch.layers.0.blocks.0.norm1.bias", ""),
        ("text_branch.embeddings.word_embeddings.weight", "token_embedding.weight"),
        ("", "audio_branch.patch_embed.fusion_model.local_att2.0.weight"),
        ("audio_branch.patch_embed.proj.weight", "audio_branch.conv_block1.conv1.weight"),
    ],
)
def test_other_architecture_is_refused_and_the_other_embedder_named(
    tmp_path: Path, removed: str, added: str
) -> None:  # fmt: skip
    state = laion_state(tiny_clap_model())
    state.pop(removed, None)
    if added:
        state[added] = torch.zeros(3)
    with pytest.raises(ArdError, match=r"HTSAT and RoBERTa.*laion-clap"):
        import_laion(save_checkpoint(tmp_path / "other.pt", state), tmp_path / "clap")
    assert not (tmp_path / "clap").exists()


def test_checkpoint_with_other_mel_filters_is_refused(tmp_path: Path) -> None:
    state = laion_state(tiny_clap_model())
    state["audio_branch.logmel_extractor.melW"] = state["audio_branch.logmel_extractor.melW"].roll(1, dims=0)
    with pytest.raises(ArdError, match="mel filter bank"):
        import_laion(save_checkpoint(tmp_path / "other.pt", state), tmp_path / "clap")


def test_tokenizer_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    state = laion_state(tiny_clap_model())
    name = "text_branch.embeddings.word_embeddings.weight"
    state[name] = state[name][:200]
    source = save_checkpoint(tmp_path / "laion.pt", state)
    with pytest.raises(ArdError, match="261 tokens, the text side 200"):
        import_laion(source, tmp_path / "clap", roberta_tokenizer(tmp_path / "words"))
    with pytest.raises(ArdError, match="tokenizer"):
        import_laion(source, tmp_path / "clap", tmp_path)


def test_folder_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    source = save_checkpoint(tmp_path / "laion.pt", laion_state(tiny_clap_model()))
    (tmp_path / "clap").mkdir()
    (tmp_path / "clap" / "thesis.txt").touch()
    with pytest.raises(ArdError, match="not empty"):
        import_laion(source, tmp_path / "clap")
    assert [path.name for path in (tmp_path / "clap").iterdir()] == ["thesis.txt"]
