"""The panels of the window in one table: the feature page stands in the middle, everything else is a dock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

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
    size : int
        Width at first, or height at the bottom, in pixels.
    keys : str
        Shortcut that shows or hides it.
    """

    id: str
    title: str
    area: Area
    make: Callable[[Session, Actions], QWidget]
    shown: bool = False
    keys: str = ""
    size: int = 420

    @property
    def across(self) -> Qt.Orientation:
        """The direction in which it has its size."""
        low = self.area in (Area.BottomDockWidgetArea, Area.TopDockWidgetArea)
        return Qt.Orientation.Vertical if low else Qt.Orientation.Horizontal


def _later(module: str, view: str) -> Callable[[Session, Actions], QWidget]:
    """Makes a view of `ard_gui.views.<module>`, which is imported then: the window starts without it."""

    def make(session: Session, actions: Actions) -> QWidget:
        found: QWidget = getattr(import_module(f"ard_gui.views.{module}"), view)(session, actions)
        return found

    return make


DOCKS: tuple[Dock, ...] = (
    Dock("concepts", "Concepts", Area.LeftDockWidgetArea, ConceptsView, shown=True, keys="Ctrl+Alt+1", size=470),
    Dock(
        "steering",
        "Steering",
        Area.RightDockWidgetArea,
        _later("steering.panel", "SteeringPanel"),
        keys="Ctrl+Alt+2",
        size=470,
    ),
    Dock("lists", "Lists", Area.RightDockWidgetArea, _later("lists", "ListsView"), keys="Ctrl+Alt+3"),
    Dock("map", "Map", Area.RightDockWidgetArea, _later("map_view", "MapView"), keys="Ctrl+Alt+4"),
    Dock(
        "test_sound", "Test a sound", Area.RightDockWidgetArea, _later("test_sound", "SoundTestView"), keys="Ctrl+Alt+5"
    ),
    Dock("rating", "Rating", Area.RightDockWidgetArea, _later("rating", "RatingView"), keys="Ctrl+Alt+6"),
    Dock("runs", "Runs", Area.BottomDockWidgetArea, _later("runs.panel", "RunsPanel"), keys="Ctrl+Alt+7", size=290),
    Dock(
        "steerability",
        "Steerability",
        Area.RightDockWidgetArea,
        _later("steering.profile", "SteerabilityProfile"),
        keys="Ctrl+Alt+8",
    ),
    Dock(
        "compare",
        "Compare",
        Area.RightDockWidgetArea,
        _later("comparison.view", "ComparisonView"),
        keys="Ctrl+Alt+9",
        size=520,
    ),
)
