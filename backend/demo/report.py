"""The demo's closing words: its clearest features with their clips' labels, and how pure the lists are."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backend.demo.study import shipped_id
from backend.retrieval.prominence import most_prominent, prominence
from backend.retrieval.purity import Purity, chance_purity, column, label_codes, mean_purity
from backend.store.clips import ClipTable
from backend.store.retrieval import STATUS, RetrievalFile
from backend.study.folder import Study

SHOWN, SAME_LABEL = 10, 2
PROMINENT = 50
Int = npt.NDArray[np.int64]


@dataclass(frozen=True)
class ListPurity:
    """Label purity of one dictionary's lists of p clips.

    Attributes
    ----------
    best : Purity or None
        Over the `PROMINENT` features of highest prominence; None for raw units, which have none.
    all : Purity
        Over all features with enough support.
    chance : float
        Of a random pair of clips.
    """

    id: str
    best: Purity | None
    all: Purity
    chance: float


def closing_words(study: Study) -> str:
    """Ten prominent features of the shipped SAE, at most two of one label, and the purity of every dictionary."""
    clips = ClipTable(study.clips())
    names = column(clips, "label")
    sae = shipped_id()
    lines = [f"The most prominent features of {sae} (the SAE that ships with the model):", ""]
    lines.append(f"{'feature':>7}  {'prominence':>10}  labels of the clips that represent it best")
    lines += [f"{k:>7}  {value:>10.1f}  {', '.join(labels)}" for k, value, labels in _shown(study, sae, names)]
    lines += ["", "Share of a feature's clips, pair by pair, that have the same label (chance is a random pair):", ""]
    lines.append(f"{'':<28} {'best 50':>8} {'all':>8} {'chance':>8} {'features':>9}")
    codes = label_codes(names)
    for one in (list_purity(study, name, codes) for name in study.feature_ids()):
        best = f"{one.best.mean:.2f}" if one.best else "–"
        lines.append(f"{one.id:<28} {best:>8} {one.all.mean:>8.2f} {one.chance:>8.3f} {one.all.features:>9}")
    return "\n".join(lines)


def list_purity(study: Study, name: str, codes: Int) -> ListPurity:
    """Purity of one dictionary of the study; `codes` [N] are the clips' labels (`label_codes`)."""
    with RetrievalFile(study.retrieval(name)) as file:
        lists = file.most_clips(int(file.settings["p"]))
        ok = np.flatnonzero(file.table()["status"] == STATUS.index("ok"))
        chosen = None if file.raw else most_prominent(prominence(file), PROMINENT)
        probed = np.array([i for i in range(file.clips) if file.tokens(i) > 0], dtype=np.int64)

    def over(features: Int) -> Purity:
        return mean_purity([lists[k][lists[k] >= 0] for k in features], codes)

    return ListPurity(name, None if chosen is None else over(chosen), over(ok), chance_purity(codes, probed))


def _shown(study: Study, sae: str, names: list[str]) -> list[tuple[int, float, list[str]]]:
    with RetrievalFile(study.retrieval(sae)) as file:
        values = prominence(file)
        lists = file.most_clips(int(file.settings["p"]))
    seen: Counter[str] = Counter()
    chosen: list[tuple[int, float, list[str]]] = []
    for k in most_prominent(values, len(values)).tolist():
        labels = [names[int(i)] for i in lists[k] if i >= 0]
        label = Counter(labels).most_common(1)[0][0]
        seen[label] += 1
        if seen[label] <= SAME_LABEL:
            chosen.append((k, float(values[k]), labels))
        if len(chosen) == SHOWN:
            break
    return chosen
