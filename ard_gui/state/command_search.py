"""Find commands by typing a few of their letters; no Qt."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

NUMBER = re.compile(r"(?:f|feature|go to feature|#)?\s*(\d{1,9})", re.IGNORECASE)
WORD_START, RUN, WHOLE, GAP = 8.0, 5.0, 20.0, 0.3


def feature_number(typed: str) -> int | None:
    """The feature that "123", "#123", "f 123" or "feature 123" asks for; None if it is something else."""
    found = NUMBER.fullmatch(typed.strip())
    return None if found is None else int(found.group(1))


def match(typed: str, text: str) -> tuple[float, tuple[int, ...]] | None:
    """How well `typed` fits `text`, and the positions of its letters there; None if they do not occur in this order.

    Letters at the start of words and letters in a row count more; blanks in `typed` count nothing. A text that holds
    `typed` as it stands comes before all that do not.
    """
    wanted = [one for one in typed.casefold() if not one.isspace()]
    lower = text.casefold()
    if len(lower) != len(text):
        # A letter whose small form is two letters would shift the positions.
        lower = text.lower() if len(text.lower()) == len(text) else text
    if not wanted:
        return 0.0, ()
    whole = lower.find(typed.casefold().strip())
    if whole >= 0:
        start = WORD_START if _starts_word(lower, whole) else 0.0
        length = len(typed.strip())
        return WHOLE + start + RUN * length - GAP * len(text) / 10, tuple(range(whole, whole + length))
    return _best(wanted, lower)


def _best(wanted: Sequence[str], text: str) -> tuple[float, tuple[int, ...]] | None:
    """The best way to find the letters of `wanted` in this order: one table of letters by positions."""
    rows: list[dict[int, tuple[float, tuple[int, ...]]]] = []
    for number, letter in enumerate(wanted):
        row: dict[int, tuple[float, tuple[int, ...]]] = {}
        for place, found in enumerate(text):
            if found != letter:
                continue
            own = 1.0 + (WORD_START if _starts_word(text, place) else 0.0)
            if number == 0:
                row[place] = (own - GAP * place / 10, (place,))
                continue
            before = [
                (score + (RUN if end == place - 1 else -GAP * (place - end) / 10), places)
                for end, (score, places) in rows[-1].items()
                if end < place
            ]
            if before:
                score, places = max(before)
                row[place] = (score + own, (*places, place))
        if not row:
            return None
        rows.append(row)
    return max(rows[-1].values())


def _starts_word(text: str, place: int) -> bool:
    return place == 0 or not text[place - 1].isalnum()


def ranked(
    typed: str, commands: Iterable[tuple[str, str, str]], recent: Sequence[str]
) -> list[tuple[str, tuple[int, ...]]]:
    """Ids of the (id, group, text) triples that fit, the best first, with the positions of the letters in group + text.

    What fits the text alone comes before what needs the group's name. Among equals, and where nothing is typed, those
    used last come first, the others in their order.
    """
    place = {id_: number for number, id_ in enumerate(recent)}
    found = []
    for order, (id_, group, text) in enumerate(commands):
        hit, shift = match(typed, text), len(group)
        if hit is None:
            hit, shift = match(typed, group + text), 0
        if hit is not None:
            places = tuple(one + shift for one in hit[1])
            found.append((shift == 0, -hit[0], place.get(id_, len(place)), order, id_, places))
    return [(id_, places) for *_, id_, places in sorted(found)]
