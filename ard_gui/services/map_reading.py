"""What the map's view asks of a study; runs on the reader thread only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ard_gui.services.study_reading import OpenRanking
from backend.errors import ArdError
from backend.store.clips import ClipTable
from backend.store.map import MapFile
from backend.study.folder import Study

LOOKED_AT = 2000
AT_ONCE = 4096
"""Clips whose labels are read per step: some 0.03 s."""
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class ShownMap:
    """The valid map of a ranking.

    Attributes
    ----------
    name : str
        Of the ranking.
    file : MapFile or None
        None where no valid map is there.
    labels : tuple of str
        Names of the clips' labels by which features can be coloured.
    """

    name: str
    file: MapFile | None
    labels: tuple[str, ...]


def read_map(study: Study, ranking: OpenRanking) -> ShownMap:
    """The map and what it can be coloured by; ArdError for a damaged file or one of an SAE of another size."""
    path = study.map(ranking.name)
    file = MapFile(path) if path is not None else None
    if file is not None and file.features != ranking.file.features:
        raise ArdError(
            f"the map speaks of {file.features} features where the SAE has {ranking.file.features}",
            path=file.path, todo="Run: ard map",
        )  # fmt: skip
    return ShownMap(ranking.name, file, label_names(ranking))


def label_names(ranking: OpenRanking) -> tuple[str, ...]:
    """Names of labels that group the ranked clips."""
    return grouping_labels(ranking.clips)


def grouping_labels(clips: ClipTable) -> tuple[str, ...]:
    """Names of labels that group clips, judged by some of them; one that tells every clip apart groups nothing."""
    step = max(1, len(clips) // LOOKED_AT)
    values: dict[str, list[str]] = {}
    for labels in clips.labels_of(range(0, len(clips), step)):
        for name, value in labels.items():
            values.setdefault(name, []).append(value)
    return tuple(sorted(name for name, found in values.items() if 1 < len(set(found)) <= max(2, len(found) // 2)))


@dataclass(frozen=True)
class CommonLabels:
    """For every feature the commonest value of a label among its H clips, "" where none has the label.

    Of equally common ones that of the more representative clip.
    """

    ranking: str
    name: str
    values: list[str]


class LabelReading:
    """Finds `CommonLabels` step by step, for a reader that has other things to do between the steps.

    Attributes
    ----------
    ranking : OpenRanking
    name : str
        Of the label.
    """

    def __init__(self, ranking: OpenRanking, name: str) -> None:
        self.ranking, self.name = ranking, name
        self._texts: list[str] = []
        self._clips: Ints | None = None
        self._listed: Ints = np.empty(0, np.int64)
        self._place: Ints = np.empty(0, np.int64)
        self._done = 0

    def step(self) -> CommonLabels | LabelReading:
        """Read a little; the labels when that was the last of it, else this reading."""
        if self._clips is None:
            self._clips = self.ranking.file.most_clips(int(self.ranking.file.settings["p"]))
            listed, self._place = np.unique(self._clips, return_inverse=True)
            self._listed = listed[listed >= 0]
            # -1 for no clip sorts before all clips
            self._texts = [""] * (len(listed) - len(self._listed))
            self._place = self._place.reshape(self._clips.shape)
            return self
        some = self._listed[self._done : self._done + AT_ONCE]
        if len(some):
            self._done += len(some)
            self._texts += [labels.get(self.name, "") for labels in self.ranking.clips.labels_of(some)]
            return self
        known = sorted(set(self._texts))
        number = {text: k for k, text in enumerate(known)}
        codes = np.fromiter((number[one] for one in self._texts), np.int64, len(self._texts))
        found = commonest(codes[self._place], known).tolist()
        return CommonLabels(self.ranking.name, self.name, [known[k] if k >= 0 else "" for k in found])


def common_labels(ranking: OpenRanking, name: str) -> list[str]:
    """`CommonLabels.values` at once."""
    reading: CommonLabels | LabelReading = LabelReading(ranking, name)
    while isinstance(reading, LabelReading):
        reading = reading.step()
    return reading.values


def commonest(codes: npt.NDArray[np.int64], known: Sequence[str] | npt.NDArray[np.str_]) -> npt.NDArray[np.int64]:
    """The commonest code of each row, the first of equals; −1 for a row without any. Codes of "" do not count."""
    codes = np.where((codes >= 0) & (np.asarray(known, dtype=str)[codes] != ""), codes, -1)
    counts = np.stack([(codes == codes[:, j : j + 1]).sum(axis=1) for j in range(codes.shape[1])], axis=1)
    counts[codes < 0] = 0
    best = counts.argmax(axis=1)
    found: npt.NDArray[np.int64] = codes[np.arange(len(codes)), best]
    return np.where(counts.max(axis=1) > 0, found, -1)
