"""Blind rating studies made by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from backend.store.concepts import Concept
from backend.store.notes.rating_plan import RatedMethod, RatingClip, RatingItem, RatingPlan
from backend.store.retrieval import RetrievalFile
from backend.study.folder import Study
from builders.described_study import describe_by_hand


def toy_plan(*, methods: Sequence[str] = ("poly", "sae"), concepts: int = 2, p: int = 2) -> RatingPlan:
    """A plan of made-up concepts: feature i of every method, the methods by turns."""
    items = [
        RatingItem(
            1 + i * len(methods) + j, method, 64 * str(j), i, f"{method} {i}",
            tuple(RatingClip(f"{i}/{n}.wav", f"{i:08x}{n:08x}") for n in range(p)),
        )
        for i in range(concepts) for j, method in enumerate(methods)
    ]  # fmt: skip
    return RatingPlan(
        "0123456789abcdef", "toy", "ada", "2026-01-01T00:00:00.000000Z", concepts, 0, p, 10.0, False,
        tuple(RatedMethod(one, 64 * str(j), 9, "r", "c", "consensus") for j, one in enumerate(methods)), tuple(items),
    )  # fmt: skip


def name_by_hand(study: Study, sae_id: str, word: str = "sound") -> list[int]:
    """Name every second feature that has enough clips "<word> <number>", the others "no common concept"; the named."""
    with RetrievalFile(study.retrieval(sae_id)) as file:
        full = np.flatnonzero((file.most_clips(int(file.settings["p"])) >= 0).all(axis=1)).tolist()
    named = full[::2]
    found = [Concept(k, "ok", f"{word} {k}", "why it is so") for k in named]
    found += [Concept(k, "no common concept", "", "nothing in common") for k in full[1::2]]
    describe_by_hand(study, sae_id, found)
    return named
