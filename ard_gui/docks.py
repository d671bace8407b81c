"""The panels of the window in one table: the feature page stands in the middle, everything else is a dock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from ard_gui.actions import Actions
from ard_gui.session import Session
from ard_gui.views.concepts import ConceptsView

Area = Qt.DockWidgetArea


@dataclass(frozen=True)
class Dock:
    """One panel.

    Attributes
    ----------
    id : str
        Object name, by which the layout is saved; never changes.
    title : str
    area : Qt.DockWidgetArea
        Where it stands at first.
    make : function
        Makes its view; called when the panel is shown for the first time.
    shown : bool
        Whether it is shown at first.
    keys : str
        Shortcut that shows or hides it.
    """

    id: str
    title: str
    area: Area
    make: Callable[[Session, Actions], QWidget]
    shown: bool = False
    keys: str = ""


def _lists(session: Session, actions: Actions) -> QWidget:
    from ard_gui.views.lists import ListsView

    return ListsView(session, actions)


def _map(session: Session, actions: Actions) -> QWidget:
    from ard_gui.views.map_view import MapView

    return MapView(session, actions)


# Panels that are hidden at first are imported when they are shown.
DOCKS: tuple[Dock, ...] = (
    Dock("concepts", "Concepts", Area.LeftDockWidgetArea, ConceptsView, shown=True, keys="Ctrl+Alt+1"),
    Dock("lists", "Lists", Area.RightDockWidgetArea, _lists, keys="Ctrl+Alt+3"),
    Dock("map", "Map", Area.RightDockWidgetArea, _map, keys="Ctrl+Alt+4"),
)
