"""Label purity: do the clips that show a feature share a label? (numpy only)

For a feature with its p most representative clips H, and among their pairs those in which both clips have
a label,

    purity(H) = (pairs with the same label) / (pairs)

and the purity of an SAE is the mean over all features that have enough support (status "ok") and at least
one such pair. Two controls stand beside it: p clips drawn at random for each of these features, and the
same figure of the raw units of the layer. With `across`, only pairs from different groups count (e.g.
different recording sources), so that a feature which merely knows the source gains nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from backend.errors import ArdError
from backend.store.clips import ClipTable
from backend.store.retrieval import STATUS, RetrievalFile

RESAMPLES = 2000
Int = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Purity:
    """Mean purity over features.

    Attributes
    ----------
    mean : float
        NaN if no feature counts.
    low, high : float
        95 % percentile-bootstrap interval over features: it covers the choice of features, not of clips.
    features : int
        Features that count.
    pairs : int
        Labelled pairs in all of them.
    left_out : int
        Features with enough support but no labelled pair.
    """

    mean: float
    low: float
    high: float
    features: int
    pairs: int
    left_out: int

    def plain(self) -> dict[str, Any]:
        return asdict(self)


def pair_purity(label: Int, group: Int | None = None) -> tuple[float, int]:
    """Purity of one list of clips, and its number of pairs.

    Parameters
    ----------
    label : int array [p]
        Label code of each clip, −1 where it has none.
    group : int array [p], optional
        Only pairs of different groups count.
    """
    first, second = np.triu_indices(len(label), k=1)
    counts = (label[first] >= 0) & (label[second] >= 0)
    if group is not None:
        counts &= group[first] != group[second]
    pairs = int(counts.sum())
    same = int((counts & (label[first] == label[second])).sum())
    return (same / pairs if pairs else float("nan")), pairs


def mean_purity(lists: Sequence[Int], label: Int, group: Int | None = None, *, seed: int = 0) -> Purity:
    """Purity over many lists of clips with its interval; `label` and `group` are per clip of the table."""
    found = [pair_purity(label[clips], None if group is None else group[clips]) for clips in lists]
    values = np.array([value for value, pairs in found if pairs])
    pairs = sum(pairs for _, pairs in found)
    left_out = len(found) - len(values)
    if not len(values):
        return Purity(float("nan"), float("nan"), float("nan"), 0, 0, left_out)
    low, high = _interval(values, seed)
    return Purity(float(values.mean()), low, high, len(values), pairs, left_out)


def chance_purity(label: Int, clips: Int, group: Int | None = None) -> float:
    """Expected purity of a pair drawn at random among `clips`, exactly: the share of same-label pairs."""
    label = label[clips]
    group = None if group is None else group[clips]
    labelled = label >= 0
    label = label[labelled]
    same, pairs = _pairs_within(label), _choose_two(len(label))
    if group is not None:
        group = group[labelled]
        pairs -= _pairs_within(group)
        same -= _pairs_within(label * (group.max(initial=0) + 2) + group + 1)
    return same / pairs if pairs else float("nan")


def random_lists(clips: Int, p: int, count: int, *, seed: int) -> list[Int]:
    """`count` lists of p different clips drawn at random (A-37b)."""
    dice = np.random.default_rng(seed)
    return [dice.choice(clips, size=min(p, len(clips)), replace=False) for _ in range(count)]


def label_codes(values: Sequence[str]) -> Int:
    """An integer per distinct non-empty value, −1 for the empty one."""
    names = sorted({value for value in values if value})
    code = {name: number for number, name in enumerate(names)}
    return np.array([code.get(value, -1) for value in values], dtype=np.int64)


def column(clips: ClipTable, name: str) -> list[str]:
    """Values of a label, or of the columns source, speaker, split, for every clip; "" where there is none.

    Raises ArdError naming the labels there are.
    """
    if name in ("source", "speaker", "split"):
        return clips.text[name]
    labels = [clips.labels(i) for i in range(len(clips))]
    known = sorted({key for one in labels for key in one})
    if name not in known:
        more = ", ".join([*known, "source", "speaker", "split"])
        raise ArdError(f"no clip has a label '{name}'", todo=f"Use one of: {more}.")
    return [one.get(name, "") for one in labels]


def of_retrieval(
    file: RetrievalFile, label: Int, group: Int | None, *, p: int = 0, seed: int = 0
) -> tuple[Purity, Purity, float]:
    """Purity of a retrieval file's features, of as many random lists, and the exact chance level.

    Parameters
    ----------
    p : int
        Clips per list; 0 for the p the retrieval was made with.
    """
    p = p or int(file.settings["p"])
    ok = np.flatnonzero(file.table()["status"] == STATUS.index("ok"))
    lists = [row[row >= 0] for row in file.most_clips(p)[ok]]
    probed = np.array([i for i in range(file.clips) if file.tokens(i) > 0], dtype=np.int64)
    control = random_lists(probed, p, len(lists), seed=seed)
    return (
        mean_purity(lists, label, group, seed=seed),
        mean_purity(control, label, group, seed=seed),
        chance_purity(label, probed, group),
    )


def _interval(values: npt.NDArray[np.float64], seed: int) -> tuple[float, float]:
    """2.5 and 97.5 % points of the bootstrapped mean.

    Purities take few distinct values, so a resample is one multinomial draw of how often each comes.
    """
    distinct, counts = np.unique(values, return_counts=True)
    draws = np.random.default_rng(seed).multinomial(len(values), counts / len(values), size=RESAMPLES)
    low, high = np.percentile(draws @ distinct / len(values), [2.5, 97.5])
    return float(low), float(high)


def _choose_two(n: int) -> int:
    return n * (n - 1) // 2


def _pairs_within(codes: Int) -> int:
    _, counts = np.unique(codes, return_counts=True)
    return int(sum(_choose_two(int(n)) for n in counts))
