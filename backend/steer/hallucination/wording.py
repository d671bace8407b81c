"""Word error rate with Whisper's English normaliser (S-49)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from backend.steer.hallucination.rates import bootstrap

Normalise = Callable[[str], str]


def english_normaliser(tokenizer: Any) -> tuple[Normalise, str]:
    """Whisper's normaliser, and what it does about British spellings.

    Its table of spellings lies in the model's folder (`normalizer.json`); without it spellings stay as they are.
    """
    from transformers.models.whisper.english_normalizer import EnglishTextNormalizer

    mapping = getattr(tokenizer, "english_spelling_normalizer", None)
    normalise = EnglishTextNormalizer(mapping or {})
    note = f"{len(mapping)} spellings" if mapping else "no table of spellings in the model's folder"
    return lambda text: str(normalise(text)).strip(), f"Whisper's English normaliser, {note}"


def word_errors(said: str, heard: str) -> tuple[int, int]:
    """(substitutions + deletions + insertions of the cheapest alignment, words of `said`); both normalised."""
    wanted, found = said.split(), heard.split()
    row = list(range(len(found) + 1))
    for i, word in enumerate(wanted, 1):
        diagonal, row[0] = row[0], i
        for j, other in enumerate(found, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (word != other))
    return row[-1], len(wanted)


@dataclass(frozen=True)
class ErrorRate:
    """Word errors of many clips.

    Attributes
    ----------
    errors, words : tuple of int
        Of each clip; clips whose text is empty once normalised are not here.
    left_out : int
        Their number.
    """

    errors: tuple[int, ...]
    words: tuple[int, ...]
    left_out: int = 0

    @property
    def value(self) -> float:
        """All errors by all words; may exceed 1."""
        return sum(self.errors) / sum(self.words) if self.words else math.nan

    def as_json(self, seed: int) -> dict[str, float | int]:
        """With the bootstrap interval over clips."""
        errors, words = np.array(self.errors), np.array(self.words)
        low, high = bootstrap(lambda rows: float(errors[rows].sum() / words[rows].sum()), len(words), seed)
        return {
            "value": self.value, "low": low, "high": high, "n": len(self.words), "words": sum(self.words),
            "errors": sum(self.errors), "left_out": self.left_out,
        }  # fmt: skip


def error_rate(said: Sequence[str], heard: Sequence[str], normalise: Normalise) -> ErrorRate:
    """Word errors of `heard[i]` against `said[i]`, both normalised first."""
    pairs = [(normalise(a), normalise(b)) for a, b in zip(said, heard, strict=True)]
    counted = [word_errors(a, b) for a, b in pairs if a]
    return ErrorRate(tuple(e for e, _ in counted), tuple(w for _, w in counted), len(pairs) - len(counted))
