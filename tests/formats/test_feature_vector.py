"""The control vector file, read back byte by byte as the format says."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from backend.sae.base import build
from backend.sae.config import SaeConfig
from backend.sae.formats.vector import feature_vector, write_vector


def text(data: bytes, at: int) -> tuple[str, int]:
    (length,) = struct.unpack_from("<Q", data, at)
    return data[at + 8 : at + 8 + length].decode(), at + 8 + length


def test_control_vector_holds_the_direction_of_its_block(tmp_path: Path) -> None:
    sae = build(SaeConfig(architecture="topk", d=6, n_features=8, k=2))
    vector = feature_vector(sae, 3, {"layer": "decoder.5", "sae": "s"})
    write_vector(vector, tmp_path / "v.gguf")
    data = (tmp_path / "v.gguf").read_bytes()
    assert struct.unpack_from("<4sIQQ", data) == (b"GGUF", 3, 1, 2 + len(vector.metadata))
    at, found = 24, {}
    for _ in range(2 + len(vector.metadata)):
        key, at = text(data, at)
        (kind,) = struct.unpack_from("<I", data, at)
        if kind == 8:
            found[key], at = text(data, at + 4)
        else:
            assert kind == 5
            (found[key],) = struct.unpack_from("<i", data, at + 4)
            at += 8
    assert (found["general.architecture"], found["controlvector.layer_count"]) == ("controlvector", 5)
    assert (found["ard.sae"], found["ard.feature"]) == ("s", "3")
    name, at = text(data, at)
    assert name == "direction.5"
    assert struct.unpack_from("<IQIQ", data, at) == (1, 6, 0, 0)
    start = -(-(at + 24) // 32) * 32
    np.testing.assert_array_equal(np.frombuffer(data, "<f4", 6, start), sae.W_dec[3].detach().numpy())
