"""Search for words in what is written about each feature."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from backend.store.columns import TextIndex

Int = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
REMEMBERED = 64


def folded(text: str) -> str:
    """As texts are compared: letter case ignored, composed letters, runs of white space as one blank."""
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    return " ".join(text.lower().split())


def words(text: str) -> tuple[str, ...]:
    """The words of what a person typed, each once."""
    return tuple(dict.fromkeys(folded(text).split()))


class TextSearch:
    """At most one text per feature; building it takes a while, asking does not.

    Parameters
    ----------
    features : int
        D.
    """

    def __init__(self, features: int) -> None:
        self._features = features
        self._parts: list[tuple[Int, TextIndex]] = []
        self._found: dict[str, Mask] = {}

    def __len__(self) -> int:
        return self._features

    def add(self, features: Iterable[int], texts: Iterable[str]) -> None:
        """Take the texts of more features, `folded`; not after it was asked for words."""
        self._parts.append((np.fromiter(features, np.int64), TextIndex(texts)))

    def with_word(self, word: str) -> Mask:
        """Which features' texts hold `word` (folded, perhaps a part of a longer word): [features]."""
        if word not in self._found:
            if len(self._found) >= REMEMBERED:
                self._found.pop(next(iter(self._found)))
            found = self._found[word] = np.zeros(self._features, np.bool_)
            for features, index in self._parts:
                found[features] = index.contains(word)
        return self._found[word]
