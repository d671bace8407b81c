"""Two halves of a sample, so that a threshold is tried on clips it was not chosen on."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def first_half(kind: npt.NDArray[np.bool_], ids: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
    """Every second clip of either kind in the order of the hashes; bool array [n].

    Both halves hold as many of each kind, to one, and no order of the clips changes them.

    Parameters
    ----------
    kind : bool array [n]
    ids : uint64 array [n]
        Hash of each clip's record id (`ClipTable.tie_ids`).
    """
    half = np.zeros(len(kind), dtype=bool)
    for one in (False, True):
        members = np.flatnonzero(kind == one)
        half[members[np.argsort(ids[members], kind="stable")][::2]] = True
    return half
