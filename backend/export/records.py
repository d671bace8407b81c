"""What is exported of a feature: one record, the same for every format."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from backend.store.clips import ClipTable
from backend.store.features import Columns, choose, feature_columns, select
from backend.store.retrieval import RetrievalFile
from backend.study.atomic import read_json
from backend.study.folder import Study

Record = dict[str, Any]


@dataclass(frozen=True)
class Export:
    """Chosen features of one SAE.

    Attributes
    ----------
    provenance : dict
        Study, SAE, retrieval file and settings: where every number came from.
    rows : int array
        Features, in the order asked for.
    records : function
        Gives a fresh iterator over the records, so that a writer never holds them all.
    """

    provenance: Record
    rows: npt.NDArray[np.int64]
    records: Callable[[], Iterator[Record]]


def features_for_export(
    study: Study, asked: str = "", *, where: str = "", sort: str = "", descending: bool = True, clips: int = 4
) -> Export:
    """The features of `asked` that satisfy `where`, each with its `clips` most and least representative clips."""
    sae_id = choose(study, asked)
    path = study.retrieval(sae_id)
    table = ClipTable(study.clips())
    with RetrievalFile(path) as file:
        columns, settings = feature_columns(file), file.settings
    rows = select(columns, where=where, sort=sort, descending=descending)
    provenance = {
        "study": study.root.name,
        "sae": sae_id,
        "retrieval": path.name,
        "settings": settings,
        "valid": read_json(study.features(sae_id) / "current.json"),
        "where": where,
        "features": len(rows),
    }

    def records() -> Iterator[Record]:
        with RetrievalFile(path) as file:
            for k in rows:
                yield feature_record(file, columns, table, int(k), clips)

    return Export(provenance, rows, records)


def feature_record(file: RetrievalFile, columns: Columns, table: ClipTable, k: int, clips: int) -> Record:
    """One feature: its columns, its neighbours and `clips` clips of each list."""
    view = file.feature(k)
    return {
        **{name: _plain(values[k]) for name, values in columns.items()},
        "most": _listed(file, table, view.most_clips[:clips], view.most_scores),
        "least": _listed(file, table, view.least_clips[:clips], view.least_scores),
        "neighbours": [
            {"feature": int(n), "cosine": float(c)}
            for n, c in zip(view.neighbours[:8], view.neighbour_cosines, strict=False)
        ],
    }


def clip_record(table: ClipTable, i: int) -> Record:
    """What identifies a clip to a person and to another program."""
    clip = table[i]
    return {
        "clip": i,
        "record": clip.record,
        "path": clip.path,
        "member": clip.member,
        "start": clip.start,
        "end": clip.end,
        "duration": clip.duration,
        "labels": clip.labels,
        "caption": clip.caption,
        "source": clip.source,
        "licence": clip.licence,
        "hash": clip.hash,
    }


def _listed(
    file: RetrievalFile, table: ClipTable, clips: npt.NDArray[np.int64], scores: npt.NDArray[np.float64]
) -> list[Record]:
    return [
        {"rank": rank, "score": float(score), "tokens": file.tokens(int(i)), **clip_record(table, int(i))}
        for rank, (i, score) in enumerate(zip(clips, scores, strict=False), start=1)
    ]


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value
