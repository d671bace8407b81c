"""The codes of two SAEs for the same stored tokens, in one bounded pass (S-14, S-17)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch

from backend.retrieval.encoding import ClipEncoder
from backend.retrieval.source import batches_of_clips
from backend.sae.base import Sae
from backend.sae.codes import SparseCodes
from backend.sae.metrics import Quality
from backend.store.activations import ActivationStore

Int = npt.NDArray[np.int64]


class PairedTokens:
    """The probing clips that two layers' activations both hold, with as many tokens each.

    Parameters
    ----------
    a, b : ActivationStore
        The same one for SAEs of the same layer.
    probe : bool array [clips]
        Which rows of the clip table are probed.
    batch_tokens : int
        Tokens that are in memory at once; a longer clip is alone.

    Attributes
    ----------
    clips : int
    unlike : int
        Probing clips with another number of tokens in the two layers; they are left out.
    """

    def __init__(self, a: ActivationStore, b: ActivationStore, probe: npt.NDArray[np.bool_], batch_tokens: int) -> None:
        self._a, self._b, self._batch_tokens = a, b, batch_tokens
        first, second = _places(a, probe), _places(b, probe)
        shared = [clip for clip in first if clip in second]
        alike = [clip for clip in shared if first[clip][1] == second[clip][1]]
        self.clips, self.unlike = len(alike), len(shared) - len(alike)
        self._start_a = np.array([first[clip][0] for clip in alike], np.int64)
        self._start_b = np.array([second[clip][0] for clip in alike], np.int64)
        self._length = np.array([first[clip][1] for clip in alike], np.int64)

    def batches(self) -> Iterator[tuple[int, torch.Tensor, torch.Tensor, Int]]:
        """Clips done after it, x of either layer [tokens, d], and the clips' lengths."""
        for batch in batches_of_clips(self._length, self._batch_tokens):
            length = self._length[batch]
            x = torch.from_numpy(self._a.gather(_rows(self._start_a[batch], length)))
            same = self._a.folder == self._b.folder
            y = x if same else torch.from_numpy(self._b.gather(_rows(self._start_b[batch], length)))
            yield batch.stop, x, y, length


def paired_codes(
    tokens: PairedTokens, a: Sae, b: Sae, batch_tokens: int
) -> Iterator[tuple[int, SparseCodes, SparseCodes]]:
    """Clips done after it, and the codes of both SAEs for the same tokens."""
    first, second = ClipEncoder(a, batch_tokens), ClipEncoder(b, batch_tokens)
    of_a, of_b = (Quality(sae.config.d, sae.W_dec.device) for sae in (a, b))
    for done, x, y, length in tokens.batches():
        yield done, first(x, length, of_a), second(y, length, of_b)


def _places(store: ActivationStore, probe: npt.NDArray[np.bool_]) -> dict[int, tuple[int, int]]:
    """First row and tokens of every probing clip that has any."""
    clip, length = store.clips()
    start = np.concatenate(
        [np.empty(0, np.int64), *(s.start + first for s, first in zip(store.shards, store.starts, strict=False))]
    )
    kept = np.flatnonzero(probe[clip] & (length > 0))
    places = zip(start[kept].tolist(), length[kept].tolist(), strict=True)
    return dict(zip(clip[kept].tolist(), places, strict=True))


def _rows(start: Int, length: Int) -> Int:
    """Row numbers of the clips, one after another."""
    return np.repeat(start - (np.cumsum(length) - length), length) + np.arange(int(length.sum()))
