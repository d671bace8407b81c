"""The built-in model's folder: loaded by the library alone, read and asked by ARD's own target."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import (
    Qwen2AudioEncoder,
    Qwen2AudioEncoderConfig,
    Qwen2AudioForConditionalGeneration,
    Qwen2AudioProcessor,
)

from backend.builtin.architecture import Sizes, build, build_tower, save
from backend.builtin.tokenizer import train_tokenizer
from backend.errors import ArdError
from backend.study.settings import ModelSection
from backend.targets.check import relative_difference
from backend.targets.load import load_target
from backend.targets.qwen2_audio import Qwen2Audio
from builders.tiny_builtin import RATE, SIZES, TinyModel, tiny_model
from builders.tiny_models import tiny_hubert, tiny_whisper

MEGABYTE = 1e6


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TinyModel:
    return tiny_model(tmp_path_factory.mktemp("tiny"), Sizes(32, 2, 64, 16, 1, window_seconds=10))


@pytest.fixture(scope="module")
def folder(tiny: TinyModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tiny.model, tiny.processor, tmp_path_factory.mktemp("saved") / "model")


@pytest.fixture(scope="module")
def target(folder: Path) -> Qwen2Audio:
    target = load_target(ModelSection(path=str(folder)))
    assert isinstance(target, Qwen2Audio)
    return target


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).standard_normal(round(seconds * RATE))).astype(np.float32)


def test_from_pretrained_gives_the_weights_back_rounded_to_half_precision(tiny: TinyModel, folder: Path) -> None:
    loaded = Qwen2AudioForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
    expected = tiny.model.state_dict()
    for name, tensor in loaded.state_dict().items():
        assert torch.equal(tensor, expected[name].half().float()), name


def test_weights_are_safetensors_in_half_precision(folder: Path) -> None:
    assert [path.name for path in folder.glob("*.safetensors")] == ["model.safetensors"]
    assert {tensor.dtype for tensor in load_file(folder / "model.safetensors").values()} == {torch.float16}


def test_the_folder_needs_no_code_of_its_own(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    assert config["model_type"] == "qwen2_audio"
    assert "auto_map" not in config
    assert not list(folder.glob("*.py"))


def test_the_tower_is_whispers_encoder_with_its_first_positions(tmp_path: Path) -> None:
    whisper = tiny_whisper(tmp_path, window_seconds=30)
    theirs = load_file(whisper / "model.safetensors")
    ours = build_tower(whisper, 10).state_dict()
    assert ours["embed_positions.weight"].shape == (500, 16)
    for name, tensor in ours.items():
        assert torch.equal(tensor, theirs[f"model.encoder.{name}"][: len(tensor)]), name


def test_the_output_layer_is_the_embedding(tiny: TinyModel, folder: Path) -> None:
    assert tiny.model.lm_head.weight is tiny.model.get_input_embeddings().weight
    loaded = Qwen2AudioForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
    assert torch.equal(loaded.lm_head.weight, loaded.get_input_embeddings().weight)


def test_at_its_real_sizes_on_whisper_tiny_the_model_is_below_40_megabytes() -> None:
    tokenizer = train_tokenizer([], size=300)
    with torch.device("meta"):
        tower = Qwen2AudioEncoder(
            Qwen2AudioEncoderConfig(
                num_mel_bins=80, encoder_layers=4, encoder_attention_heads=6, encoder_ffn_dim=1536, d_model=384,
                max_source_positions=500,
            )
        )  # fmt: skip
        model = build(tower, tokenizer, Sizes())
    decoder = sum(parameter.numel() for parameter in model.parameters())
    whole_vocabulary = 2 * (2000 - len(tokenizer)) * Sizes().width
    unshared = len(tokenizer) * Sizes().width
    assert 2 * (decoder + whole_vocabulary + unshared) < 40 * MEGABYTE


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "user", "content": [{"type": "audio", "audio_url": ""}, {"type": "text", "text": "What is it?"}]}],
        [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}],
        [
            {"role": "user", "content": [{"type": "audio", "audio": "a.wav"}, {"type": "audio", "audio_url": "b.wav"}]},
            {"role": "assistant", "content": "Two sounds."},
            {"role": "user", "content": [{"type": "text", "text": "Which is louder?"}]},
        ],
    ],
)
@pytest.mark.parametrize("asks", [True, False])
def test_dialogues_are_written_as_qwen2_audio_writes_them(folder: Path, messages: list, asks: bool) -> None:
    processor = Qwen2AudioProcessor.from_pretrained(folder)
    ours = processor.apply_chat_template(messages, add_generation_prompt=asks, tokenize=False)
    theirs = processor.apply_chat_template(
        messages, chat_template=processor.default_chat_template, add_generation_prompt=asks, tokenize=False
    )
    assert ours == theirs


def test_a_question_about_a_clip_reads_as_documented(target: Qwen2Audio) -> None:
    assert target.chat("What is it?") == (
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n"
        "Audio 1: <|audio_bos|><|AUDIO|><|audio_eos|>\nWhat is it?<|im_end|>\n<|im_start|>assistant\n"
    )


@pytest.mark.parametrize(("seconds", "tokens"), [(0.1, 2), (0.5, 12), (4.46, 111), (9.9, 247), (10, 250), (12, 250)])
def test_the_target_reads_25_tokens_a_second_of_a_10_s_window(target: Qwen2Audio, seconds: float, tokens: int) -> None:
    (one,) = target.encode([noise(seconds)], ["decoder.1"])
    assert one.x["decoder.1"].shape == (tokens, 32)
    assert target.token_count(round(seconds * RATE), "decoder.1") == tokens
    assert target.window_seconds == 10


def test_a_short_clip_is_read_beside_a_long_one_as_alone(target: Qwen2Audio) -> None:
    short, long = noise(1.3), noise(10, seed=1)
    (alone,), (beside, _) = target.encode([short], ["last"]), target.encode([short, long], ["last"])
    assert relative_difference(beside.x["decoder.1"], alone.x["decoder.1"]) <= 1e-5


def test_the_target_answers_as_the_library_does(target: Qwen2Audio, folder: Path) -> None:
    clip = noise(3)
    processor = Qwen2AudioProcessor.from_pretrained(folder)
    inputs = processor(text=target.chat("What?"), audio=[clip], sampling_rate=RATE, return_tensors="pt")
    model = Qwen2AudioForConditionalGeneration.from_pretrained(folder, dtype=torch.float32)
    ids = model.generate(**inputs, max_new_tokens=8)[0, inputs["input_ids"].shape[1] :]
    assert target.generate(clip, "What?", 8) == processor.tokenizer.decode(ids, skip_special_tokens=True).strip()


def test_saving_replaces_a_folder_as_a_whole(tiny: TinyModel, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "left-over.bin").touch()
    save(tiny.model, tiny.processor, folder)
    assert not (folder / "left-over.bin").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_weight_beyond_half_precision_is_refused(tmp_path: Path) -> None:
    tiny = tiny_model(tmp_path)
    with torch.no_grad():
        tiny.model.model.language_model.norm.weight[0] = 1e6
    with pytest.raises(ArdError, match=r"norm\.weight' is not finite in float16"):
        save(tiny.model, tiny.processor, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_equal_seeds_build_equal_models(tiny: TinyModel) -> None:
    tower = tiny.encoder.tower
    one, same, other = (build(tower, tiny.tokenizer, SIZES, seed).lm_head.weight for seed in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)


def test_a_folder_that_is_no_whisper_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArdError, match="does not hold a Whisper model"):
        build_tower(tiny_hubert(tmp_path))


def test_a_window_longer_than_whispers_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArdError, match="shorter than 20 s"):
        build_tower(tiny_whisper(tmp_path, window_seconds=10), 20)


@pytest.mark.parametrize("sizes", [{"width": 100}, {"width": 320, "key_value_heads": 2}])
def test_a_width_that_is_no_number_of_heads_is_refused(sizes: dict[str, int]) -> None:
    with pytest.raises(ArdError, match="cannot be divided into heads"):
        Sizes(**sizes)
