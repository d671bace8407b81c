"""On how many tokens two features of different SAEs are active together (S-14)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch

from backend.sae.codes import SparseCodes

Int = npt.NDArray[np.int64]
WINDOW = 1024
"""Tokens whose activity is unpacked at once: 32 MB for 32,768 features."""
WORD = 64


class Overlap:
    """Counts for chosen pairs of features, additive over tokens.

    A feature is active on a token where its value is above 0. Memory: one bit per feature and token of a window, and
    what `memory` allows for the pairs.

    Parameters
    ----------
    a, b : int array [n]
        The pairs: feature of A, feature of B; −1 for nobody.
    features : (int, int)
        D of A and of B.
    memory : int
        Bytes of packed activity that may be gathered at once.

    Attributes
    ----------
    active_a, active_b : int64 array [D]
        Tokens on which each feature was active.
    both : int64 array [n]
        Tokens on which both of a pair were.
    tokens : int
    """

    def __init__(self, a: npt.ArrayLike, b: npt.ArrayLike, features: tuple[int, int], memory: int = 1 << 27) -> None:
        self._a, self._b = np.asarray(a, np.int64).ravel(), np.asarray(b, np.int64).ravel()
        self._known = np.flatnonzero((self._a >= 0) & (self._b >= 0))
        self._step = max(1, memory // (3 * WINDOW // 8))
        self.active_a, self.active_b = np.zeros(features[0], np.int64), np.zeros(features[1], np.int64)
        self.both = np.zeros(len(self._a), np.int64)
        self.tokens = 0

    def add(self, a: SparseCodes, b: SparseCodes) -> None:
        """Take in the codes of both SAEs for the same tokens."""
        if a.n_tokens != b.n_tokens:
            raise ValueError("the codes are of different tokens")
        of_a, of_b = _Entries(a), _Entries(b)
        self.active_a += of_a.counts()
        self.active_b += of_b.counts()
        self.tokens += a.n_tokens
        for first in range(0, a.n_tokens, WINDOW):
            bits_a, bits_b = of_a.bits(first), of_b.bits(first)
            for low in range(0, len(self._known), self._step):
                pairs = self._known[low : low + self._step]
                together = bits_a[self._a[pairs]] & bits_b[self._b[pairs]]
                self.both[pairs] += np.bitwise_count(together).sum(axis=1, dtype=np.int64)

    def iou(self) -> npt.NDArray[np.float32]:
        """χ(a, b) = |a∧b| / |a∨b| of every pair [n], 0/0 → 0 (S-14); NaN for nobody."""
        found = np.full(len(self._a), np.nan, np.float32)
        a, b, both = self._a[self._known], self._b[self._known], self.both[self._known]
        either = self.active_a[a] + self.active_b[b] - both
        found[self._known] = np.divide(both, either, out=np.zeros(len(either)), where=either > 0)
        return found


class _Entries:
    """Where each feature of a run of tokens is active."""

    def __init__(self, codes: SparseCodes) -> None:
        active = codes.value > 0
        self._token, self._feature = codes.token[active].cpu(), codes.feature[active].cpu()
        self._features = codes.n_features

    def counts(self) -> Int:
        found: Int = torch.bincount(self._feature, minlength=self._features).numpy()
        return found

    def bits(self, first: int) -> npt.NDArray[np.uint64]:
        """Activity [D, WINDOW / 64] on the tokens from `first`, one bit each."""
        low, high = torch.searchsorted(self._token, torch.tensor([first, first + WINDOW])).tolist()
        there = torch.zeros(self._features, WINDOW, dtype=torch.bool)
        there[self._feature[low:high], self._token[low:high] - first] = True
        return np.packbits(there.numpy(), axis=1).view(np.uint64)
