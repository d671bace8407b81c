"""Tiny random models of the real classes, saved as complete folders that `from_pretrained` loads.

Every builder writes config, weights, tokenizer and processor into `folder`, made if needed, and
returns it. Weights are drawn with a large enough spread that clips and positions differ clearly.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    GenerationConfig,
    HubertConfig,
    HubertModel,
    Qwen2AudioConfig,
    Qwen2AudioForConditionalGeneration,
    Qwen2AudioProcessor,
    Qwen2TokenizerFast,
    Wav2Vec2Config,
    Wav2Vec2FeatureExtractor,
    Wav2Vec2Model,
    WavLMConfig,
    WavLMModel,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperForConditionalGeneration,
    WhisperProcessor,
    WhisperTokenizerFast,
)
from transformers.utils import logging

logging.disable_progress_bar()

WHISPER_SPECIAL = (
    "<|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|fr|>", "<|translate|>", "<|transcribe|>",
    "<|startoflm|>", "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>",
)  # fmt: skip
QWEN_SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|AUDIO|>", "<|audio_bos|>", "<|audio_eos|>")


def byte_level_tokenizer(path: Path, special: tuple[str, ...]) -> Path:
    """A byte-level BPE without merges: ids 0 … 255 are bytes, then `special` in order."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={letter: i for i, letter in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    path.parent.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(path))
    return path


def tiny_whisper(
    folder: Path,
    *,
    window_seconds: int = 10,
    width: int = 16,
    layers: int = 3,
    decoder_layers: int = 2,
    seed: int = 0,
    multilingual: bool = False,
) -> Path:
    """A WhisperForConditionalGeneration: `layers` encoder blocks, 50 frames a second; English only unless asked."""
    times = tuple(f"<|{i * 0.02:.2f}|>" for i in range(window_seconds * 50 + 1))
    file = byte_level_tokenizer(folder / "tokenizer.json", WHISPER_SPECIAL + times)
    tokenizer = WhisperTokenizerFast(tokenizer_file=str(file))
    ids = {token: tokenizer.convert_tokens_to_ids(token) for token in WHISPER_SPECIAL}
    end, start = ids["<|endoftext|>"], ids["<|startoftranscript|>"]
    config = WhisperConfig(
        vocab_size=len(tokenizer), num_mel_bins=80, d_model=width, encoder_layers=layers, decoder_layers=decoder_layers,
        encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=2 * width, decoder_ffn_dim=2 * width,
        max_source_positions=window_seconds * 50, max_target_positions=24, init_std=0.3,
        bos_token_id=end, eos_token_id=end, pad_token_id=end, decoder_start_token_id=start,
    )  # fmt: skip
    torch.manual_seed(seed)
    model = WhisperForConditionalGeneration(config).eval()
    model.generation_config = GenerationConfig(
        bos_token_id=end, eos_token_id=end, pad_token_id=end, decoder_start_token_id=start, max_length=24,
        suppress_tokens=list(range(end + 1, len(tokenizer))), begin_suppress_tokens=[end],
        alignment_heads=[[decoder_layers - 1, 0], [decoder_layers - 1, 1]], is_multilingual=multilingual,
        no_timestamps_token_id=ids["<|notimestamps|>"], prev_sot_token_id=ids["<|startofprev|>"],
        max_initial_timestamp_index=50, return_timestamps=False,
    )  # fmt: skip
    if multilingual:
        model.generation_config.lang_to_id = {name: ids[name] for name in ("<|en|>", "<|fr|>")}
        model.generation_config.task_to_id = {name: ids[f"<|{name}|>"] for name in ("transcribe", "translate")}
    model.save_pretrained(folder)
    extractor = WhisperFeatureExtractor(feature_size=80, chunk_length=window_seconds)
    WhisperProcessor(feature_extractor=extractor, tokenizer=tokenizer).save_pretrained(folder)
    return folder


