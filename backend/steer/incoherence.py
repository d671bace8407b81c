"""Whether an answer is still a sentence (A-59): steered too hard, a model repeats itself or falls silent."""

from __future__ import annotations

from itertools import pairwise

MOST_REPETITION = 0.3
IN_A_ROW = 3


def repetition(text: str) -> float:
    """Share of the groups of three consecutive words that were there before; 0 for fewer than four words."""
    words = text.lower().split()
    groups = list(zip(words, words[1:], words[2:], strict=False))
    return 1 - len(set(groups)) / len(groups) if len(groups) > 1 else 0.0


def incoherence(text: str) -> str:
    """Why an answer does not count as coherent; "" if it does.

    It says nothing, says a word three times in a row, or its `repetition` is above `MOST_REPETITION`.
    """
    words = text.lower().split()
    if not any(letter.isalnum() for letter in text):
        return "it says nothing"
    run = 1
    for before, word in pairwise(words):
        run = run + 1 if word == before else 1
        if run == IN_A_ROW:
            return f"it says '{word}' {IN_A_ROW} times in a row"
    found = repetition(text)
    return f"{found:.0%} of it is repeated" if found > MOST_REPETITION else ""
