"""What is to be shifted where: a source, a target, how it is asked about, and what is tried (A-52)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from backend.errors import ArdError
from backend.evaluate.judges.base import Scale
from backend.evaluate.sensitivity.features import Candidate
from backend.evaluate.sensitivity.items import Item

ANY = "*"
"""As a source: every label but the target."""
DIRECTION = re.compile(r"\s*(.+?)\s*(?:→|->)\s*(.+?)\s*")


@dataclass(frozen=True)
class Goal:
    """One direction pair.

    Attributes
    ----------
    name : str
    column : str
        Label of the clips that says what they are.
    source, target : str
        Of `scale`'s labels; the source may be `ANY`.
    prompts : tuple of str
        One is drawn for each clip; none: the clips' own questions.
    candidates : tuple of Candidate
        Tried on the selection part.
    """

    name: str
    column: str
    source: str
    target: str
    scale: Scale
    prompts: tuple[str, ...]
    candidates: tuple[Candidate, ...]

    def label(self, item: Item) -> str:
        """What a clip is, merged labels as what they count as; "" if it has no label."""
        return self.scale.merged(item.label(self.column))

    def sources(self, items: Iterable[Item]) -> list[Item]:
        """The clips whose label is the source."""
        return [one for one in items if self._is_source(self.label(one))]

    def targets(self, items: Iterable[Item]) -> list[Item]:
        """The clips whose label is the target."""
        return [one for one in items if self.label(one) == self.scale.merged(self.target)]

    def _is_source(self, label: str) -> bool:
        if self.source == ANY:
            return label not in ("", self.scale.merged(self.target))
        return label == self.scale.merged(self.source)


def direction(text: str) -> tuple[str, str]:
    """(source, target) of "animal→speech", "animal->speech" or "speech", whose source is any other label.

    Raises ArdError where both are the same.
    """
    match = DIRECTION.fullmatch(text)
    source, target = (match[1], match[2]) if match else (ANY, text.strip())
    if source == target or not target or target == ANY:
        raise ArdError(f"'{text}' is no direction", todo='Write "source->target", or the target alone.')
    return source, target
