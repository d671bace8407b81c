"""Scores and concepts written by hand into a study that has ranked features."""

from __future__ import annotations

from typing import Any

import numpy as np

from backend.store import concepts, scores
from backend.store.concepts import Concept
from backend.store.retrieval import RetrievalFile
from backend.study.atomic import read_json, write_json
from backend.study.folder import Study

SOURCES = {
    "captioner": {"captioner": "dataset"},
    "namer": {"namer": "consensus"},
    "judge": {"judge": "embedder"},
}


def score_columns(features: int, **changes: Any) -> dict[str, np.ndarray]:
    """m falls from `features` to 1 and ranks accordingly; everything else is 0.5."""
    columns: dict[str, np.ndarray] = {name: np.full(features, 0.5) for name in scores.COLUMNS}
    columns |= {
        "m": np.arange(features, 0, -1.0),
        "rank": np.arange(features),
        "degenerate": np.zeros(features, bool),
    }
    return columns | changes


def describe_by_hand(study: Study, sae_id: str, found: list[Concept], **changes: Any) -> None:
    """Write both files and name them in `current.json`; `changes` replaces columns of the scores."""
    folder = study.features(sae_id)
    with RetrievalFile(study.retrieval(sae_id)) as file:
        columns = score_columns(file.features, **changes)
    scores.write(folder / "scores-hand.h5", columns, {"redraws": 10}, {"embedder": "mini", "window": "mean"})
    concepts.write(folder / "concepts-hand.h5", found, SOURCES)
    current = read_json(folder / "current.json")
    write_json(folder / "current.json", {**current, "scores": "scores-hand.h5", "concepts": "concepts-hand.h5"})


def undescribe(study: Study, sae_id: str) -> None:
    """Take scores and concepts out of `current.json`, as a new ranking does."""
    path = study.features(sae_id) / "current.json"
    write_json(path, {key: value for key, value in read_json(path).items() if key not in ("scores", "concepts")})


def the_sae(study: Study) -> str:
    (found,) = study.sae_ids()
    return found
