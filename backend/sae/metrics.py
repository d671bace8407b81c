"""Quality of a reconstruction, each number defined once, as sums that add up over batches (A-19, S-13, Rule 5)."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from backend.sae.base import Sae
from backend.sae.losses import row_squares
from backend.sae.parallel import ALONE, World


def wide(device: torch.device) -> torch.dtype:
    """float64 where the device has it."""
    return torch.float32 if device.type == "mps" else torch.float64


class Quality:
    """Accumulates what the metrics below follow from; nothing is read back from the device before `values`.

    With r = x − x̂ and n tokens:

    * `fvu` = E‖r‖² / (E‖x‖² − ‖E x‖²), the variance summed in float64 across batches (O-1: 0.0267857)
    * `explained_variance` = 1 − fvu
    * `normalised_l2` = E(‖r‖²/‖x‖²) over tokens with ‖x‖ > 0 (S-13)
    * `l2` = E‖r‖², the loss of A-13
    * `l0_mean`, `l0_max`: active features per token
    """

    def __init__(self, d: int, device: torch.device) -> None:
        dtype = wide(device)
        # Σx (d), then Σ‖x‖², Σ‖r‖², Σ‖r‖²/‖x‖², tokens with ‖x‖ > 0, ΣL0, tokens
        self.sums = torch.zeros(d + 6, dtype=dtype, device=device)
        self.l0_max = torch.zeros((), dtype=torch.int64, device=device)

    def add(self, x: Tensor, squared_error: Tensor, l0: Tensor) -> None:
        """Take in x [n, d], ‖x − x̂‖² [n] and active features [n] of n tokens."""
        if x.shape[0] == 0:
            return
        squares = row_squares(x)
        ratio = torch.where(squares > 0, squared_error / squares, 0.0)
        dtype = self.sums.dtype
        self.sums[:-6] += x.sum(0, dtype=dtype)
        self.sums[-6:] += torch.stack(
            [
                squares.sum(dtype=dtype), squared_error.sum(dtype=dtype), ratio.sum(dtype=dtype),
                (squares > 0).sum(dtype=dtype), l0.sum(dtype=dtype), l0.new_tensor(l0.shape[0], dtype=dtype),
            ]
        )  # fmt: skip
        self.l0_max = torch.maximum(self.l0_max, l0.max())

    def values(self, world: World = ALONE) -> dict[str, float]:
        """The metrics over everything added by all processes; empty if nothing was."""
        sums, most = self.sums.clone(), self.l0_max.clone()
        world.sum(sums)
        world.max(most)
        totals = sums.cpu().double()
        squares, error, ratio, nonzero, active, tokens = totals[-6:].tolist()
        if tokens == 0:
            return {}
        variance = squares / tokens - float((totals[:-6] / tokens).square().sum())
        l2 = error / tokens
        fvu = l2 / variance if variance > 0 else (0.0 if l2 == 0 else float("inf"))
        return {
            "fvu": fvu,
            "explained_variance": 1.0 - fvu,
            "normalised_l2": ratio / max(nonzero, 1.0),
            "l2": l2,
            "l0_mean": active / tokens,
            "l0_max": float(most),
            "tokens": tokens,
        }

    def reset(self) -> None:
        self.sums.zero_()
        self.l0_max.zero_()


class Silence:
    """Tokens since each feature was last active: what "dead" means, always with its window (A-13, S-13).

    Attributes
    ----------
    tokens_since : int64 tensor [D]
    """

    def __init__(self, n_features: int, device: torch.device) -> None:
        self.tokens_since = torch.zeros(n_features, dtype=torch.int64, device=device)

    def add(self, fired: Tensor, tokens: int) -> None:
        """Take in a batch of `tokens` in which the features with fired > 0 were active."""
        self.tokens_since.add_(tokens).masked_fill_(fired > 0, 0)

    def dead(self, window: int) -> Tensor:
        """Features silent for at least `window` tokens, ascending [n_dead]."""
        return (self.tokens_since >= window).nonzero()[:, 0]

    def values(self, window: int) -> dict[str, float]:
        """Number alive and share dead over the last `window` tokens."""
        n = self.tokens_since.shape[0]
        dead = int((self.tokens_since >= window).sum()) if window > 0 else 0
        return {"dead_share": dead / n, "alive": float(n - dead), "dead_window": float(window)}


@torch.no_grad()
def evaluate(sae: Sae, batches: Iterable[Tensor | tuple[Tensor, Tensor | None]]) -> dict[str, float]:
    """Metrics of `sae` at inference on held-out activations (A-19).

    Parameters
    ----------
    batches : iterable of x [n, d], or of (x, clip_lengths)
        With lengths [clips] where the SAE selects per clip (S-11).

    Returns
    -------
    dict
        Those of `Quality`, and `dead_share`, `alive`, `dead_window` with everything seen as the window.
    """
    device = sae.W_dec.device
    quality, silence, seen = Quality(sae.config.d, device), Silence(sae.config.n_features, device), 0
    for batch in batches:
        x, lengths = batch if isinstance(batch, tuple) else (batch, None)
        x = x.to(device).float()
        codes = sae.encode(x, lengths)
        x_hat = sae.decode(codes, sae.scale(x)[1])
        quality.add(x, row_squares(x - x_hat), torch.bincount(codes.token, minlength=x.shape[0]))
        silence.add(torch.bincount(codes.feature, minlength=codes.n_features), x.shape[0])
        seen += x.shape[0]
    return {**quality.values(), **silence.values(seen)}
