"""Every probed clip as a vector: once per clip and embedder, resumable (A-26)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from backend.describe.cache import VectorCache
from backend.describe.embedders.base import EMBEDDERS, Embedder
from backend.describe.embedders.windows import embed_clips
from backend.describe.heard import Hearing
from backend.errors import ArdError
from backend.jobs.job import Job
from backend.store.clip_key import clip_key
from backend.store.clips import ClipTable
from backend.study.settings import Settings

CLIPS_AT_A_TIME = 64
Int = npt.NDArray[np.int64]


@dataclass
class ClipVectors:
    """Vectors of a study's clips.

    Attributes
    ----------
    vectors : float32 array [N, d]
        Of unit length; NaN for clips that were not asked for or have none.
    problems : dict of clip row to str
        Why a clip has none.
    identity : dict
        Of the embedder, as it describes itself; empty if nothing had to be embedded and it was not loaded.
    """

    vectors: npt.NDArray[np.float32]
    problems: dict[int, str] = field(default_factory=dict)
    identity: dict[str, Any] = field(default_factory=dict)


def embed_study(
    settings: Settings, table: ClipTable, rows: Int, cache: VectorCache, hearing: Hearing, job: Job
) -> ClipVectors:
    """Vectors of the clips `rows`; those in `cache` are not embedded again.

    A clip that cannot be read or has no finite vector is left out and tried again next time. Raises ArdError if the
    embedder cannot be loaded or not one clip has a vector, Stopped if the user asked for it.
    """
    keys = {int(row): clip_key(table[int(row)]) for row in rows}
    first = {key: row for row, key in reversed(keys.items())}
    missing = sorted(row for key, row in first.items() if key not in cache)
    found = ClipVectors(np.empty((0, 0), np.float32))
    if missing:
        with EMBEDDERS.get(settings.embed.embedder).load(
            settings.embed, settings.model.device, local_files_only=settings.model.local_files_only
        ) as embedder:
            found.identity = embedder.identity()
            found.problems = _embed(embedder, settings, table, missing, keys, cache, hearing, job)
    taken = cache.take(list(keys.values()))
    if len(rows) and not np.isfinite(taken).all(axis=1).any():
        reason = next(iter(found.problems.values()), "")
        raise ArdError(f"not one clip could be embedded: {reason}", todo="See that the folders of sound are there.")
    found.vectors = np.full((len(table), taken.shape[1]), np.nan, dtype=np.float32)
    found.vectors[list(keys)] = taken
    by_key = {keys[row]: text for row, text in found.problems.items()}
    found.problems = {row: by_key[key] for row, key in keys.items() if key in by_key}
    return found


def _embed(
    embedder: Embedder, settings: Settings, table: ClipTable, missing: Sequence[int], keys: dict[int, str],
    cache: VectorCache, hearing: Hearing, job: Job,
) -> dict[int, str]:  # fmt: skip
    """Fill the cache; returns why clips have no vector."""
    problems: dict[int, str] = {}
    job.begin_progress("clips embedded")
    for start in range(0, len(missing), CLIPS_AT_A_TIME):
        waves, rows = [], []
        for row in missing[start : start + CLIPS_AT_A_TIME]:
            try:
                waves.append(hearing.wave(table[row], embedder.sample_rate))
                rows.append(row)
            except ArdError as error:
                problems[row] = str(error)
        names = [keys[row] for row in rows]
        embedded = embed_clips(embedder, waves, settings.embed, names)
        problems |= {rows[i]: reason for i, reason in enumerate(embedded.reasons) if reason}
        good = [i for i, reason in enumerate(embedded.reasons) if not reason]
        cache.add([names[i] for i in good], embedded.vectors[good])
        job.progress(min(start + CLIPS_AT_A_TIME, len(missing)), len(missing))
        job.check_stop()
    return problems
