"""Detection score of a name: can a judge find a feature's clips by it? (P-10, audio analogue; numpy only)

The judge is shown clips in which the feature is active and which were not used for naming, and clips in which it is not
active, and says of each whether it fits the name. The score is the balanced accuracy,

    (found active clips / active clips + refused inactive clips / inactive clips) / 2

so that a name that fits nothing, everything or anything at random has 0.5. A wrong name can have a little more by luck,
where a feature's clips are alike in some way, and hardly less, because a threshold that finds all clips is always to be
had: names of other features show how much. The active clips are spread over all of the
feature's activations, so a feature whose weak activations mean something else has a low score under any name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, MutableMapping, Sequence

import numpy as np
import numpy.typing as npt

from backend.describe.detection_samples import Sample, unit_rows
from backend.describe.halves import first_half
from backend.store.concepts import Detection

NAN = float("nan")
Int = npt.NDArray[np.int64]
Float = npt.NDArray[np.floating]
Bool = npt.NDArray[np.bool_]
UInt64 = npt.NDArray[np.uint64]
EmbedTexts = Callable[[Sequence[str]], Float]
Ask = Callable[[Sequence[int], str], Sequence[str]]
Answers = MutableMapping[tuple[int, str], str]

_FIRST = re.compile(r"\W*(yes|no)\b(?!\s+(?:idea|clue|way)\b)", re.IGNORECASE)
_SAID = re.compile(r"\banswer(?:\s+is)?\W+(yes|no)\b", re.IGNORECASE)


def judge_by_embedder(
    samples: Sequence[Sample], names: Sequence[str], embed_texts: EmbedTexts, vectors: Float, ids: UInt64, least: int
) -> list[Detection]:
    """Detection by the cosine between a name and a clip.

    A clip fits the name if its cosine exceeds a threshold. Each half of the clips (`halves.first_half`) is judged by
    the threshold that has the largest balanced accuracy on the other half, in the middle of the widest of equal gaps.
    The hard clips are near to the named ones for the embedder that chose them: where it is also the judge, its score on
    them says what the name adds to the sound.

    Parameters
    ----------
    names : sequence of str
        One per sample; an empty one is not judged.
    embed_texts : callable
        Texts to vectors [texts, d]; called once with the distinct names.
    vectors : float array [N, d]
        Of the clips, of any length.
    ids : uint64 array [N]
        `ClipTable.tie_ids`.
    least : int
        Fewer clips of a kind give no score, `names.detection_least`.
    """
    distinct = sorted({name for name in names if name.strip()})
    texts, known = unit_rows(embed_texts(distinct)) if distinct else (np.empty((0, 0), np.float32), np.empty(0, bool))
    place = {name: i for i, name in enumerate(distinct) if known[i]}
    clips, _ = unit_rows(vectors)
    found = []
    for sample, name in zip(samples, names, strict=True):
        accuracy, under, hard, hard_under = NAN, NAN, NAN, NAN
        if name in place:
            text = texts[place[name]]
            accuracy, under = _compare(clips, text, sample.active, sample.random, ids, least)
            hard, hard_under = _compare(clips, text, sample.active, sample.hard, ids, least)
        counts = len(sample.active), len(sample.random), len(sample.hard)
        found.append(Detection(accuracy, counts[0], counts[1], hard, counts[2], under, hard_under))
    return found


def judge_by_answers(
    samples: Sequence[Sample], names: Sequence[str], ask: Ask, answers: Answers, prompt: str, least: int
) -> tuple[list[Detection], int]:
    """Detection by an audio language model's yes or no.

    Parameters
    ----------
    names : sequence of str
        One per sample; an empty one is not judged.
    ask : callable
        Clip rows and a question to one answer each; asked for each pair once.
    answers : mutable mapping
        (clip row, question) → answer; answers that are there are not asked for, new ones are put in.
    prompt : str
        The question, with {name} where the name goes.
    least : int
        Fewer answered clips of a kind give no score, `names.detection_least`.

    Returns
    -------
    (list of Detection, int)
        Clips are counted where the answer said yes or no, and how many answers said neither.
    """
    found, unclear = [], 0
    for sample, name in zip(samples, names, strict=True):
        if not name.strip():
            counts = len(sample.active), len(sample.random), len(sample.hard)
            found.append(Detection(NAN, counts[0], counts[1], NAN, counts[2]))
            continue
        question = prompt.strip().replace("{name}", name.strip())
        clips = np.concatenate([sample.active, sample.random, sample.hard]).tolist()
        missing = [clip for clip in dict.fromkeys(clips) if (clip, question) not in answers]
        if missing:
            for clip, answer in zip(missing, ask(missing, question), strict=True):
                answers[clip, question] = answer
        said = {clip: yes_or_no(answers[clip, question]) for clip in clips}
        clear = {clip: yes for clip, yes in said.items() if yes is not None}
        unclear += len(said) - len(clear)
        active, random, hard = (
            [clear[clip] for clip in part.tolist() if clip in clear]
            for part in (sample.active, sample.random, sample.hard)
        )
        accuracies = _accuracy(active, random, least), _accuracy(active, hard, least)
        found.append(Detection(accuracies[0], len(active), len(random), accuracies[1], len(hard)))
    return found, unclear


def _compare(clips: Float, text: Float, active: Int, inactive: Int, ids: UInt64, least: int) -> tuple[float, float]:
    """Balanced accuracy and area of the cosines with a text; NaN where there are fewer than `least` of a kind."""
    if min(len(active), len(inactive)) < max(least, 2):
        return NAN, NAN
    rows = np.concatenate([active, inactive])
    cosine, on = clips[rows] @ text, np.arange(len(rows)) < len(active)
    return cross_fitted(cosine, on, first_half(on, ids[rows])), area(cosine, on)


def yes_or_no(answer: str) -> bool | None:
    """What an answer says: its first word, or what it calls its answer; None where that is neither yes nor no."""
    said = _FIRST.match(answer) or _SAID.search(answer)
    return None if said is None else said.group(1).lower() == "yes"


def cross_fitted(value: Float, active: Bool, half: Bool) -> float:
    """Balanced accuracy of "value > θ", where θ of either half is the best one of the other.

    Parameters
    ----------
    value : float array [n]
    active : bool array [n]
        Clips that should be found.
    half : bool array [n]
        Clips of one half; both halves need both kinds.
    """
    said = np.empty(len(value), dtype=bool)
    for one in (half, ~half):
        said[one] = value[one] > best_cut(value[~one], active[~one])
    return _accuracy(said[active].tolist(), said[~active].tolist(), 1)


def best_cut(value: Float, active: Bool) -> float:
    """The threshold with the largest balanced accuracy: the middle of the widest of the best gaps between values.

    −∞ and ∞, which find all and nothing, are chosen only where no gap is better than they are.
    """
    order = np.argsort(value, kind="stable")
    ranked, on = np.asarray(value[order], dtype=np.float64), active[order]
    found = 1 - np.cumsum(on) / on.sum()
    refused = np.cumsum(~on) / (~on).sum()
    gap, merit = np.diff(ranked), (found + refused)[:-1]
    if not (gap > 0).any() or merit[gap > 0].max() <= 1:
        return float("-inf")
    widest = np.lexsort((-gap, np.round(-merit, 12), gap <= 0))[0]
    return float(ranked[widest] + gap[widest] / 2)


def area(value: Float, active: Bool) -> float:
    """Chance that an active clip has a larger value than an inactive one, ties counting half: area under the curve."""
    inactive = np.sort(value[~active])
    smaller = np.searchsorted(inactive, value[active], side="left")
    not_larger = np.searchsorted(inactive, value[active], side="right")
    return float((smaller + not_larger).mean() / 2 / len(inactive))


def _accuracy(active: Sequence[bool], inactive: Sequence[bool], least: int) -> float:
    """Balanced accuracy of what was said of either kind; NaN where there are fewer than `least` of one."""
    if min(len(active), len(inactive)) < max(least, 1):
        return NAN
    return (sum(active) / len(active) + 1 - sum(inactive) / len(inactive)) / 2
