"""The data set's own captions, and where a clip has none, a phrase from its labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from backend.describe.captioners.base import CAPTIONERS, Captioner, Wave
from backend.store.clips import Clip
from backend.study.settings import Settings


@CAPTIONERS.register("dataset")
class DatasetCaptioner(Captioner):
    """Needs neither a model nor the sound."""

    sample_rate = None

    @classmethod
    def load(cls, settings: Settings, prompt: str) -> Captioner:
        return cls()

    def caption(self, clips: Sequence[Clip], waves: Sequence[Wave]) -> list[str]:
        return [" ".join(clip.caption.split()) or phrase_from_labels(clip.labels) for clip in clips]

    def identity(self) -> dict[str, Any]:
        return {"captioner": "dataset", "version": 1}


def phrase_from_labels(labels: Mapping[str, str]) -> str:
    """The values of all labels in the order of the labels' names, each once: "dog, outside, rain".

    Of several values joined by "," each counts. "_" is written as a space, and values without a letter (codes,
    ratings) are left out.
    """
    values = [" ".join(one.replace("_", " ").split()) for name in sorted(labels) for one in labels[name].split(",")]
    words = [value for value in values if any(letter.isalpha() for letter in value)]
    first: dict[str, str] = {}
    for word in words:
        first.setdefault(word.casefold(), word)
    return ", ".join(first.values())
