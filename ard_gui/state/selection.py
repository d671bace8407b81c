"""What is chosen: one feature, perhaps several in the table, one clip; and where the person has been."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ard_gui.state.event import Event

LONGEST_HISTORY = 500
NONE = -1


@dataclass(frozen=True)
class Kept:
    """What `Selection.put_back` restores."""

    feature: int
    features: tuple[int, ...]
    clip: int
    clip_key: str
    visits: tuple[int, ...]
    place: int


class Selection:
    """The chosen feature, features and clip of one window.

    Attributes
    ----------
    feature : int
        The feature whose page is shown; −1 for none.
    features : tuple of int
        Everything that is marked in the table; holds `feature` unless it is empty.
    clip : int
        Clip table row of the chosen clip; −1 for none.
    clip_key : str
        What its judgements are kept under (`backend.store.clip_key`); "" for none.
    feature_changed : Event[int]
    features_changed : Event[tuple of int]
    clip_changed : Event[int]
    """

    def __init__(self) -> None:
        self.feature, self.clip = NONE, NONE
        self.clip_key = ""
        self.features: tuple[int, ...] = ()
        self.feature_changed: Event[int] = Event()
        self.features_changed: Event[tuple[int, ...]] = Event()
        self.clip_changed: Event[int] = Event()
        self._visits: list[int] = []
        self._place = -1
        self._stepping = False

    def choose(self, feature: int, *, step: bool = False) -> None:
        """Show `feature`. A run of steps (↓ ↓ ↓) counts as one visit, that of its last feature."""
        if feature == self.feature:
            return
        if step and self._stepping and self._visits:
            self._visits[self._place] = feature
        else:
            self._visits = [*self._visits[: self._place + 1], feature][-LONGEST_HISTORY:]
            self._place = len(self._visits) - 1
        self._stepping = step
        self._show(feature)

    def choose_several(self, features: Sequence[int]) -> None:
        """Mark `features`, which leaves the shown one as it is."""
        found = tuple(features)
        if found != self.features:
            self.features = found
            self.features_changed.emit(found)

    def choose_clip(self, clip: int, key: str = "") -> None:
        if clip != self.clip:
            self.clip, self.clip_key = clip, key
            self.clip_changed.emit(clip)

    def clear(self) -> None:
        """Forget everything: another study or SAE is shown."""
        self._visits, self._place, self._stepping = [], -1, False
        self.choose_clip(NONE)
        self.choose_several(())
        if self.feature != NONE:
            self._show(NONE)

    def keep(self) -> Kept:
        """What is chosen and visited, for `put_back`."""
        return Kept(self.feature, self.features, self.clip, self.clip_key, tuple(self._visits), self._place)

    def put_back(self, kept: Kept) -> None:
        """Choose what was chosen, whatever was chosen and visited meanwhile."""
        self._visits, self._place, self._stepping = list(kept.visits), kept.place, False
        if kept.feature != self.feature:
            self._show(kept.feature)
        self.choose_several(kept.features)
        self.choose_clip(kept.clip, kept.clip_key)

    @property
    def can_go_back(self) -> bool:
        return self._place > 0

    @property
    def can_go_forward(self) -> bool:
        return self._place < len(self._visits) - 1

    def back(self) -> None:
        """The feature visited before, if there is one."""
        self._go(-1)

    def forward(self) -> None:
        self._go(1)

    def _go(self, by: int) -> None:
        if 0 <= self._place + by < len(self._visits):
            self._place += by
            self._stepping = False
            self._show(self._visits[self._place])

    def _show(self, feature: int) -> None:
        self.feature = feature
        self.feature_changed.emit(feature)
