"""The order among clips of equal score (A-24): a hash that no clip order or sharding can change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

UInt64 = npt.NDArray[np.uint64]
Rows = npt.NDArray[np.int64]

BLOCK = 16384  # keys of one block (128 KB) and their scratch copy stay in the processor's cache
GAMMA = np.uint64(0x9E3779B97F4A7C15)
FIRST, SECOND = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
ALL = 2**64


def splitmix64(x: npt.ArrayLike) -> UInt64:
    """splitmix64 of every element, modulo 2⁶⁴ (O-3)."""
    z = np.array(x, dtype=np.uint64, ndmin=1)
    _mix(z, np.empty_like(z))
    return z.reshape(np.shape(x))


def _mix(z: UInt64, scratch: UInt64) -> None:
    """splitmix64 in place."""
    np.add(z, GAMMA, out=z)
    for shift, factor in ((np.uint64(30), FIRST), (np.uint64(27), SECOND)):
        np.right_shift(z, shift, out=scratch)
        np.bitwise_xor(z, scratch, out=z)
        np.multiply(z, factor, out=z)
    np.right_shift(z, np.uint64(31), out=scratch)
    np.bitwise_xor(z, scratch, out=z)


def tie_key(seed: int, feature: int, clip_ids: UInt64) -> UInt64:
    """key = splitmix64(splitmix64(seed·2³² + k) XOR i) of A-24.

    Parameters
    ----------
    seed, feature : int
        Both below 2³².
    clip_ids : array [n], uint64
        i of each clip: `ClipTable.tie_ids` in a study, small numbers in the oracles.
    """
    z = np.asarray(clip_ids, dtype=np.uint64) ^ _start(seed, feature)
    _mix(z, np.empty_like(z))
    return z


def _start(seed: int, feature: int) -> np.uint64:
    """splitmix64(seed·2³² + k) in plain integers: an array of one element would cost ten times as much."""
    z = ((seed << 32) + feature + int(GAMMA)) % ALL
    z = ((z ^ (z >> 30)) * int(FIRST)) % ALL
    z = ((z ^ (z >> 27)) * int(SECOND)) % ALL
    return np.uint64(z ^ (z >> 31))


@dataclass(frozen=True)
class TieOrder:
    """A total order of all clips, one per feature, that decides among equal scores.

    Parameters
    ----------
    clip_ids : array [N], uint64
        i of each clip of the table.
    rule : "hash" or "index"
        By `tie_key`, or by row of the clip table (A-24).
    seed : int
    """

    clip_ids: UInt64
    rule: Literal["hash", "index"] = "hash"
    seed: int = 0

    def keys(self, feature: int, rows: Rows) -> UInt64:
        """Key of the asked clip rows; smaller comes first."""
        if self.rule == "index":
            return rows.astype(np.uint64)
        return tie_key(self.seed, feature, self.clip_ids[rows])

    def first(
        self, feature: int, count: int, among: Rows, excluded: npt.NDArray[np.bool_], available: int | None = None
    ) -> Rows:
        """The `count` clips of `among` with the smallest keys that are not excluded, in order.

        Parameters
        ----------
        among : array [M]
            Ascending rows of the clips that may be listed.
        excluded : bool array [N]
            Rows that may not appear.
        available : int, optional
            How many of `among` are not excluded, if known.

        Keys of all M clips are evaluated in blocks that stay in cache and only those under a
        threshold are kept, so that nothing of size M is sorted. The threshold expects more than twice
        the wanted number to pass; where too few do, it grows until all pass.
        """
        if count <= 0 or not len(among):
            return np.empty(0, np.int64)
        if self.rule == "index":
            return _first_allowed(among, excluded, count)
        share = (2 * count + 32) / max(1, len(among) if available is None else available)
        while True:
            limit = None if share >= 0.5 else np.uint64(int(share * ALL))
            rows, keys = self._below(feature, among, limit)
            allowed = ~excluded[rows]
            rows, keys = rows[allowed], keys[allowed]
            if len(rows) >= count or limit is None:
                order = np.lexsort((rows, keys))[:count]
                return rows[order]
            share *= 8

    def _below(self, feature: int, among: Rows, limit: np.uint64 | None) -> tuple[Rows, UInt64]:
        """Rows of `among` whose key is under `limit`, and those keys."""
        if limit is None:
            return among, self.keys(feature, among)
        start = _start(self.seed, feature)
        whole = len(among) == len(self.clip_ids)
        z, scratch = np.empty(BLOCK, np.uint64), np.empty(BLOCK, np.uint64)
        rows, keys = [], []
        for begin in range(0, len(among), BLOCK):
            block = among[begin : begin + BLOCK]
            n = len(block)
            ids = self.clip_ids[begin : begin + n] if whole else self.clip_ids[block]
            np.bitwise_xor(ids, start, out=z[:n])
            _mix(z[:n], scratch[:n])
            found = np.flatnonzero(z[:n] < limit)
            rows.append(block[found])
            keys.append(z[found])
        return np.concatenate(rows), np.concatenate(keys)


def _first_allowed(among: Rows, excluded: npt.NDArray[np.bool_], count: int) -> Rows:
    """The lowest `count` rows of ascending `among` that are not excluded."""
    found: list[Rows] = []
    have = 0
    for begin in range(0, len(among), BLOCK):
        block = among[begin : begin + BLOCK]
        block = block[~excluded[block]]
        found.append(block)
        have += len(block)
        if have >= count:
            break
    return np.concatenate(found)[:count]
