"""Nearest decoder directions of every feature."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from backend.sae.base import SMALLEST_NORM


@torch.no_grad()
def decoder_neighbours(
    W_dec: Tensor, count: int, memory: int = 1 << 28, compared: Callable[[int], None] = lambda _: None
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    """The `count` other features of largest cosine between decoder directions.

    Parameters
    ----------
    W_dec : tensor [D, d]
        One row per feature, of any norm.
    memory : int
        Bytes of similarities that may exist at once, on the tensor's device.
    compared : callable
        Called after every part with the number of features done; what it raises ends the work.

    Returns
    -------
    feature : int32 array [D, min(count, D-1)]
        By descending cosine, equal ones by ascending number.
    cosine : float32 array, alike
    """
    features = len(W_dec)
    count = min(count, features - 1)
    unit = W_dec.float() / W_dec.float().norm(dim=1, keepdim=True).clamp(min=SMALLEST_NORM)
    near = np.empty((features, count), np.int32)
    cosine = np.empty((features, count), np.float32)
    step = max(1, memory // (4 * features))
    for low in range(0, features, step):
        similar = unit[low : low + step] @ unit.T
        rows = torch.arange(len(similar), device=similar.device)
        similar[rows, rows + low] = -torch.inf
        value, index = similar.topk(count, dim=1)
        values, indices = value.cpu().numpy(), index.cpu().numpy()
        order = np.lexsort((indices, -values), axis=1)
        near[low : low + step] = np.take_along_axis(indices, order, axis=1)
        cosine[low : low + step] = np.take_along_axis(values, order, axis=1)
        compared(min(low + step, features))
    return near, cosine
