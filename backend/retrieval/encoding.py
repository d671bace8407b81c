"""Codes of whole clips by one SAE: the one way in which retrieval and the model server encode (Rule 5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from backend.sae.base import Sae
from backend.sae.codes import SparseCodes
from backend.sae.losses import row_squares
from backend.sae.metrics import Quality


class ClipEncoder:
    """Encodes runs of whole clips.

    Parameters
    ----------
    batch_tokens : int
        A longer clip is encoded in parts, unless its selection needs the whole clip (S-11).
    """

    def __init__(self, sae: Sae, batch_tokens: int) -> None:
        self.sae = sae
        self._device = sae.W_dec.device
        whole = sae.config.architecture == "batchtopk" and sae.config.inference == "per_clip"
        self._tokens_at_once = None if whole else batch_tokens

    @torch.no_grad()
    def __call__(self, x: torch.Tensor, length: Any, quality: Quality) -> SparseCodes:
        """Codes of x [tokens, d], clips of `length` [n] tokens one after another.

        `quality` takes in what they tell about the SAE's reconstruction.
        """
        if len(length) == 1 and self._tokens_at_once is not None and len(x) > self._tokens_at_once:
            step = self._tokens_at_once
            parts = (x[first : first + step] for first in range(0, len(x), step))
            return joined([self(part, np.array([len(part)]), quality) for part in parts])
        on_device = x.to(self._device).float()
        codes = self.sae.encode(on_device, torch.from_numpy(length).to(self._device))
        x_hat = self.sae.decode(codes, self.sae.scale(on_device)[1])
        l0 = torch.bincount(codes.token, minlength=len(x))
        quality.add(on_device, row_squares(on_device - x_hat), l0)
        return codes


def joined(parts: Sequence[SparseCodes]) -> SparseCodes:
    """Codes of consecutive runs of tokens as one."""
    before = np.cumsum([0, *(part.n_tokens for part in parts)])
    return SparseCodes(
        torch.cat([part.token + int(first) for part, first in zip(parts, before[:-1], strict=True)]),
        torch.cat([part.feature for part in parts]),
        torch.cat([part.value for part in parts]),
        int(before[-1]),
        parts[0].n_features,
    )
