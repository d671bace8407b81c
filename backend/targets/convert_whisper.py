"""Turn a CTranslate2 Whisper folder into a Hugging Face one, offline (`ard import-whisper`)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from backend.errors import ArdError
from backend.study.atomic import new_folder
from backend.targets.ct2_format import Variables, read_variables
from backend.targets.load import be_quiet

NEEDED = ("model.bin", "config.json", "tokenizer.json")
MULTILINGUAL_VOCABULARY = 51865


def import_whisper(source: Path, target: Path) -> Path:
    """Write `target`, a folder that `from_pretrained` loads, from the CTranslate2 folder `source`.

    `source` holds model.bin, config.json and tokenizer.json. Integer and half-precision weights
    become float32. Everything is written under a temporary name and renamed at the end (Rule 3).
    Returns `target`. Raises ArdError if a file is missing, damaged, not Whisper's, or if `target`
    is there already.
    """
    for name in NEEDED:
        if not (source / name).is_file():
            raise ArdError(
                f"the CTranslate2 folder lacks '{name}'",
                path=source,
                todo=f"Give a folder that holds {', '.join(NEEDED)}.",
            )
    settings = _read_settings(source / "config.json")
    variables = read_variables(source / "model.bin")
    if "whisper" not in variables.spec.lower():
        raise ArdError(
            f"this CTranslate2 model is a '{variables.spec}', not a Whisper model",
            path=source,
            todo="Only Whisper models can be imported this way.",
        )
    with new_folder(target) as temporary:
        _write(variables, settings, source / "tokenizer.json", temporary)
    return target


def _read_settings(path: Path) -> dict[str, Any]:
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
        keys = ("suppress_ids", "suppress_ids_begin", "alignment_heads")
        return {**settings, **{key: settings[key] for key in keys}}
    except (ValueError, KeyError, TypeError) as error:
        raise ArdError(
            f"config.json is not that of a CTranslate2 Whisper model: {error!r}", path=path, todo="Get the model again."
        ) from error


def _write(variables: Variables, settings: dict[str, Any], tokenizer_file: Path, folder: Path) -> None:
    from transformers import (
        GenerationConfig,
        WhisperFeatureExtractor,
        WhisperForConditionalGeneration,
        WhisperProcessor,
        WhisperTokenizerFast,
    )

    be_quiet()
    try:
        tokenizer = WhisperTokenizerFast(tokenizer_file=str(tokenizer_file))
    except Exception as error:  # the tokenizers library raises bare Exception for a damaged file
        raise ArdError(
            f"the tokenizer cannot be read: {error}", path=tokenizer_file, todo="Get the model again."
        ) from error
    config = whisper_config(variables, tokenizer)
    with torch.device("meta"):
        model = WhisperForConditionalGeneration(config)
    state = {name: torch.from_numpy(np.array(value, np.float32)) for name, value in hugging_face_state(variables)}
    state["proj_out.weight"] = state["model.decoder.embed_tokens.weight"]
    missing, unexpected = model.load_state_dict(state, strict=False, assign=True)
    if missing or unexpected:
        raise ArdError(
            f"the weights do not fit a Whisper model (missing {missing}, unexpected {unexpected})",
            path=variables.path,
            todo="Get the model again.",
        )
    model.tie_weights()
    model.generation_config = GenerationConfig(**_generation(settings, tokenizer, config))
    extractor = WhisperFeatureExtractor(
        feature_size=config.num_mel_bins, chunk_length=config.max_source_positions // 50
    )
    model.save_pretrained(folder)
    WhisperProcessor(feature_extractor=extractor, tokenizer=tokenizer).save_pretrained(folder)


def whisper_config(variables: Variables, tokenizer: Any) -> Any:
    """The `WhisperConfig` that the shapes of the variables imply."""
    from transformers import WhisperConfig

    width, mel_bins, _ = variables.shape("encoder/conv1/weight")
    heads = int(variables["encoder/num_heads"]) if "encoder/num_heads" in variables else width // 64
    end = tokenizer.convert_tokens_to_ids("<|endoftext|>")
    return WhisperConfig(
        vocab_size=variables.shape("decoder/embeddings/weight")[0],
        num_mel_bins=mel_bins,
        d_model=width,
        encoder_layers=_blocks(variables, "encoder"),
        decoder_layers=_blocks(variables, "decoder"),
        encoder_attention_heads=heads,
        decoder_attention_heads=heads,
        encoder_ffn_dim=variables.shape("encoder/layer_0/ffn/linear_0/weight")[0],
        decoder_ffn_dim=variables.shape("decoder/layer_0/ffn/linear_0/weight")[0],
        max_source_positions=variables.shape("encoder/position_encodings/encodings")[0],
        max_target_positions=variables.shape("decoder/position_encodings/encodings")[0],
        bos_token_id=end,
        eos_token_id=end,
        pad_token_id=end,
        decoder_start_token_id=tokenizer.convert_tokens_to_ids("<|startoftranscript|>"),
    )


def _generation(settings: dict[str, Any], tokenizer: Any, config: Any) -> dict[str, Any]:
    token = tokenizer.convert_tokens_to_ids
    multilingual = config.vocab_size >= MULTILINGUAL_VOCABULARY
    values: dict[str, Any] = {
        "bos_token_id": config.eos_token_id,
        "eos_token_id": config.eos_token_id,
        "pad_token_id": config.eos_token_id,
        "decoder_start_token_id": config.decoder_start_token_id,
        "max_length": config.max_target_positions,
        "suppress_tokens": [i for i in settings["suppress_ids"] if i >= 0],
        "begin_suppress_tokens": settings["suppress_ids_begin"],
        "alignment_heads": settings["alignment_heads"],
        "no_timestamps_token_id": token("<|notimestamps|>"),
        "prev_sot_token_id": token("<|startofprev|>"),
        "max_initial_timestamp_index": 50,
        "return_timestamps": False,
        "is_multilingual": multilingual,
    }
    if multilingual:
        languages = tokenizer.convert_ids_to_tokens(settings.get("lang_ids", []))
        values["lang_to_id"] = dict(zip(languages, settings.get("lang_ids", []), strict=True))
        values["task_to_id"] = {name: token(f"<|{name}|>") for name in ("transcribe", "translate")}
    return values


def _blocks(variables: Variables, stack: str) -> int:
    numbers = [int(m.group(1)) for name in variables.stored if (m := re.match(rf"{stack}/layer_(\d+)/", name))]
    if not numbers:
        raise ArdError(f"the model file has no {stack} layers", path=variables.path, todo="Get the model again.")
    return 1 + max(numbers)


def hugging_face_state(variables: Variables) -> Iterator[tuple[str, np.ndarray[Any, Any]]]:
    """Every weight under its name in transformers; fused projections are split in rows."""
    for convolution in ("conv1", "conv2"):
        yield from _linear(variables, f"encoder/{convolution}", f"model.encoder.{convolution}")
    yield "model.decoder.embed_tokens.weight", variables["decoder/embeddings/weight"]
    for stack in ("encoder", "decoder"):
        yield f"model.{stack}.embed_positions.weight", variables[f"{stack}/position_encodings/encodings"]
        yield from _norm(variables, f"{stack}/layer_norm", f"model.{stack}.layer_norm")
        for block in range(_blocks(variables, stack)):
            yield from _block(variables, f"{stack}/layer_{block}", f"model.{stack}.layers.{block}", stack)


def _block(variables: Variables, old: str, new: str, stack: str) -> Iterator[tuple[str, np.ndarray[Any, Any]]]:
    attention = f"{old}/self_attention"
    yield from _split(variables, f"{attention}/linear_0", f"{new}.self_attn", ("q_proj", "k_proj", "v_proj"))
    yield from _linear(variables, f"{attention}/linear_1", f"{new}.self_attn.out_proj")
    yield from _norm(variables, f"{attention}/layer_norm", f"{new}.self_attn_layer_norm")
    if stack == "decoder":
        cross = f"{old}/attention"
        yield from _split(variables, f"{cross}/linear_0", f"{new}.encoder_attn", ("q_proj",))
        yield from _split(variables, f"{cross}/linear_1", f"{new}.encoder_attn", ("k_proj", "v_proj"))
        yield from _linear(variables, f"{cross}/linear_2", f"{new}.encoder_attn.out_proj")
        yield from _norm(variables, f"{cross}/layer_norm", f"{new}.encoder_attn_layer_norm")
    yield from _linear(variables, f"{old}/ffn/linear_0", f"{new}.fc1")
    yield from _linear(variables, f"{old}/ffn/linear_1", f"{new}.fc2")
    yield from _norm(variables, f"{old}/ffn/layer_norm", f"{new}.final_layer_norm")


def _linear(variables: Variables, old: str, new: str) -> Iterator[tuple[str, np.ndarray[Any, Any]]]:
    yield f"{new}.weight", variables[f"{old}/weight"]
    yield f"{new}.bias", variables[f"{old}/bias"]


def _norm(variables: Variables, old: str, new: str) -> Iterator[tuple[str, np.ndarray[Any, Any]]]:
    yield f"{new}.weight", variables[f"{old}/gamma"]
    yield f"{new}.bias", variables[f"{old}/beta"]


def _split(
    variables: Variables, old: str, new: str, names: tuple[str, ...]
) -> Iterator[tuple[str, np.ndarray[Any, Any]]]:
    weights = np.split(variables[f"{old}/weight"], len(names))
    biases = np.split(variables[f"{old}/bias"], len(names))
    for name, weight, bias in zip(names, weights, biases, strict=True):
        yield f"{new}.{name}.weight", weight
        if name != "k_proj":
            yield f"{new}.{name}.bias", bias
        elif bias.any():
            # CTranslate2 stores zeros for the bias that Whisper's key projection does not have
            raise ArdError("the key projection has a bias, which Whisper has not", path=variables.path)
