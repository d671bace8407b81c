"""The demo's closing words: its best concepts with their clips' labels, and how much the figures can be trusted."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backend.demo.study import shipped_id
from backend.describe.score_purity import scored_purity
from backend.retrieval.prominence import most_prominent, prominence
from backend.retrieval.purity import Purity, chance_purity, column, label_codes, mean_purity
from backend.store.clips import ClipTable
from backend.store.concepts import Concept, ConceptsFile
from backend.store.retrieval import STATUS, RetrievalFile
from backend.store.scores import ScoresFile
from backend.study.folder import Study

SHOWN, SAME_LABEL = 20, 2
PROMINENT = 50
NAME_WIDTH = 26
Int = npt.NDArray[np.int64]


@dataclass(frozen=True)
class ListPurity:
    """Label purity of one dictionary's lists of p clips.

    Attributes
    ----------
    best : Purity or None
        Over the `PROMINENT` features of highest prominence; None for raw units, which have none.
    scored : Purity
        Over the `PROMINENT` features of highest monosemanticity.
    all : Purity
        Over all features with enough support.
    chance : float
        Of a random pair of clips.
    correlation : float
        Rank correlation (Spearman) of monosemanticity and purity over all scored features.
    """

    id: str
    best: Purity | None
    scored: Purity
    all: Purity
    chance: float
    correlation: float


def closing_words(study: Study) -> str:
    """Twenty best concepts of the shipped SAE, at most two of one label, and the purity of every dictionary."""
    clips = ClipTable(study.clips())
    names = column(clips, "label")
    sae = shipped_id()
    lines = [f"The most monosemantic features of {sae} (the SAE that ships with the model):", ""]
    lines.append(f"{'feature':>7} {'m':>6} {'± ties':>6} {'found':>6}  {'name':<{NAME_WIDTH}}  labels of its clips")
    lines += [_line(*one) for one in _shown(study, sae, names)]
    lines += [
        "",
        "m: monosemanticity; ± ties: its spread when the clips of lowest score are drawn again; found: how well the",
        "feature's other clips are told from clips without it by the name alone (chance is about 0.5).",
        "Names are the phrase that sets a feature's captions apart; the captions are the built-in model's own.",
        "",
        "Share of a feature's clips, pair by pair, that have the same label (chance is a random pair), over the 50",
        "features of highest prominence and of highest m, and over all; and the rank correlation of m with that share:",
        "",
        f"{'':<28} {'prominent':>9} {'by m':>6} {'all':>6} {'chance':>7} {'features':>9} {'m ~ share':>10}",
    ]
    codes = label_codes(names)
    for one in (list_purity(study, name, codes) for name in study.feature_ids()):
        best = f"{one.best.mean:.2f}" if one.best else "–"
        lines.append(
            f"{one.id:<28} {best:>9} {one.scored.mean:>6.2f} {one.all.mean:>6.2f} {one.chance:>7.3f} "
            f"{one.all.features:>9} {one.correlation:>10.2f}"
        )
    return "\n".join(lines)


def list_purity(study: Study, name: str, codes: Int) -> ListPurity:
    """Purity of one dictionary of the study; `codes` [N] are the clips' labels (`label_codes`)."""
    with RetrievalFile(study.retrieval(name)) as file:
        lists = file.most_clips(int(file.settings["p"]))
        ok = np.flatnonzero(file.table()["status"] == STATUS.index("ok"))
        chosen = None if file.raw else most_prominent(prominence(file), PROMINENT)
        probed = np.array([i for i in range(file.clips) if file.tokens(i) > 0], dtype=np.int64)
    scored = scored_purity(_scores(study, name), lists, codes)

    def over(features: Int) -> Purity:
        return mean_purity([lists[k][lists[k] >= 0] for k in features], codes)

    return ListPurity(
        name, None if chosen is None else over(chosen), scored.best, over(ok), chance_purity(codes, probed),
        scored.correlation,
    )  # fmt: skip


def _scores(study: Study, name: str) -> ScoresFile:
    path = study.scores(name)
    assert path is not None, f"the demo has not scored {name}"
    return ScoresFile(path)


def _shown(study: Study, sae: str, names: list[str]) -> list[tuple[Concept, float, float, list[str]]]:
    """Concepts with m, its spread and the labels of H, in the order of rank."""
    scores, path = _scores(study, sae), study.concepts(sae)
    assert path is not None, f"the demo has not described {sae}"
    seen: Counter[str] = Counter()
    chosen: list[tuple[Concept, float, float, list[str]]] = []
    for one in ConceptsFile(path).concepts:
        labels = [names[caption.clip] for caption in one.captions]
        label = Counter(labels).most_common(1)[0][0]
        seen[label] += 1
        if seen[label] <= SAME_LABEL:
            m, spread = (float(scores.columns[column][one.feature]) for column in ("m", "m_redraw_sd"))
            chosen.append((one, m, spread, labels))
        if len(chosen) == SHOWN:
            break
    return chosen


def _line(one: Concept, m: float, spread: float, labels: list[str]) -> str:
    found = one.detection.balanced_accuracy
    score = f"{found:.2f}" if found == found else "–"
    name = one.name or f"({one.status})"
    if len(name) > NAME_WIDTH:
        name = name[: NAME_WIDTH - 1] + "…"
    shown = ", ".join(f"{count} × {label}" for label, count in Counter(labels).most_common())
    return f"{one.feature:>7} {m:>6.2f} {spread:>6.2f} {score:>6}  {name:<{NAME_WIDTH}}  {shown}"
