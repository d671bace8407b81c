"""Write a Hugging Face Whisper folder as a CTranslate2 one, to test the way back."""

from __future__ import annotations

import json
import shutil
import struct
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

CODES = {"float32": 0, "int8": 1, "int16": 2, "int32": 3, "float16": 4}


def ct2_whisper(source: Path, folder: Path, dtype: str = "float32") -> Path:
    """`folder` with model.bin, config.json and tokenizer.json made from the folder `source`.

    dtype "int8" quantises the matrices of the linear layers by rows, scale 127 / max|row|.
    """
    folder.mkdir(parents=True)
    shutil.copy(source / "tokenizer.json", folder)
    generation = json.loads((source / "generation_config.json").read_text())
    settings = {
        "suppress_ids": generation["suppress_tokens"],
        "suppress_ids_begin": generation["begin_suppress_tokens"],
        "alignment_heads": generation["alignment_heads"],
        "lang_ids": [],
    }
    (folder / "config.json").write_text(json.dumps(settings))
    config = json.loads((source / "config.json").read_text())
    variables = _variables(load_file(source / "model.safetensors"), config, dtype)
    (folder / "model.bin").write_bytes(model_bin("WhisperSpec", variables))
    return folder


def model_bin(spec: str, variables: dict[str, np.ndarray]) -> bytes:
    """Bytes of a model.bin of format 6; the output projection is an alias of the embeddings if they are there."""
    parts = [struct.pack("<I", 6), _string(spec), struct.pack("<II", 3, len(variables))]
    for name, value in variables.items():
        parts.append(_string(name) + struct.pack("<B", value.ndim) + struct.pack(f"<{value.ndim}I", *value.shape))
        parts.append(struct.pack("<BI", CODES[str(value.dtype)], value.nbytes) + value.tobytes())
    aliases = {"decoder/projection/weight": "decoder/embeddings/weight"}
    aliases = {alias: name for alias, name in aliases.items() if name in variables}
    parts.append(struct.pack("<I", len(aliases)))
    parts += [_string(alias) + _string(name) for alias, name in aliases.items()]
    return b"".join(parts)


def _string(text: str) -> bytes:
    data = text.encode() + b"\0"
    return struct.pack("<H", len(data)) + data


def _variables(state: dict[str, np.ndarray], config: dict[str, int], dtype: str) -> dict[str, np.ndarray]:
    out: dict[str, np.ndarray] = {}

    def linear(new: str, old: list[str]) -> None:
        weights = np.concatenate([state[f"{name}.weight"] for name in old])
        biases = [state.get(f"{name}.bias", np.zeros(len(state[f"{name}.weight"]), np.float32)) for name in old]
        out[f"{new}/weight"], out[f"{new}/bias"] = weights, np.concatenate(biases)
        if dtype == "int8" and weights.ndim == 2:
            scale = (127 / np.abs(weights).max(axis=1)).astype(np.float32)
            out[f"{new}/weight"] = np.rint(weights * scale[:, None]).astype(np.int8)
            out[f"{new}/weight_scale"] = scale

    def norm(new: str, old: str) -> None:
        out[f"{new}/gamma"], out[f"{new}/beta"] = state[f"{old}.weight"], state[f"{old}.bias"]

    out["encoder/num_heads"] = np.array(config["encoder_attention_heads"], np.int16)
    for name in ("conv1", "conv2"):
        linear(f"encoder/{name}", [f"model.encoder.{name}"])
    out["decoder/embeddings/weight"] = state["model.decoder.embed_tokens.weight"]
    for stack in ("encoder", "decoder"):
        out[f"{stack}/position_encodings/encodings"] = state[f"model.{stack}.embed_positions.weight"]
        norm(f"{stack}/layer_norm", f"model.{stack}.layer_norm")
        for i in range(config[f"{stack}_layers"]):
            new, old = f"{stack}/layer_{i}", f"model.{stack}.layers.{i}"
            attention = f"{old}.self_attn"
            linear(f"{new}/self_attention/linear_0", [f"{attention}.{p}_proj" for p in "qkv"])
            linear(f"{new}/self_attention/linear_1", [f"{attention}.out_proj"])
            norm(f"{new}/self_attention/layer_norm", f"{old}.self_attn_layer_norm")
            if stack == "decoder":
                linear(f"{new}/attention/linear_0", [f"{old}.encoder_attn.q_proj"])
                linear(f"{new}/attention/linear_1", [f"{old}.encoder_attn.{p}_proj" for p in "kv"])
                linear(f"{new}/attention/linear_2", [f"{old}.encoder_attn.out_proj"])
                norm(f"{new}/attention/layer_norm", f"{old}.encoder_attn_layer_norm")
            linear(f"{new}/ffn/linear_0", [f"{old}.fc1"])
            linear(f"{new}/ffn/linear_1", [f"{old}.fc2"])
            norm(f"{new}/ffn/layer_norm", f"{old}.final_layer_norm")
    if dtype == "float16":
        out = {name: value.astype(np.float16) if value.dtype == np.float32 else value for name, value in out.items()}
    return out
