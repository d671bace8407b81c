"""What is exported of a feature: one record, the same for every format (A-35)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from backend.errors import ArdError
from backend.export.own_work import OwnWork
from backend.store.clips import ClipTable
from backend.store.concepts import ConceptsFile
from backend.store.features import Columns, check_clips, choose, description, feature_columns, select
from backend.store.retrieval import RetrievalFile
from backend.store.scores import ScoresFile
from backend.study.atomic import read_json
from backend.study.folder import Study
from backend.study.manifest import read_manifest

Record = dict[str, Any]
LISTS = ("most", "least")


@dataclass(frozen=True)
class FeatureSet:
    """All that is known of one SAE's features, except the lists, which are read feature by feature.

    Attributes
    ----------
    id, layer : str
    retrieval : Path
    p : int
        Clips in H and in L.
    table : ClipTable
    columns : dict of str to array [D]
    scores, concepts : ScoresFile and ConceptsFile, or None
    """

    id: str
    layer: str
    retrieval: Path
    settings: dict[str, Any]
    table: ClipTable
    columns: Columns
    scores: ScoresFile | None
    concepts: ConceptsFile | None

    @classmethod
    def of(cls, study: Study, sae_id: str) -> FeatureSet:
        """Read it; ArdError for a file of the study that is missing or damaged."""
        path = study.retrieval(sae_id)
        scores, concepts = description(study, sae_id)
        table = ClipTable(study.clips())
        with RetrievalFile(path) as file:
            check_clips(study, file, table)
            columns, settings = feature_columns(file, scores, concepts), file.settings
        current = read_json(study.features(sae_id) / "current.json")
        manifest = read_manifest(study.features(sae_id) / str(current["manifest"]))
        return cls(
            sae_id, str(manifest["settings"].get("layer", "")), path, settings, table, columns,
            scores, concepts,
        )  # fmt: skip

    @property
    def p(self) -> int:
        return int(self.settings["p"])

    @property
    def namer(self) -> str:
        """Name of what named the features, "" if nothing did."""
        return self.concepts.namer if self.concepts else ""

    def record(self, file: RetrievalFile, k: int, clips: int) -> Record:
        """One feature: its columns, its concept, H and L, its neighbours and `clips` clips of each list."""
        view = file.feature(k)
        return {
            "feature": k,
            "sae": self.id,
            "layer": self.layer,
            **{name: _plain(values[k]) for name, values in self.columns.items()},
            "concept": self._concept(k),
            "h": self._group(view.most_clips, view.most_scores),
            "l": self._group(view.least_clips, view.least_scores),
            "most": _listed(file, self.table, view.most_clips[:clips], view.most_scores),
            "least": _listed(file, self.table, view.least_clips[:clips], view.least_scores),
            "neighbours": [
                {"feature": int(n), "cosine": float(c)}
                for n, c in zip(view.neighbours[:8], view.neighbour_cosines, strict=False)
            ],
        }

    def _concept(self, k: int) -> Record | None:
        found = self.concepts.of(k) if self.concepts else None
        if found is None:
            return None
        return {
            "short_name": found.short_name,
            "description": found.description,
            "status": found.status,
            "namer": self.namer,
            "captions": [{**asdict(one), "record": self._name(one.clip)} for one in found.captions],
            "detection": asdict(found.detection),
        }

    def _name(self, clip: int) -> str:
        return self.table.text["record"][clip] if 0 <= clip < len(self.table) else ""

    def _group(self, clips: npt.NDArray[np.int64], scores: npt.NDArray[np.float64]) -> list[Record]:
        pairs = zip(clips[: self.p].tolist(), scores[: self.p].tolist(), strict=True)
        return [{"clip": i, "record": self._name(i), "score": score} for i, score in pairs]

    def provenance(self) -> Record:
        """Which files, settings and models the numbers and names came from."""
        return {
            "sae": self.id,
            "layer": self.layer,
            "retrieval": self.retrieval.name,
            "settings": self.settings,
            "scores": self.scores.path.name if self.scores else None,
            "score_settings": self.scores.settings if self.scores else None,
            "embedder": self.scores.embedder if self.scores else None,
            "concepts": self.concepts.path.name if self.concepts else None,
            "sources": self.concepts.sources if self.concepts else None,
        }


@dataclass(frozen=True)
class Export:
    """Chosen features of one SAE.

    Attributes
    ----------
    provenance : dict
        Study, SAE, files, models and settings: where every number and name came from.
    rows : int array
        Features, in the order asked for.
    records : function
        Gives a fresh iterator over the records, so that a writer never holds them all.
    columns : dict of str to array [D]
        Of all features, for tables of contents.
    source : FeatureSet or None
        Where sounds and traces can be had; without it a report shows neither.
    """

    provenance: Record
    rows: npt.NDArray[np.int64]
    records: Callable[[], Iterator[Record]]
    columns: Columns = field(default_factory=dict)
    source: FeatureSet | None = None


def features_for_export(
    study: Study, asked: str = "", *, where: str = "", sort: str = "", descending: bool = True, clips: int = 4,
    limit: int = 0, rows: Sequence[int] | None = None, own: OwnWork | None = None,
) -> Export:  # fmt: skip
    """The features of `asked` that satisfy `where`, each with its `clips` most and least representative clips.

    Parameters
    ----------
    limit : int
        Only the first so many; 0 for all.
    rows : sequence of int
        Only these, and in this order where `sort` is empty; all if left out.
    own : OwnWork
        Adds the user's fields to every record, and its columns to what `where` and `sort` know.

    Raises ArdError for a feature or a column that is not there, and for a damaged file.
    """
    chosen = FeatureSet.of(study, choose(study, asked))
    if own is not None:
        chosen = replace(chosen, columns=chosen.columns | own.columns(len(chosen.columns["feature"])))
    found = select(chosen.columns, where=where, sort=sort, descending=descending)
    if rows is not None:
        found = _among(found, rows, chosen, keep_order=not sort)
    found = found[:limit] if limit else found
    provenance = {
        "study": study.root.name,
        **chosen.provenance(),
        "valid": read_json(study.features(chosen.id) / "current.json"),
        "where": where,
        "features": len(found),
        **({"list": own.list_name} if own is not None and own.list_name else {}),
    }

    def records() -> Iterator[Record]:
        with RetrievalFile(chosen.retrieval) as file:
            for k in found.tolist():
                record = chosen.record(file, k, clips)
                yield _with_own(record, own, chosen.table) if own is not None else record

    return Export(provenance, found, records, chosen.columns, chosen)


def _among(
    found: npt.NDArray[np.int64], rows: Sequence[int], chosen: FeatureSet, *, keep_order: bool
) -> npt.NDArray[np.int64]:
    """Those of `found` that are in `rows`, each once, in the order of `rows` if `keep_order`."""
    asked = np.array(list(dict.fromkeys(int(k) for k in rows)), dtype=np.int64)
    last = len(chosen.columns["feature"]) - 1
    beyond = asked[(asked < 0) | (asked > last)]
    if len(beyond):
        raise ArdError(f"there is no feature {beyond[0]} in {chosen.id}", todo=f"Use numbers from 0 to {last}.")
    return asked[np.isin(asked, found)] if keep_order else found[np.isin(found, asked)]


def _with_own(record: Record, own: OwnWork, table: ClipTable) -> Record:
    k = record["feature"]
    judged = {name: [{**one, **own.of_clip(k, table, one["clip"])} for one in record[name]] for name in LISTS}
    return {**record, **own.of_feature(k), **judged}


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