def tiny_qwen2_audio(
    folder: Path,
    *,
    window_seconds: int = 30,
    width: int = 32,
    layers: int = 3,
    encoder_layers: int = 2,
    seed: int = 0,
    **text: Any,
) -> Path:
    """A Qwen2AudioForConditionalGeneration: `layers` decoder blocks of `width`, 25 audio tokens a second.

    `text` are further values of the decoder's configuration.
    """
    file = byte_level_tokenizer(folder / "tokenizer.json", QWEN_SPECIAL)
    tokenizer = Qwen2TokenizerFast(
        tokenizer_file=str(file), unk_token=None, eos_token="<|im_end|>", pad_token="<|endoftext|>"
    )
    ids = {token: tokenizer.convert_tokens_to_ids(token) for token in QWEN_SPECIAL}
    config = Qwen2AudioConfig(
        audio_config={
            "model_type": "qwen2_audio_encoder", "d_model": width // 2, "encoder_layers": encoder_layers,
            "encoder_attention_heads": 2, "encoder_ffn_dim": width, "num_mel_bins": 80,
            "max_source_positions": window_seconds * 50, "initializer_range": 0.2,
        },
        text_config={
            "model_type": "qwen2", "hidden_size": width, "intermediate_size": 2 * width, "num_hidden_layers": layers,
            "num_attention_heads": 2, "num_key_value_heads": 1, "vocab_size": len(tokenizer),
            "max_position_embeddings": 2048, "initializer_range": 0.2,
            "bos_token_id": ids["<|endoftext|>"], "eos_token_id": ids["<|im_end|>"],
            "pad_token_id": ids["<|endoftext|>"], **text,
        },
        audio_token_index=ids["<|AUDIO|>"], initializer_range=0.2,
    )  # fmt: skip
    torch.manual_seed(seed)
    model = Qwen2AudioForConditionalGeneration(config).eval()
    model.generation_config = GenerationConfig(eos_token_id=ids["<|im_end|>"], pad_token_id=ids["<|endoftext|>"])
    model.save_pretrained(folder)
    extractor = WhisperFeatureExtractor(feature_size=80, chunk_length=window_seconds)
    Qwen2AudioProcessor(feature_extractor=extractor, tokenizer=tokenizer).save_pretrained(folder)
    return folder


def tiny_hubert(folder: Path, *, seed: int = 0, **config: Any) -> Path:
    """A HubertModel, post-norm and group norm as hubert-base: 320 samples a frame, batches without a mask."""
    return _speech_encoder(folder, HubertModel, HubertConfig, seed, config)


def tiny_wav2vec2(folder: Path, *, seed: int = 0, **config: Any) -> Path:
    """A Wav2Vec2Model, pre-norm and layer norm as wav2vec2-large-lv60: batches with a mask."""
    large = {"feat_extract_norm": "layer", "do_stable_layer_norm": True, "conv_bias": True}
    return _speech_encoder(folder, Wav2Vec2Model, Wav2Vec2Config, seed, {**large, **config})


def tiny_wavlm(folder: Path, *, seed: int = 0, **config: Any) -> Path:
    """A WavLMModel with its gated relative position bias, as wavlm-base."""
    return _speech_encoder(folder, WavLMModel, WavLMConfig, seed, config)


def _speech_encoder(folder: Path, model_class: Any, config_class: Any, seed: int, changes: dict[str, Any]) -> Path:
    values = {
        "hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 32,
        "conv_dim": (8,) * 7, "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 2,
        "initializer_range": 0.2, "vocab_size": 32,
    }  # fmt: skip
    config = config_class(**{**values, **changes})
    torch.manual_seed(seed)
    model_class(config).eval().save_pretrained(folder)
    masked = config.feat_extract_norm == "layer"
    Wav2Vec2FeatureExtractor(return_attention_mask=masked, do_normalize=masked).save_pretrained(folder)
    return folder


def without_file(folder: Path, name: str) -> Path:
    """`folder` after removing one of its files, for tests of incomplete model folders."""
    (folder / name).unlink()
    return folder


def with_config(folder: Path, **changes: Any) -> Path:
    """`folder` after changing keys of its config.json."""
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    return folder
