"""What config.json says about the built-in model families, read without torch.

Hub configurations leave out what equals the class's default, so the defaults are part of the facts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Config = Mapping[str, Any]

TOKENIZER = ("tokenizer.json", "vocab.json", "tokenizer.model")
PREPROCESSOR = ("preprocessor_config.json", "processor_config.json")


@dataclass(frozen=True)
class Family:
    """Facts of one family.

    Attributes
    ----------
    stacks, widths : callable
        config.json to blocks per stack and d per stack, the usual stack first.
    needs : tuple of tuple of str
        Files a folder must hold beside config and weights, one of each group.
    rates : callable
        config.json and the feature extractor's settings to tokens per second of sound in each stack; None where
        that follows from what is said in it.
    window_seconds : float or None
        Window of families whose feature extractor names none.
    """

    stacks: Callable[[Config], dict[str, int]]
    widths: Callable[[Config], dict[str, int]]
    needs: tuple[tuple[str, ...], ...]
    rates: Callable[[Config, Config], dict[str, float | None]] = lambda config, extractor: {}
    window_seconds: float | None = None


def _whisper(layers: bool) -> Callable[[Config], dict[str, int]]:
    def read(config: Config) -> dict[str, int]:
        if not layers:
            return {stack: int(config.get("d_model", 384)) for stack in ("encoder", "decoder")}
        return {stack: int(config.get(f"{stack}_layers", 4)) for stack in ("encoder", "decoder")}

    return read


def _qwen2_audio(text: tuple[str, int], audio: tuple[str, int]) -> Callable[[Config], dict[str, int]]:
    def read(config: Config) -> dict[str, int]:
        parts = (config.get("text_config") or {}, config.get("audio_config") or {})
        return {"decoder": int(parts[0].get(*text)), "encoder": int(parts[1].get(*audio))}

    return read


def _one_encoder(key: str, default: int) -> Callable[[Config], dict[str, int]]:
    return lambda config: {"encoder": int(config.get(key, default))}


def _frames(pooled: int, *stacks: str) -> Callable[[Config, Config], dict[str, float | None]]:
    """Whisper's encoder halves the frames of the spectrogram; `pooled` says by how much what follows divides them."""

    def read(_config: Config, extractor: Config) -> dict[str, float | None]:
        frames = float(extractor.get("sampling_rate") or 16000) / float(extractor.get("hop_length") or 160)
        return {"encoder": frames / 2, **dict.fromkeys(stacks, frames / 2 / pooled if pooled else None)}

    return read


def _strides(config: Config, extractor: Config) -> dict[str, float | None]:
    strides = config.get("conv_stride") or (5, 2, 2, 2, 2, 2, 2)
    return {"encoder": float(extractor.get("sampling_rate") or 16000) / math.prod(strides)}


# S-03 works with 30 s windows; these models take any length and their extractor names none
SPEECH = Family(
    _one_encoder("num_hidden_layers", 12), _one_encoder("hidden_size", 768), (PREPROCESSOR,), _strides, 30.0
)

FAMILIES: dict[str, Family] = {
    "whisper": Family(_whisper(True), _whisper(False), (PREPROCESSOR, TOKENIZER), _frames(0, "decoder")),
    "qwen2_audio": Family(
        _qwen2_audio(("num_hidden_layers", 32), ("encoder_layers", 32)),
        _qwen2_audio(("hidden_size", 4096), ("d_model", 1280)),
        (PREPROCESSOR, TOKENIZER),
        _frames(2, "decoder"),
    ),
    "hubert": SPEECH,
    "wav2vec2": SPEECH,
    "wavlm": SPEECH,
}
"""Keyed by `config.model_type`."""
