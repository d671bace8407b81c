"""When was each token spoken? Cross-attention and dynamic time warping, as Whisper's authors do it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch

Matrix = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]


def cross_attention(attention: torch.nn.Module, states: torch.Tensor, encoded: torch.Tensor) -> torch.Tensor:
    """Attention weights of every head, whichever kernel the model itself uses.

    Parameters
    ----------
    attention : module with q_proj, k_proj, num_heads and head_dim
    states : tensor [N, d], its normalised decoder input
    encoded : tensor [F, d], encoder output

    Returns
    -------
    tensor [heads, N, F], float32; rows sum to 1.
    """
    heads, size = int(attention.num_heads), int(attention.head_dim)  # type: ignore[arg-type]
    q = attention.q_proj(states).view(-1, heads, size).transpose(0, 1).float()  # type: ignore[operator]
    k = attention.k_proj(encoded).view(-1, heads, size).transpose(0, 1).float()  # type: ignore[operator]
    return torch.softmax(q @ k.transpose(1, 2) * size**-0.5, dim=-1)


def median_filter(x: torch.Tensor, width: int) -> torch.Tensor:
    """Running median over the last dimension, edges reflected; `x` itself if shorter than half the width."""
    half = width // 2
    if x.shape[-1] <= half:
        return x
    padded = torch.nn.functional.pad(x, (half, half), mode="reflect")
    return padded.unfold(-1, width, 1).sort(dim=-1).values[..., half]


def token_seconds(weights: torch.Tensor, prompt: int, step: float, width: int) -> Matrix:
    """Start and end of each text token.

    Parameters
    ----------
    weights : tensor [heads, prompt + n, F]
        Cross-attention of the alignment heads for `prompt` prompt tokens and n text tokens, cropped
        to the F frames of real audio.
    prompt : int
        Tokens before the text. The row that predicts the first text token is the prompt's last.
    step : float
        Seconds of one frame.
    width : int
        Median filter over frames, in frames.

    Returns
    -------
    array [n, 2]: the token's first frame, and that of the token after it (the last token's: of the end).
    """
    spread, mean = torch.std_mean(weights, dim=-2, keepdim=True, correction=0)
    normal = median_filter((weights - mean) / spread.clamp_min(1e-12), width)
    matrix = normal.mean(dim=0)[prompt - 1 :].double().cpu().numpy()
    rows, frames = warp(-matrix)
    first = np.concatenate([[True], np.diff(rows) > 0])
    starts = frames[first] * step
    return np.stack([starts[:-1], starts[1:]], axis=1)


def warp(cost: Matrix) -> tuple[Indices, Indices]:
    """Cheapest monotone path through `cost` [N, F] from corner to corner: its rows and columns.

    Steps go diagonally, down or right; among equals to the right. Swept along anti-diagonals.
    """
    n, f = cost.shape
    total = np.full((n + 1, f + 1), np.inf)
    total[0, 0] = 0
    step = np.full((n + 1, f + 1), 2, np.int8)
    for diagonal in range(n + f - 1):
        i = np.arange(max(0, diagonal - f + 1), min(n, diagonal + 1)) + 1
        j = diagonal - i + 2
        corner, above, left = total[i - 1, j - 1], total[i - 1, j], total[i, j - 1]
        kind = np.where((corner < above) & (corner < left), 0, np.where((above < corner) & (above < left), 1, 2))
        total[i, j] = cost[i - 1, j - 1] + np.choose(kind, (corner, above, left))
        step[i, j] = kind
    step[0, :], step[:, 0] = 2, 1
    path: list[tuple[int, int]] = []
    i_at, j_at = n, f
    while i_at > 0 or j_at > 0:
        path.append((i_at - 1, j_at - 1))
        kind_at = step[i_at, j_at]
        i_at, j_at = i_at - (kind_at != 2), j_at - (kind_at != 1)
    rows, columns = np.array(path[::-1]).T
    return rows, columns


def alignment_heads(named: Sequence[Sequence[int]] | None, layers: int, heads: int) -> list[tuple[int, int]]:
    """(layer, head) pairs that follow the speech; where the model names none, all of the upper half."""
    if named:
        return [(int(layer), int(head)) for layer, head in named]
    return [(layer, head) for layer in range(layers // 2, layers) for head in range(heads)]
