"""The built-in model: Whisper's encoder under a small Qwen2 decoder, as a Qwen2AudioForConditionalGeneration."""

from __future__ import annotations

import copy
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from backend.builtin.tokenizer import AUDIO, END, PAD
from backend.errors import ArdError
from backend.study.atomic import disk_full, read_json, sync_folder
from backend.targets.load import be_quiet

FRAMES_PER_SECOND = 50
SYSTEM = "You are a helpful assistant."

CHAT_TEMPLATE = (
    "{%- set clips = namespace(count=0) -%}"
    "{%- for message in messages -%}"
    "{%- if loop.first and message['role'] != 'system' -%}"
    "{{- '<|im_start|>system\\n" + SYSTEM + "<|im_end|>\\n' -}}"
    "{%- endif -%}"
    "{{- '<|im_start|>' + message['role'] + '\\n' -}}"
    "{%- if message['content'] is string -%}"
    "{{- message['content'] -}}"
    "{%- else -%}"
    "{%- for part in message['content'] -%}"
    "{%- if 'audio' in part or 'audio_url' in part or part['type'] == 'audio' -%}"
    "{%- set clips.count = clips.count + 1 -%}"
    "{{- 'Audio ' ~ clips.count ~ ': <|audio_bos|><|AUDIO|><|audio_eos|>\\n' -}}"
    "{%- elif 'text' in part -%}"
    "{{- part['text'] -}}"
    "{%- endif -%}"
    "{%- endfor -%}"
    "{%- endif -%}"
    "{{- '<|im_end|>\\n' -}}"
    "{%- endfor -%}"
    "{%- if add_generation_prompt -%}"
    "{{- '<|im_start|>assistant\\n' -}}"
    "{%- endif -%}"
)
"""Writes a dialogue as Qwen2-Audio's own template does."""


@dataclass(frozen=True)
class Sizes:
    """Sizes of the decoder, and how much of Whisper's window is kept.

    Attributes
    ----------
    width, layers, feed_forward : int
    head_width : int
        `width` is a multiple of it.
    key_value_heads : int
        Divides the number of heads (grouped-query attention).
    window_seconds : int
        Longest audio; a whole number, because the feature extractor wants one.
    tower_layers : int
        The first so many of Whisper's encoder layers are kept. Its last ones are made for words: a classifier on the
        second layer of tiny.en tells sounds and languages apart better than one on the fourth.
    """

    width: int = 256
    layers: int = 8
    feed_forward: int = 768
    head_width: int = 64
    key_value_heads: int = 2
    window_seconds: int = 10
    tower_layers: int = 2

    def __post_init__(self) -> None:
        if self.width % self.head_width or self.heads % self.key_value_heads:
            raise ArdError(
                f"a decoder of width {self.width} cannot be divided into heads of {self.head_width} "
                f"with {self.key_value_heads} key-value heads"
            )

    @property
    def heads(self) -> int:
        return self.width // self.head_width


def build_tower(whisper: Path, window_seconds: int = 10, layers: int | None = None) -> Any:
    """A `Qwen2AudioEncoder` with the encoder weights of the Whisper folder `whisper`, frozen, in evaluation mode.

    Of Whisper's positions the first `window_seconds` are kept, of its layers the first `layers` (None for all).
    ArdError if the folder is not Whisper's, or its window is shorter.
    """
    from transformers import Qwen2AudioEncoder, Qwen2AudioEncoderConfig

    config = read_json(whisper / "config.json")
    if config.get("model_type") != "whisper":
        raise ArdError("this folder does not hold a Whisper model", path=whisper)
    positions = window_seconds * FRAMES_PER_SECOND
    if positions > config["max_source_positions"]:
        raise ArdError(f"this Whisper model's window is shorter than {window_seconds} s", path=whisper)
    layers = config["encoder_layers"] if layers is None else min(layers, config["encoder_layers"])
    same = (
        "num_mel_bins",
        "encoder_attention_heads",
        "encoder_ffn_dim",
        "d_model",
        "scale_embedding",
    )
    tower = Qwen2AudioEncoder(
        Qwen2AudioEncoderConfig(
            **{name: config[name] for name in same},
            encoder_layers=layers,
            activation_function=config["activation_function"],
            max_source_positions=positions,
        )
    )
    state = _whisper_encoder(whisper)
    state["embed_positions.weight"] = state["embed_positions.weight"][:positions]
    dropped = tuple(f"layers.{number}." for number in range(layers, config["encoder_layers"]))
    tower.load_state_dict({name: tensor for name, tensor in state.items() if not name.startswith(dropped)})
    return tower.requires_grad_(False).eval()


