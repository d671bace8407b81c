"""What the window asks of a study; every function here runs on the reader thread only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt

from backend.store.clips import ClipTable
from backend.store.features import description, feature_columns
from backend.store.retrieval import RetrievalFile
from backend.study.folder import Study


@dataclass(frozen=True)
class Overview:
    """What a study offers: its rankings and its clips."""

    study: Study
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
class FeatureLines:
    """A feature's lists, ready to be shown."""

    feature: int
    score: str
    figures: dict[str, Any]
    most: list[ClipLine]
    least: list[ClipLine]
    neighbours: list[tuple[int, float]]


class OpenRanking:
    """One retrieval file and the clip table it speaks of, kept open while it is shown."""

    def __init__(self, study: Study, name: str) -> None:
        self.name = name
        self.path = study.retrieval(name)
        self.file = RetrievalFile(self.path)
        self.clips = ClipTable(study.clips())
        found = feature_columns(self.file, *description(study, name))
        first = {key: found[key] for key in ("feature", "name", "m") if key in found}
        self.columns: dict[str, npt.NDArray[Any]] = first | found

    def lines(self, feature: int) -> FeatureLines:
        """The lists of one feature."""
        view = self.file.feature(feature)
        figures = {name: column[feature] for name, column in self.columns.items() if name != "feature"}
        return FeatureLines(
            feature,
            str(self.file.settings["score"]),
            figures,
            [self._line(c, s) for c, s in zip(view.most_clips, view.most_scores, strict=True)],
            [self._line(c, s) for c, s in zip(view.least_clips, view.least_scores, strict=True)],
            [(int(k), float(c)) for k, c in zip(view.neighbours, view.neighbour_cosines, strict=True)],
        )

    def _line(self, clip: int, score: float) -> ClipLine:
        row = self.clips[int(clip)]
        labels = ", ".join(f"{key}: {value}" for key, value in row.labels.items() if value)
        return ClipLine(int(clip), row.record, labels, row.caption, float(score), self.file.tokens(int(clip)))


def overview(root: Path) -> Overview:
    """What the study at `root` offers; ArdError if it is no study."""
    study = Study.open(root)
    has_clips = study.index_manifest.exists()
    table = ClipTable(study.clips()) if has_clips else None
    return Overview(
        study, study.feature_ids(), 0 if table is None else len(table), 0 if table is None else len(table.unreadable)
    )
