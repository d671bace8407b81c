"""Words that differ between two answers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ard_gui.state.answer_diff import Span, answer_diff, words


def cut(text: str, spans: tuple[Span, ...]) -> list[str]:
    return [text[start:end] for start, end in spans]


@pytest.mark.parametrize(
    ("before", "after", "removed", "added"),
    [
        ("", "", [], []),
        ("a dog barks", "a dog barks", [], []),
        ("a dog  barks\n", "a dog barks", [], []),
        ("a dog barks.", "a cat barks.", ["dog"], ["cat"]),
        ("a dog barks.", "a dog barks", ["."], []),
        ("a dog", "A dog", ["a"], ["A"]),
        ("it is a dog", "it is a big black cat", ["dog"], ["big black cat"]),
        ("", "all of it", [], ["all of it"]),
        ("all of it", "", ["all of it"], []),
        ("one two three", "three two one", ["two three"], ["three two"]),
        ("it's a sea-lion", "it's a lion", ["sea-lion"], ["lion"]),
        ("(dog)", "(cat)", ["dog"], ["cat"]),
        ("是狗叫", "是猫叫", ["狗"], ["猫"]),
        ("कुत्ता भौंकता", "बिल्ली भौंकता", ["कुत्ता"], ["बिल्ली"]),
        ("dog dog dog", "dog dog", ["dog"], []),
    ],
)
def test_marked_words_are_those_that_differ(before: str, after: str, removed: list[str], added: list[str]) -> None:
    found = answer_diff(before, after)
    assert sorted(cut(before, found.removed)) == sorted(removed)
    assert sorted(cut(after, found.added)) == sorted(added)
    assert bool(found) == bool(removed or added)


TEXT = st.text(st.sampled_from("ab .\n狗"), max_size=14)


def spelled(text: str, spans: tuple[Span, ...]) -> list[str]:
    """Words of a text outside `spans`."""
    inside = {i for start, end in spans for i in range(start, end)}
    return [text[start:end] for start, end in words(text) if start not in inside]


def longest(a: list[str], b: list[str]) -> int:
    """Length of a longest common subsequence, by the book."""
    best = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i, one in enumerate(a, start=1):
        for j, other in enumerate(b, start=1):
            best[i][j] = best[i - 1][j - 1] + 1 if one == other else max(best[i - 1][j], best[i][j - 1])
    return best[-1][-1]


@given(TEXT, TEXT)
def test_what_is_not_marked_is_the_longest_text_that_both_share(before: str, after: str) -> None:
    found = answer_diff(before, after)
    kept = spelled(before, found.removed)
    assert kept == spelled(after, found.added)
    every = [[text[a:b] for a, b in words(text)] for text in (before, after)]
    assert len(kept) == longest(*every)


@given(TEXT)
def test_words_and_spaces_make_up_the_whole_text(text: str) -> None:
    inside = "".join(text[a:b] for a, b in words(text))
    assert inside == "".join(text.split())


def test_thousands_of_equal_words_are_compared_at_once() -> None:
    found = answer_diff("dog " * 4000, "dog " * 3999 + "cat")
    assert len(found.removed) == 1
    assert cut("dog " * 3999 + "cat", found.added) == ["cat"]
