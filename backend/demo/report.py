"""The demo's closing table: the features whose clips agree best, with their clips' labels."""

from __future__ import annotations

from collections import Counter

import numpy as np

from backend.retrieval.purity import column, label_codes, of_retrieval, pair_purity
from backend.store.clips import ClipTable
from backend.store.features import choose
from backend.store.retrieval import STATUS, RetrievalFile
from backend.study.folder import Study

SHOWN = 10


def best_features(study: Study) -> str:
    """Ten features with the purest lists, one per line: at most three of the same label, stronger ones first."""
    sae_id = choose(study, "")
    clips = ClipTable(study.clips())
    names = column(clips, "label")
    codes = label_codes(names)
    with RetrievalFile(study.retrieval(sae_id)) as file:
        p = int(file.settings["p"])
        table = file.table()
        found = []
        lists = file.most_clips(p)
        for k in np.flatnonzero(table["status"] == STATUS.index("ok")):
            listed = lists[k][lists[k] >= 0]
            purity, _ = pair_purity(codes[listed])
            found.append((purity, float(table["max_score"][k]), int(k), [names[int(i)] for i in listed]))
        mean, control, _ = of_retrieval(file, codes, None)
    lines = [f"{len(found)} features of {sae_id} have enough support. The clearest:", ""]
    lines.append(f"{'feature':>7}  {'score':>6}  labels of its most representative clips")
    lines += [f"{k:>7}  {score:>6.3g}  {', '.join(labels)}" for _, score, k, labels in _varied(found)]
    lines += ["", f"Label purity over all of them: {mean.mean:.2f}, over random clips: {control.mean:.2f}."]
    return "\n".join(lines)


def _varied(found: list[tuple[float, float, int, list[str]]]) -> list[tuple[float, float, int, list[str]]]:
    seen: Counter[str] = Counter()
    chosen: list[tuple[float, float, int, list[str]]] = []
    for one in sorted(found, key=lambda f: (-f[0], -f[1], f[2])):
        label = Counter(one[3]).most_common(1)[0][0]
        if seen[label] < 3 and len(chosen) < SHOWN:
            seen[label] += 1
            chosen.append(one)
    return chosen