def build(tower: Any, tokenizer: Any, sizes: Sizes, seed: int = 0) -> Any:
    """An untrained model on `tower` (`build_tower`), in evaluation mode.

    Its output layer is its embedding: one parameter, as long as the model is trained. The class does not know tied
    weights, so `save` writes both.
    """
    from transformers import GenerationConfig, Qwen2AudioConfig, Qwen2AudioForConditionalGeneration, Qwen2Config

    pad, end = tokenizer.convert_tokens_to_ids(PAD), tokenizer.convert_tokens_to_ids(END)
    text = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=sizes.width,
        intermediate_size=sizes.feed_forward,
        num_hidden_layers=sizes.layers,
        num_attention_heads=sizes.heads,
        num_key_value_heads=sizes.key_value_heads,
        max_position_embeddings=2048,
        tie_word_embeddings=False,
        bos_token_id=pad,
        eos_token_id=end,
        pad_token_id=pad,
    )
    config = Qwen2AudioConfig(
        audio_config=tower.config, text_config=text, audio_token_index=tokenizer.convert_tokens_to_ids(AUDIO)
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Qwen2AudioForConditionalGeneration(config).eval()
    model.model.audio_tower = tower
    model.lm_head.weight = model.model.language_model.embed_tokens.weight
    model.generation_config = GenerationConfig(
        bos_token_id=pad, eos_token_id=end, pad_token_id=pad, do_sample=False, max_new_tokens=96
    )
    return model


def build_extractor(sizes: Sizes, mel_bins: int = 80) -> Any:
    """The `WhisperFeatureExtractor` of the kept window."""
    from transformers import WhisperFeatureExtractor

    return WhisperFeatureExtractor(feature_size=mel_bins, chunk_length=sizes.window_seconds)


def build_processor(tokenizer: Any, extractor: Any) -> Any:
    """The `Qwen2AudioProcessor` that writes prompts and prepares audio."""
    from transformers import Qwen2AudioProcessor

    return Qwen2AudioProcessor(feature_extractor=extractor, tokenizer=tokenizer, chat_template=CHAT_TEMPLATE)


def save(model: Any, processor: Any, folder: Path) -> Path:
    """Replace `folder` by a complete model folder with float16 weights, which `from_pretrained` loads.

    Raises ArdError if a weight is not finite in float16, or the disk is full.
    """
    be_quiet()
    half = _half_precision(model)
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        half.save_pretrained(temporary)
        processor.save_pretrained(temporary)
        shutil.rmtree(folder, ignore_errors=True)
        os.replace(temporary, folder)
        sync_folder(folder.parent)
    except Exception as error:  # safetensors wraps the system's error in its own kind
        if "No space left" in str(error):
            raise disk_full(folder) from error
        raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder


def _half_precision(model: Any) -> Any:
    """A float16 copy in which no two weights share memory."""
    half = copy.deepcopy(model).half()
    half.lm_head.weight = torch.nn.Parameter(half.lm_head.weight.detach().clone())
    for name, tensor in half.state_dict().items():
        if not bool(torch.isfinite(tensor).all()):
            raise ArdError(f"the weight '{name}' is not finite in float16", todo="Train with a lower learning rate.")
    return half


def _whisper_encoder(whisper: Path) -> dict[str, Tensor]:
    """The encoder's weights in float32, under their names within the encoder."""
    from safetensors import SafetensorError, safe_open

    prefix = "model.encoder."
    try:
        with safe_open(whisper / "model.safetensors", framework="pt") as file:
            return {n.removeprefix(prefix): file.get_tensor(n).float() for n in file.keys() if n.startswith(prefix)}  # noqa: SIM118
    except (SafetensorError, OSError) as error:
        raise ArdError(
            f"the weights of the Whisper model cannot be read: {error}", path=whisper, todo="Fetch the model again."
        ) from error
