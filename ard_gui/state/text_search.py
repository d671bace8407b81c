"""Search for words in what is written about each feature."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from backend.store.columns import TextIndex

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
    """One text per feature; building it takes a while, asking does not.

    Parameters
    ----------
    texts : iterable of str
        Of each feature, in feature order and `folded`; "" for none.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        self._index = TextIndex(texts)
        self._found: dict[str, Mask] = {}

    def __len__(self) -> int:
        return len(self._index)

    def with_word(self, word: str) -> Mask:
        """Which features' texts hold `word` (folded, perhaps a part of a longer word): [features]."""
        if word not in self._found:
            if len(self._found) >= REMEMBERED:
                self._found.pop(next(iter(self._found)))
            self._found[word] = self._index.contains(word)
        return self._found[word]
