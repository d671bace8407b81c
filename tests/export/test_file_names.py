"""Names that every system takes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.export.file_names import FORBIDDEN, safe_name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("dog bark", "dog bark"),
        ('a<b>c:d"e/f\\g|h?i*j', "a-b-c-d-e-f-g-h-i-j"),
        (" .hidden. ", "hidden"),
        ("tab\tand\nline", "tab and line"),
        ("", "clip"),
        ("...", "clip"),
        ("\u202eevil\u202c \x00\x07", "evil"),
        ("نباح الكلب", "نباح الكلب"),
        ("👩‍🎤 sings 🎵", "👩‍🎤 sings 🎵"),
        ("cafe\u0301", "café"),
        ("half \ud83d", "half -"),
    ],
)
def test_name_keeps_the_words_and_loses_what_a_system_forbids(text: str, name: str) -> None:
    assert safe_name(text) == name


def test_long_name_is_cut_between_whole_signs() -> None:
    assert safe_name("a" * 300) == "a" * 100
    assert safe_name("ж" * 300, longest=9) == "жжжж"
    assert safe_name("क्" * 50, longest=20) == "क्" * 3
    assert safe_name("xx👩‍🎤", longest=9) == "xx👩"


@given(st.text(alphabet=st.characters(codec=None), max_size=80), st.integers(8, 60))
def test_any_text_makes_a_name_that_can_be_written(text: str, longest: int) -> None:
    name = safe_name(text, longest)
    assert 0 < len(name.encode("utf-8")) <= longest
    assert not set(name) & set(FORBIDDEN)
    assert name == name.strip(". ")
    assert name.isprintable() or any(sign in name for sign in "\u200c\u200d")
