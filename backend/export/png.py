"""PNG pictures of up to 256 colours, written with zlib alone."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import numpy.typing as npt

SIGNATURE = b"\x89PNG\r\n\x1a\n"
INDEXED, DEPTH = 3, 8


def indexed_png(pixels: npt.NDArray[np.uint8], palette: npt.NDArray[np.uint8]) -> bytes:
    """A picture of colour numbers `pixels` [height, width], the top row first.

    Parameters
    ----------
    palette : uint8 array [n, 3]
        sRGB of each colour number, n ≤ 256.

    Raises ValueError for an empty picture, or a colour number that the palette lacks.
    """
    if not pixels.size or len(palette) > 256 or int(pixels.max()) >= len(palette):
        raise ValueError(f"no picture of shape {pixels.shape} in {len(palette)} colours")
    height, width = pixels.shape
    # each row begins with the number of its filter: 0, none
    rows = np.hstack([np.zeros((height, 1), np.uint8), pixels.astype(np.uint8)])
    header = struct.pack(">IIBBBBB", width, height, DEPTH, INDEXED, 0, 0, 0)
    parts = (
        _chunk(b"IHDR", header),
        _chunk(b"PLTE", palette.astype(np.uint8).tobytes()),
        _chunk(b"IDAT", zlib.compress(rows.tobytes(), 9)),
        _chunk(b"IEND", b""),
    )
    return SIGNATURE + b"".join(parts)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
