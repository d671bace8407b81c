"""What the window asks of a study; every function here runs on the reader thread only."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import TypeVar

from ard_gui.services import figures
from ard_gui.services.clip_groups import clip_groups
from ard_gui.services.feature_lines import (
    Behind,
    ClipFeature,
    ClipGroup,
    ClipLine,
    ConceptLines,
    FeatureLines,
    Histogram,
    Kind,
    Neighbour,
)  # fmt: skip
from backend.errors import ArdError
from backend.export import wording
from backend.store.clips import Clip, ClipTable
from backend.store.columns import FeatureColumns
from backend.store.concepts import ConceptsFile
from backend.store.features import Columns, check_clips, feature_columns
from backend.store.retrieval import RetrievalFile
from backend.store.scores import ScoresFile
from backend.study.folder import Study
from backend.study.manifest import read_manifest

File = TypeVar("File", ScoresFile, ConceptsFile)

__all__ = ["ClipGroup", "ClipLine", "ConceptLines", "FeatureLines", "OpenRanking", "Overview", "overview"]

DONE = object()


@dataclass(frozen=True)
class Overview:
    """What a study offers: its rankings and its clips; `key` is its identity, wherever it lies."""

    study: Study
    key: str
    rankings: list[str]
    clips: int
    unreadable: int


class OpenRanking:
    """One retrieval file and the clip table it speaks of, kept open while it is shown.

    Attributes
    ----------
    name : str
        Id of the SAE, or `raw-<layer>`.
    file : RetrievalFile
    clips : ClipTable
    columns : FeatureColumns
        Of every feature, [D] each.
    titles : dict
        Column to what it is headed by, where that differs from its name.
    problems : list of str
        Scores or concepts that cannot be read; everything else is shown without them.

    Raises ArdError if the features or the clip table cannot be read.
    """

    def __init__(self, study: Study, name: str) -> None:
        self.study, self.name = study, name
        self.path = study.retrieval(name)
        self.file = RetrievalFile(self.path)
        self.clips = ClipTable(study.clips())
        check_clips(study, self.file, self.clips)
        self.problems = [f"a result is not there ({path}). Run: ard describe" for path in study.missing(name)]
        self._scores = self._readable(ScoresFile, study.scores(name))
        self._concepts = self._readable(ConceptsFile, study.concepts(name))
        found = self._described()
        first = {key: found[key] for key in ("feature", "name", "m") if key in found}
        self.columns = FeatureColumns(first | found)
        self._preparing = chain.from_iterable(self.columns.preparing(k) for k in ("name", "m") if k in self.columns)
        namer = "" if self._concepts is None else self._concepts.namer
        self.titles = {"name": f"name {wording.CONSENSUS_MARK}"} if namer == "consensus" else {}

    @property
    def concepts(self) -> ConceptsFile | None:
        """What is known of the described features; None where nothing was described."""
        return self._concepts

    def lines(self, feature: int, draw: int = 0) -> FeatureLines:
        """The page of one feature; `draw` is the seed of its random clips."""
        view = self.file.feature(feature)
        told = ("feature", "name", "name_status")
        concept = self._concept(feature)
        captions = {one.clip: one.text for one in concept.captions} if concept else {}
        groups = clip_groups(self.file, self.clips, view, int(self.columns["support"][feature]), captions, draw)
        near = zip(view.neighbours.tolist(), view.neighbour_cosines.tolist(), strict=True)
        return FeatureLines(
            feature,
            str(self.file.settings["score"]),
            {name: column[feature] for name, column in self.columns.items() if name not in told},
            groups[0].lines,
            next(one.lines for one in groups if one.id == "least"),
            concept=concept,
            near=[Neighbour(k, cosine, self.feature_name(k)) for k, cosine in near],
            header=figures.figures(self.columns, feature, figures.HEADER),
            scores=figures.figures(self.columns, feature, figures.BREAKDOWN) if self._scores else (),
            histogram=Histogram(view.histogram, view.upper),
            groups=groups,
        )

    def first_clips(self, features: Sequence[int]) -> list[Clip]:
        """The most representative clip of each feature that has one, in their order."""
        found = [self.file.most_list(feature)[0][:1] for feature in features]
        return self.clips.rows([int(clip) for clips in found for clip in clips])

    def feature_name(self, feature: int) -> str:
        """What a feature is called; "" if it has no name."""
        return str(self.columns["name"][feature]) if "name" in self.columns else ""

    def clip_features(self, clip: int) -> list[ClipFeature]:
        """The strongest features of a clip, the strongest first."""
        found, scores = self.file.clip_features(clip)
        pairs = zip(found.tolist(), scores.tolist(), strict=True)
        return [ClipFeature(k, self.feature_name(k), score) for k, score in pairs]

    def manifest_behind(self, kind: Kind) -> Behind:
        """The manifest that stands behind a kind of number; `figures.kind_of` gives a column's.

        Raises ArdError where there is no such result, or its manifest is missing or damaged.
        """
        path = self._manifest(kind)
        return Behind(kind, path, read_manifest(path))

    def read_ahead(self) -> bool:
        """Do a little of what pages, sorting and searching will need; False when nothing is left.

        For a reader with nothing else to do; a step takes some 0.03 s.
        """
        return self.prepare() or self.clips.read_ahead()

    def prepare(self) -> bool:
        """Do a little of what sorting by name and score and searching names will need; False when nothing is left."""
        return next(self._preparing, DONE) is not DONE

    def close(self) -> None:
        """Close the files; columns and names that were read can still be used."""
        self.file.close()
        self.clips.close()
        if self._concepts is not None:
            self._concepts.close()

    def _readable(self, kind: Callable[[Path], File], path: Path | None) -> File | None:
        try:
            return None if path is None else kind(path)
        except ArdError as error:
            self.problems.append(f"The features are shown without it: {error}")
            return None

    def _described(self) -> Columns:
        """The columns; of the retrieval file alone where the others do not fit it."""
        try:
            return feature_columns(self.file, self._scores, self._concepts)
        except ArdError as error:
            self._scores = self._concepts = None
            found = feature_columns(self.file)
            self.problems.append(f"The features are shown without scores and names: {error}")
            return found

    def _manifest(self, kind: Kind) -> Path:
        if kind == "clips":
            return self.study.index_manifest
        if kind == "sae":
            return self.study.sae(self.name) / "manifest.json"
        if kind == "retrieval":
            return self.path.with_suffix(".json")
        result = self._scores if kind == "scores" else self._concepts
        if result is None:
            raise ArdError(f"the features of {self.name} have no {kind} yet", todo="Run: ard describe")
        return result.path.with_suffix(".json")

    def _concept(self, feature: int) -> ConceptLines | None:
        found = None if self._concepts is None else self._concepts.of(feature)
        if self._concepts is None or found is None:
            return None
        return ConceptLines(
            wording.marked(found.name, self._concepts.namer), found.description, wording.origin(self._concepts.sources),
            wording.MEANING[found.status], wording.detection(asdict(found.detection)), found.name,
            found.detection.balanced_accuracy, found.captions,
        )  # fmt: skip


def overview(root: Path) -> Overview:
    """What the study at `root` offers; ArdError if it is no study."""
    study = Study.open(root)
    outputs = read_manifest(study.index_manifest)["outputs"] if study.index_manifest.exists() else {}
    return Overview(
        study, _key(study), study.feature_ids(), int(outputs.get("clips", 0)), int(outputs.get("unreadable", 0))
    )


def _key(study: Study) -> str:
    """The study's uuid; for one without, a hash of where it lies. ArdError if study.toml cannot be read."""
    try:
        section = tomllib.loads(study.toml.read_text(encoding="utf-8")).get("study", {})
    except (OSError, ValueError) as error:
        raise ArdError(f"study.toml cannot be read: {error}", path=study.toml, todo="Correct that file.") from error
    found = section.get("uuid", "") if isinstance(section, dict) else ""
    usable = isinstance(found, str) and found and all(one.isalnum() or one == "-" for one in found)
    return found if usable else hashlib.sha256(str(study.root).encode()).hexdigest()[:32]
