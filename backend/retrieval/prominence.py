"""How far a feature's most representative clips stand out from the other clips it is active in (numpy only).

    prominence = mean score over H / mean score over all clips with a score above 0

with H the p clips at the top of the feature's list. It knows nothing of labels, so features can be picked by it
before anybody looks at what their clips are.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from backend.errors import ArdError
from backend.retrieval.score import clip_score
from backend.store.retrieval import STATUS, RetrievalFile


def prominence(file: RetrievalFile) -> npt.NDArray[np.float64]:
    """Prominence [D] of every feature with enough support, NaN for the others.

    Raises ArdError if the file has no pair table, is one of raw units, or scores clips by their best window.
    """
    if file.raw or not file.settings["pair_table"] or file.settings["max_tokens_window"]:
        raise ArdError(
            "prominence needs the scores of all clips",
            path=file.path,
            todo="Set retrieve.pair_table = true and retrieve.max_tokens_window = 0, and run: ard retrieve",
        )
    tokens = np.array([file.tokens(i) for i in range(file.clips)], dtype=np.int64)
    p, score = int(file.settings["p"]), file.settings["score"]
    found = np.full(file.features, np.nan)
    for k in np.flatnonzero(file.table()["status"] == STATUS.index("ok")):
        pairs = file.pairs(int(k))
        assert pairs is not None
        scores = clip_score(pairs["sum"], pairs["count"], tokens[pairs["clip"]], score)
        top = file.feature(int(k)).most_scores[:p]
        found[k] = top.mean() / scores[scores > 0].mean()
    return found


def most_prominent(values: npt.NDArray[np.float64], count: int) -> npt.NDArray[np.int64]:
    """The `count` features of highest prominence, the lower number first among equals."""
    known = np.flatnonzero(~np.isnan(values))
    return known[np.argsort(-values[known], kind="stable")][:count].astype(np.int64)
