"""Search by label: which features' activation tells clips with a label from those without? (S-40; numpy only)

The value of a clip is the feature's largest activation in it, 0 where it is inactive; `label_f1` says what F1 it
reaches. A feature is *correlated* with the label if its best F1 exceeds 0.5. A best of many thresholds and of many
features is flattering, so three figures stand beside it: the held-out F1, where either half of the clips is judged by
the threshold chosen on the other half; F1 of saying yes to every clip; and the best held-out F1 that any feature
reaches for shuffled labels.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, fields, replace

import numpy as np
import numpy.typing as npt

from backend.audio.records import values_of
from backend.describe.halves import first_half
from backend.describe.label_f1 import Active, LabelScores, held_out, score
from backend.errors import ArdError
from backend.retrieval.purity import column
from backend.store.clips import ClipTable
from backend.store.retrieval import RetrievalFile

CORRELATED = 0.5
SLICE = 1_000_000
MANY = 20
Int = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]
UInt64 = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class LabelledClips:
    """The clips that have the label, with any value.

    Attributes
    ----------
    clips : int array [n]
        Clip table rows.
    has : bool array [n]
        Whether the label has the value that is searched for.
    ids : uint64 array [n]
        Hash of each clip's record id (`ClipTable.tie_ids`); decides the halves.
    """

    clips: Int
    has: Bool
    ids: UInt64


@dataclass(frozen=True)
class LabelSearch:
    """What `search` found.

    Attributes
    ----------
    scores : LabelScores
        By descending held-out F1, then F1, then by feature.
    clips, positives : int
        Labelled clips, and those with the value.
    always : float
        F1 of saying yes to every clip, 2b/(1 + b) at a share b of positives: what a feature must beat.
    shuffled : float
        Largest held-out F1 of any feature for the same labels dealt out at random; NaN if no feature is active.
    """

    scores: LabelScores
    clips: int
    positives: int
    always: float
    shuffled: float

    @property
    def correlated(self) -> int:
        """Features whose largest F1 exceeds 0.5."""
        return int((self.scores.f1 > CORRELATED).sum())


def labelled_clips(table: ClipTable, name: str, value: str, probed: Bool) -> LabelledClips:
    """The probed clips that have the label `name`; of several values joined by "," any may be the searched one.

    Raises ArdError naming the labels or values there are, or if either class has fewer than two clips: each half needs
    one of either.
    """
    values = column(table, name)
    clips = np.array([i for i in np.flatnonzero(probed).tolist() if values[i]], dtype=np.int64)
    has = np.array([value in values_of(values[i]) for i in clips], dtype=bool)
    if not value or not has.any():
        known = Counter(one for i in clips for one in values[i].split(",")).most_common()
        some = ", ".join(f"{one} ({count})" for one, count in known[:MANY]) + (", …" if len(known) > MANY else "")
        what = f"no probed clip has {name}={value}" if value else f"--label {name} says no value"
        raise ArdError(what, todo=f"Values of {name} and their clips: {some or 'none'}.")
    for count, who in ((int(has.sum()), "has"), (int((~has).sum()), "lacks")):
        if count < 2:
            number = "no labelled clip" if not count else "only one labelled clip"
            raise ArdError(
                f"{number} {who} {name}={value}, so a threshold cannot be tried on clips it was not chosen on",
                todo="Choose a value that at least two clips have and two have not.",
            )
    return LabelledClips(clips, has, table.tie_ids[clips])


def search(file: RetrievalFile, labelled: LabelledClips) -> LabelSearch:
    """F1 of every feature that is active on a labelled clip.

    Raises ArdError where the pair table was not kept.
    """
    place = np.full(file.clips, -1, np.int64)
    place[labelled.clips] = np.arange(len(labelled.clips))
    control = shuffle(labelled)
    half, control_half = (first_half(one.has, one.ids) for one in (labelled, control))
    rows, shuffled = [], float("nan")
    for block in file.pair_blocks(SLICE, ("clip", "max")):
        low, bounds, pairs = block.low, block.bounds, block.columns
        feature = np.repeat(np.arange(len(bounds) - 1), np.diff(bounds))
        active = Active.of(feature, place[pairs["clip"]], pairs["max"].astype(np.float64), len(bounds) - 1)
        known = np.flatnonzero(active.count())
        found = score(active, labelled.has, half).take(known)
        rows.append(replace(found, feature=known + low))
        best = held_out(active, control.has, control_half)[known].max(initial=-1.0)
        shuffled = float(np.fmax(shuffled, best)) if len(known) else shuffled
    scores = LabelScores(*(np.concatenate([getattr(one, field.name) for one in rows]) for field in fields(LabelScores)))
    order = np.lexsort((scores.feature, -scores.f1, -scores.held_out_f1))
    count, positives = len(labelled.clips), int(labelled.has.sum())
    return LabelSearch(scores.take(order), count, positives, 2 * positives / (count + positives), shuffled)


def shuffle(labelled: LabelledClips) -> LabelledClips:
    """The same clips with their labels dealt out anew, always in the same way."""
    order = np.argsort(labelled.ids, kind="stable")
    has = np.empty(len(order), dtype=bool)
    has[order] = np.random.default_rng(0).permutation(labelled.has[order])
    return LabelledClips(labelled.clips, has, labelled.ids)
