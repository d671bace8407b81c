"""The order in which stored tokens are drawn: shuffled indices, never shuffled data (A-10)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Tokens = npt.NDArray[np.int64]


class EpochOrder:
    """An endless sequence over `n` tokens: epoch after epoch, each a fresh uniform permutation.

    The sequence is a function of (n, seed) alone, so its position is all there is to remember, and layers with the
    same number of tokens are read in the same order.

    A batch is a stretch of this sequence and may span the end of an epoch. There is thus no partial batch: positions
    [e·n, (e+1)·n) hold every token exactly once, whatever the batch size.
    """

    def __init__(self, n: int, seed: int) -> None:
        self.n = n
        self.seed = seed
        self._epoch = -1
        self._permutation: npt.NDArray[np.unsignedinteger] = np.empty(0, np.uint32)

    def __getitem__(self, where: slice) -> Tokens:
        """Token numbers 0 … n-1 at positions start … stop-1."""
        parts: list[Tokens] = []
        position = int(where.start)
        while position < where.stop:
            epoch, first = divmod(position, self.n)
            last = min(self.n, first + where.stop - position)
            parts.append(self._order(epoch)[first:last].astype(np.int64))
            position += last - first
        return np.concatenate(parts) if parts else np.empty(0, np.int64)

    def _order(self, epoch: int) -> npt.NDArray[np.unsignedinteger]:
        if epoch != self._epoch:
            numbers = np.arange(self.n, dtype=np.uint32 if self.n < 2**32 else np.uint64)
            self._permutation = np.random.default_rng([self.seed, epoch]).permutation(numbers)
            self._epoch = epoch
        return self._permutation
