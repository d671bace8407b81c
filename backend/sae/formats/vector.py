"""One feature's vectors as a file that other tools read: .npy, .safetensors, .json, or llama.cpp's .gguf."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save

from backend.errors import ArdError
from backend.sae.base import Sae
from backend.sae.formats.published import Published
from backend.study.atomic import replacing

Vector = npt.NDArray[np.float32]
GGUF_VERSION, ALIGNMENT = 3, 32
F32_TENSOR, TEXT, INT32 = 0, 8, 5


@dataclass(frozen=True)
class FeatureVector:
    """What one feature writes to the residual stream, and what it reads from it, for raw activations.

    Attributes
    ----------
    decoder : float32 array [d]
        Added to the stream for each unit of activation.
    encoder : float32 array [d]
    encoder_bias : float
    metadata : dict
        JSON-ready: feature, sae, layer, model, norms, largest activation and so on.
    """

    decoder: Vector
    encoder: Vector
    encoder_bias: float
    metadata: dict[str, Any]


def feature_vector(sae: Sae, k: int, metadata: dict[str, Any]) -> FeatureVector:
    """The vectors of feature `k`, its input factor folded in; ArdError if there is no such feature.

    `metadata` is completed by d, the norm of the decoder direction, the decoder's bias mode and the encoder's bias.
    """
    if not 0 <= k < sae.config.n_features:
        raise ArdError(f"there is no feature {k}", todo=f"Use a number from 0 to {sae.config.n_features - 1}.")
    folded = Published.of(sae)
    decoder, encoder = folded.W_dec[k].numpy(), folded.W_enc[k].numpy()
    bias = float(folded.b_enc[k])
    found = {
        "feature": k,
        "d": len(decoder),
        "norm": float(np.linalg.norm(decoder)),
        "encoder_bias": bias,
        "bias_mode": folded.config.bias_mode,
        "input_scaling": folded.config.input_scaling,
    }
    return FeatureVector(decoder.copy(), encoder.copy(), bias, {**metadata, **found})


def write_vector(vector: FeatureVector, path: Path) -> list[Path]:
    """Write `vector` in the format of the name's ending; returns the files written.

    .npy: the decoder direction, with encoder and metadata in a .json of the same name; .safetensors: `decoder`,
    `encoder` and metadata; .json: all of it; .gguf: the decoder direction as a control vector of llama.cpp.

    Raises ArdError for another ending, or a layer that a control vector cannot name.
    """
    write = WRITERS.get(path.suffix)
    if write is None:
        raise ArdError(
            f"a vector cannot be written as '{path.suffix or path.name}'",
            path=path,
            todo=f"Let the name end in one of: {', '.join(WRITERS)}.",
        )
    files = {path: write(vector)}
    if path.suffix == ".npy":
        files[path.with_suffix(".json")] = _json(vector)
    for place, data in files.items():
        with replacing(place) as temporary:
            temporary.write_bytes(data)
    return list(files)


def _npy(vector: FeatureVector) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, vector.decoder, allow_pickle=False)
    return buffer.getvalue()


def _safetensors(vector: FeatureVector) -> bytes:
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in vector.metadata.items()}
    return bytes(save({"decoder": vector.decoder, "encoder": vector.encoder}, metadata=texts))


def _json(vector: FeatureVector) -> bytes:
    found = {**vector.metadata, "decoder": vector.decoder.tolist(), "encoder": vector.encoder.tolist()}
    return (json.dumps(found, indent=2, ensure_ascii=False) + "\n").encode()


def _gguf(vector: FeatureVector) -> bytes:
    """GGUF version 3 with one tensor `direction.<block>`, which llama.cpp adds to that block's output."""
    stack, _, block = str(vector.metadata.get("layer", "")).rpartition(".")
    if stack != "decoder" or not block.isdecimal() or int(block) == 0:
        raise ArdError(
            f"llama.cpp knows control vectors of decoder blocks from 1 on, not of '{vector.metadata.get('layer')}'",
            todo="Write .safetensors or .json.",
        )
    pairs: list[tuple[str, str | int]] = [
        ("general.architecture", "controlvector"),
        ("controlvector.layer_count", int(block)),
        *((f"ard.{key}", str(value)) for key, value in vector.metadata.items()),
    ]
    head = b"GGUF" + struct.pack("<IQQ", GGUF_VERSION, 1, len(pairs))
    head += b"".join(_gguf_text(key) + _gguf_value(value) for key, value in pairs)
    head += _gguf_text(f"direction.{block}") + struct.pack("<IQIQ", 1, len(vector.decoder), F32_TENSOR, 0)
    padded = head + bytes(-len(head) % ALIGNMENT)
    data = vector.decoder.astype("<f4").tobytes()
    return padded + data + bytes(-len(data) % ALIGNMENT)


def _gguf_text(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _gguf_value(value: str | int) -> bytes:
    return struct.pack("<Ii", INT32, value) if isinstance(value, int) else struct.pack("<I", TEXT) + _gguf_text(value)


WRITERS: dict[str, Callable[[FeatureVector], bytes]] = {
    ".npy": _npy,
    ".safetensors": _safetensors,
    ".json": _json,
    ".gguf": _gguf,
}
