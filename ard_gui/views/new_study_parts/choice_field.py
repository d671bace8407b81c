"""A line of names, with a menu of those that are known and how many clips each has."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtGui import QAction, QMouseEvent
from PySide6.QtWidgets import QMenu

from ard_gui.state.sound_sources import joined, split_line
from ard_gui.views.new_study_parts.menu_line import MenuLine


class StayingMenu(QMenu):
    """Stays open while entries are checked, so that several can be."""

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        action = self.activeAction()
        if action is not None and action.isCheckable() and action.isEnabled():
            action.trigger()
        else:
            super().mouseReleaseEvent(event)


class ChoiceField(MenuLine):
    """Names with ";" between them; empty for all.

    Signals
    -------
    edited()
        The person has changed the names.

    Parameters
    ----------
    grouped : bool
        Whether names are "label=value": then the menu has one part for each label.
    """

    def __init__(self, name: str, *, grouped: bool = False) -> None:
        told = (
            "label=value; values of one label are alternatives, several labels must all hold. Empty for all."
            if grouped else "Names with ; between them. Empty for all."
        )  # fmt: skip
        super().__init__(name, name, "all", told)
        self._grouped = grouped
        self._known: dict[str, int] = {}
        self.menu.aboutToShow.connect(self.fill_menu)
        self.set_known({})

    def make_menu(self) -> QMenu:
        return StayingMenu(self)

    def names(self) -> list[str]:
        return split_line(self.line.text())

    def set_names(self, names: list[str]) -> None:
        """Show these, without a signal."""
        if names != self.names():
            self.line.setText(joined(names))

    def set_known(self, known: Mapping[str, int]) -> None:
        """What the menu offers: name to clips."""
        self._known = dict(known)
        self.button.setEnabled(bool(known))
        self.button.setToolTip("" if known else "Nothing to choose from is known.")

    def fill_menu(self) -> None:
        """Make the menu anew: the names as they are known now, those in the line checked."""
        self.menu.clear()
        parts: dict[str, QMenu] = {}
        chosen = set(self.names())
        for name, count in self._known.items():
            label, _, value = name.partition("=") if self._grouped else ("", "", name)
            if label and label not in parts:
                parts[label] = StayingMenu(_shown(label), self.menu)
                self.menu.addMenu(parts[label])
            action = QAction(f"{_shown(value)} ({count:,})", self.menu)
            action.setCheckable(True)
            action.setChecked(name in chosen)
            action.setData(name)
            action.toggled.connect(lambda on, name=name: self._set(name, on))
            (parts[label] if label else self.menu).addAction(action)
        for label, part in parts.items():
            number = sum(one.isChecked() for one in part.actions())
            part.setTitle(f"{_shown(label)} ({number} chosen)" if number else _shown(label))

    def _set(self, name: str, on: bool) -> None:
        names = [one for one in self.names() if one != name] + ([name] if on else [])
        self.line.setText(joined(names))
        self.edited.emit()


def _shown(text: str) -> str:
    """Text of a data set as a menu's entry: "&" would be a shortcut there, and it may be long."""
    short = text if len(text) <= 60 else f"{text[:59]}…"
    return short.replace("&", "&&")
