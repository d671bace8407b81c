"""Which words of two answers differ: what an eye would mark when it reads them side by side."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

Span = tuple[int, int]
"""First character of a text, and the one behind the last."""

UNSPACED = (
    (0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x3040, 0x30FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF), (0x20000, 0x2FA1F),
)  # fmt: skip
"""Characters of scripts that put no spaces between words (Thai, Lao, Burmese, Khmer, kana, Han): each is a word."""


@dataclass(frozen=True)
class AnswerDiff:
    """What differs between two texts.

    Attributes
    ----------
    removed : tuple of Span
        Of the first text: words that the second one lacks at that place.
    added : tuple of Span
        Of the second text: words that the first one lacks. Neighbouring words are one span, with the space between.
    """

    removed: tuple[Span, ...]
    added: tuple[Span, ...]

    def __bool__(self) -> bool:
        return bool(self.removed or self.added)


def answer_diff(before: str, after: str) -> AnswerDiff:
    """The fewest words that must go and come to make `after` of `before`.

    Words are compared as they are written; a sign of punctuation before or behind a word is a word of its own, and
    how much space stands between words does not matter.
    """
    old, new = list(words(before)), list(words(after))
    stays = _common([before[a:b] for a, b in old], [after[a:b] for a, b in new])
    kept_old, kept_new = {i for i, _ in stays}, {j for _, j in stays}
    return AnswerDiff(
        _joined(before, [one for i, one in enumerate(old) if i not in kept_old]),
        _joined(after, [one for j, one in enumerate(new) if j not in kept_new]),
    )


def words(text: str) -> Iterator[Span]:
    """Where the words and signs of a text stand."""
    start = 0
    while start < len(text):
        if text[start].isspace():
            start += 1
            continue
        end = start
        while end < len(text) and not text[end].isspace():
            end += 1
        yield from _parts(text, start, end)
        start = end


def _parts(text: str, start: int, end: int) -> Iterator[Span]:
    """A run without spaces as signs before, words, and signs behind it."""
    first, last = start, end
    while first < last and _is_sign(text[first]):
        first += 1
    while last > first and _is_sign(text[last - 1]):
        last -= 1
    yield from ((i, i + 1) for i in range(start, first))
    word = first
    for i in range(first, last):
        if _is_unspaced(text[i]):
            if word < i:
                yield word, i
            yield i, i + 1
            word = i + 1
    if word < last:
        yield word, last
    yield from ((i, i + 1) for i in range(last, end))


def _is_sign(sign: str) -> bool:
    return unicodedata.category(sign)[0] in "PS"


def _is_unspaced(sign: str) -> bool:
    return any(low <= ord(sign) <= high for low, high in UNSPACED)


def _common(old: Sequence[str], new: Sequence[str]) -> list[tuple[int, int]]:
    """Index pairs of a longest common subsequence.

    Bit-parallel (Hyyrö 2004): one long integer per word of `new`, so that thousands of words take milliseconds; a
    zero at bit i of row j says that the best pairing of `new[:j + 1]` gains a pair at `old[i]`.
    """
    places: dict[str, int] = {}
    for i, word in enumerate(old):
        places[word] = places.get(word, 0) | 1 << i
    everything = (1 << len(old)) - 1
    row, rows = everything, []
    for word in new:
        there = row & places.get(word, 0)
        row = ((row + there) | (row - there)) & everything
        rows.append(row)
    pairs, i, j = [], len(old), len(new)
    while i and j:
        if rows[j - 1] >> (i - 1) & 1:
            i -= 1
        elif j > 1 and not rows[j - 2] >> (i - 1) & 1:
            j -= 1
        else:
            i, j = i - 1, j - 1
            pairs.append((i, j))
    return pairs[::-1]


def _joined(text: str, spans: Sequence[Span]) -> tuple[Span, ...]:
    """Spans with nothing but space between them as one."""
    found: list[Span] = []
    for start, end in spans:
        if found and not text[found[-1][1] : start].strip():
            found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    return tuple(found)
