"""What the window asks of a study; every function here runs on the reader thread only."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt

from backend.export import wording
from backend.store.clips import ClipTable
from backend.store.concepts import ClipCaption
from backend.store.features import description, feature_columns
from backend.store.retrieval import RetrievalFile
from backend.study.folder import Study


@dataclass(frozen=True)
class Overview:
    """What a study offers: its rankings and its clips; `key` is its identity, wherever it lies."""

    study: Study
    key: str
    rankings: list[str]
    clips: int
    unreadable: int


@dataclass(frozen=True)
class ClipLine:
    """One listed clip of a feature, ready to be shown."""

    clip: int
    name: str
    labels: str
    caption: str
    score: float
    tokens: int


@dataclass(frozen=True)
class ConceptLines:
    """What a feature is called, ready to be shown.

    Attributes
    ----------
    title : str
        Its name, marked where no language model made it; "" if it has none.
    description : str
    origin : str
        What named it.
    status : str
        What is wrong with the name, "" if nothing is.
    detection : str
        How well the name finds the feature's clips.
    """

    title: str
    description: str
    origin: str
    status: str
    detection: str


@dataclass(frozen=True)
class FeatureLines:
    """A feature's lists, ready to be shown; `concept` is None where it was not described."""

    feature: int
    score: str
    figures: dict[str, Any]
    most: list[ClipLine]
    least: list[ClipLine]
    neighbours: list[tuple[int, float]]
    concept: ConceptLines | None = None


class OpenRanking:
    """One retrieval file and the clip table it speaks of, kept open while it is shown."""

    def __init__(self, study: Study, name: str) -> None:
        self.name = name
        self.path = study.retrieval(name)
        self.file = RetrievalFile(self.path)
        self.clips = ClipTable(study.clips())
        scores, self._concepts = description(study, name)
        self._by_feature = {} if self._concepts is None else self._concepts.by_feature()
        found = feature_columns(self.file, scores, self._concepts)
        first = {key: found[key] for key in ("feature", "name", "m") if key in found}
        self.columns: dict[str, npt.NDArray[Any]] = first | found
        namer = "" if self._concepts is None else self._concepts.namer
        self.titles = {"name": f"name {wording.CONSENSUS_MARK}"} if namer == "consensus" else {}

    def lines(self, feature: int) -> FeatureLines:
        """The lists of one feature."""
        view = self.file.feature(feature)
        told = ("feature", "name", "name_status")
        figures = {name: column[feature] for name, column in self.columns.items() if name not in told}
        captions = {one.clip: one.text for one in self._captions(feature)}
        return FeatureLines(
            feature,
            str(self.file.settings["score"]),
            figures,
            [self._line(c, s, captions) for c, s in zip(view.most_clips, view.most_scores, strict=True)],
            [self._line(c, s, captions) for c, s in zip(view.least_clips, view.least_scores, strict=True)],
            [(int(k), float(c)) for k, c in zip(view.neighbours, view.neighbour_cosines, strict=True)],
            self._concept(feature),
        )

    def _captions(self, feature: int) -> tuple[ClipCaption, ...]:
        return self._by_feature[feature].captions if feature in self._by_feature else ()

    def _concept(self, feature: int) -> ConceptLines | None:
        if self._concepts is None or feature not in self._by_feature:
            return None
        found = self._by_feature[feature]
        return ConceptLines(
            wording.marked(found.name, self._concepts.namer), found.description, wording.origin(self._concepts.sources),
            wording.MEANING[found.status], wording.detection(asdict(found.detection)),
        )  # fmt: skip

    def _line(self, clip: int, score: float, captions: Mapping[int, str]) -> ClipLine:
        row = self.clips[int(clip)]
        labels = ", ".join(f"{key}: {value}" for key, value in row.labels.items() if value)
        caption = captions.get(int(clip), "") or row.caption
        return ClipLine(int(clip), row.record, labels, caption, float(score), self.file.tokens(int(clip)))


def overview(root: Path) -> Overview:
    """What the study at `root` offers; ArdError if it is no study."""
    study = Study.open(root)
    has_clips = study.index_manifest.exists()
    table = ClipTable(study.clips()) if has_clips else None
    return Overview(
        study,
        _key(study),
        study.feature_ids(),
        0 if table is None else len(table),
        0 if table is None else len(table.unreadable),
    )


def _key(study: Study) -> str:
    """The study's uuid; for one without, a hash of where it lies."""
    found = tomllib.loads(study.toml.read_text(encoding="utf-8")).get("study", {}).get("uuid", "")
    usable = isinstance(found, str) and found and all(one.isalnum() or one == "-" for one in found)
    return found if usable else hashlib.sha256(str(study.root).encode()).hexdigest()[:32]
