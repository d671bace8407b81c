"""The feature table of one SAE: columns, sorting and filtering in numpy, for the CLI and the desktop alike."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from backend.errors import ArdError
from backend.store.clips import ClipTable
from backend.store.columns import order
from backend.store.concepts import STATUS as CONCEPT_STATUS
from backend.store.concepts import ConceptsFile
from backend.store.filter import compile_filter
from backend.store.retrieval import STATUS, RetrievalFile
from backend.store.scores import ScoresFile
from backend.study.folder import Study
from backend.study.manifest import read_manifest

Columns = dict[str, npt.NDArray[Any]]


def check_clips(study: Study, file: RetrievalFile, table: ClipTable) -> None:
    """ArdError where the clip table was made anew since the ranking: its rows mean other clips than the lists do."""
    manifest = file.path.with_suffix(".json")
    ranked = read_manifest(manifest).get("inputs", {}).get("clips", "") if manifest.exists() else ""
    listed = read_manifest(study.index_manifest)["outputs"].get("clip_list", "")
    if file.clips != len(table) or (ranked and listed and ranked != listed):
        raise ArdError(
            "these features were ranked for another list of clips than the study has now", path=file.path,
            todo="Run: ard run",
        )  # fmt: skip


def choose(study: Study, asked: str) -> str:
    """The id whose features are meant: the asked one, or the only SAE there is.

    Raises ArdError naming the known ids otherwise.
    """
    known = study.feature_ids()
    if asked:
        study.retrieval(asked)
        return asked
    saes = [name for name in known if not name.startswith("raw-")]
    if len(saes) == 1:
        return saes[0]
    if not known:
        raise ArdError("this study has no ranked features yet", path=study.root, todo="Run: ard run")
    raise ArdError(
        f"this study has features of several SAEs: {', '.join(known)}", path=study.root, todo="Name one with --sae."
    )


def description(study: Study, sae_id: str) -> tuple[ScoresFile | None, ConceptsFile | None]:
    """The valid scores and concepts of `sae_id`, each None where there are none."""
    scores, concepts = study.scores(sae_id), study.concepts(sae_id)
    return ScoresFile(scores) if scores else None, ConceptsFile(concepts) if concepts else None


def feature_names(study: Study, sae_id: str, features: int) -> list[str]:
    """What a namer called each of the `features` features, "" where none did or the file speaks of other features.

    Raises ArdError if the list of results or the concepts file is damaged.
    """
    path, names = study.concepts(sae_id), [""] * features
    if path is None:
        return names
    with closing(ConceptsFile(path)) as file:
        for feature, name in zip(file.features.tolist(), file.names, strict=True):
            if 0 <= feature < features:
                names[feature] = name
    return names


def feature_columns(
    file: RetrievalFile, scores: ScoresFile | None = None, concepts: ConceptsFile | None = None
) -> Columns:
    """Columns [D] of every feature.

    `feature` and what `RetrievalFile.table` has, `status` as text; of `scores` every column of its file; of `concepts`
    `name` and `name_status` ("" for a feature that is not described) and `detection`, the balanced accuracy of its
    name (P-10, NaN where there is none).

    Raises ArdError if scores or concepts belong to an SAE of another size.
    """
    table = file.table()
    status = np.array(STATUS)[np.minimum(table["status"], len(STATUS) - 1)]
    columns: Columns = {"feature": np.arange(file.features), **table, "status": status}
    if scores is not None:
        if len(scores.columns["m"]) != file.features:
            raise _other(scores.path, len(scores.columns["m"]), file.features)
        columns |= scores.columns
    if concepts is not None:
        columns |= _concept_columns(concepts, file.features)
    return columns


def _concept_columns(concepts: ConceptsFile, features: int) -> Columns:
    # objects: one name of 300 words would make every cell of a fixed-width column as long
    rows = concepts.features
    if len(rows) and not 0 <= int(rows.min()) <= int(rows.max()) < features:
        raise _other(concepts.path, int(rows.max()) + 1, features)
    name, status, detection = np.full(features, "", dtype=object), np.full(features, -1), np.full(features, np.nan)
    name[rows] = concepts.names
    status[rows] = concepts.status
    detection[rows] = concepts.balanced_accuracy
    return {"name": name, "name_status": np.array([*CONCEPT_STATUS, ""])[status], "detection": detection}


def _other(path: Path, found: int, features: int) -> ArdError:
    return ArdError(
        f"this file speaks of {found} features where the SAE has {features}", path=path, todo="Run: ard describe"
    )


def select(columns: Columns, *, where: str = "", sort: str = "", descending: bool = True) -> npt.NDArray[np.int64]:
    """Row numbers that satisfy `where`, ordered by column `sort`.

    The order is that of `backend.store.columns.order`: NaN and empty text last in both directions.
    """
    length = len(next(iter(columns.values())))
    rows = np.flatnonzero(compile_filter(where).mask(columns)) if where.strip() else np.arange(length)
    if not sort:
        return rows
    if sort not in columns:
        raise ArdError(f"there is no column '{sort}' to sort by", todo=f"Columns are: {', '.join(sorted(columns))}.")
    return rows[order(columns[sort][rows], descending)]
