"""A clip table and a retrieval file of it from activations written out, one token per clip."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from retrieval.retrieval_builders import Options, build

from backend.retrieval.lists import identities
from backend.store import clips as clip_table
from backend.store.clips import Clip, ClipTable
from backend.store.retrieval import RetrievalFile


def table_of(folder: Path, records: Sequence[str], labels: Sequence[dict[str, str]] = (), **text: Any) -> ClipTable:
    """One clip per record id; `hash` is the record's unless given."""
    text.setdefault("hash", records)
    rows = [
        Clip(record=record, path=f"{record}.wav", labels=labels[i] if labels else {}, index=i,
             **{name: column[i] for name, column in text.items()})
        for i, record in enumerate(records)
    ]  # fmt: skip
    clip_table.write(folder / "clips.h5", rows, [], ["/"])
    return ClipTable(folder / "clips.h5")


def file_of(folder: Path, table: ClipTable, values: np.ndarray, **changes: Any) -> RetrievalFile:
    """The retrieval file of activations [N, D]: every clip has one token, so its score is its value."""
    options = Options(**{"list_length": 8, "p": 2, "ids": table.tie_ids, **changes})
    hashes = table.text["hash"]
    options.identity = identities(hashes, np.zeros(len(hashes)), np.zeros(len(hashes)), [None] * len(hashes))
    options.extra = {
        "p": options.p, "score": "r", "min_tokens": 0, "tie_break": options.tie_break, "tie_seed": options.tie_seed,
    }  # fmt: skip
    shard = [(row, values[row : row + 1]) for row in range(len(values))]
    return build(folder, [shard], options, n_clips=len(values), features=values.shape[1])
