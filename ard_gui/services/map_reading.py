"""What the map's view asks of a study; runs on the reader thread only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ard_gui.services.study_reading import OpenRanking
from backend.errors import ArdError
from backend.store.map import MapFile
from backend.study.folder import Study

LOOKED_AT = 2000


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
    """Names of labels that group clips, judged by some of them; one that tells every clip apart groups nothing."""
    step = max(1, len(ranking.clips) // LOOKED_AT)
    values: dict[str, list[str]] = {}
    for i in range(0, len(ranking.clips), step):
        for name, value in ranking.clips.labels(i).items():
            values.setdefault(name, []).append(value)
    return tuple(sorted(name for name, found in values.items() if 1 < len(set(found)) <= max(2, len(found) // 2)))


def common_labels(ranking: OpenRanking, name: str) -> list[str]:
    """For every feature the commonest value of a label among its H clips, "" where none has the label.

    Of equally common ones that of the more representative clip.
    """
    clips = ranking.file.most_clips(int(ranking.file.settings["p"]))
    listed, place = np.unique(clips, return_inverse=True)
    texts = [ranking.clips.labels(int(i)).get(name, "") if i >= 0 else "" for i in listed]
    known, code = np.unique(np.array(texts, dtype=object).astype(str), return_inverse=True)
    return [str(known[k]) if k >= 0 else "" for k in commonest(code[place].reshape(clips.shape), known)]


def commonest(codes: npt.NDArray[np.int64], known: Sequence[str] | npt.NDArray[np.str_]) -> npt.NDArray[np.int64]:
    """The commonest code of each row, the first of equals; −1 for a row without any. Codes of "" do not count."""
    codes = np.where((codes >= 0) & (np.asarray(known, dtype=str)[codes] != ""), codes, -1)
    counts = np.stack([(codes == codes[:, j : j + 1]).sum(axis=1) for j in range(codes.shape[1])], axis=1)
    counts[codes < 0] = 0
    best = counts.argmax(axis=1)
    found: npt.NDArray[np.int64] = codes[np.arange(len(codes)), best]
    return np.where(counts.max(axis=1) > 0, found, -1)
