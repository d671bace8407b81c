"""What is looked at in the runs panel, kept for each study."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from ard_gui.state.event import Event
from ard_gui.state.metric_fold import CURVES


@dataclass
class RunsView:
    """Values that are kept.

    Attributes
    ----------
    run : str
        Id of the row that is looked at: a request's or a run's; "" for the one that goes on.
    tab : str
    curves : list of str
        Names of the numbers that are drawn.
    log_scale : bool
        For losses.
    level : str
        Lowest level of the log's lines that are shown.
    only_differences : bool
    """

    run: str = ""
    tab: str = "Progress"
    curves: tuple[str, ...] = CURVES[:4]
    log_scale: bool = False
    level: str = "DEBUG"
    only_differences: bool = False


class RunsChosen:
    """The present view of one window.

    Attributes
    ----------
    now : RunsView
    restored : Event
        Another study's has been put in place.
    row_changed : Event
        Another row is looked at, or it is in another state.
    """

    def __init__(self) -> None:
        self.now = RunsView()
        self.restored: Event[()] = Event()
        self.row_changed: Event[()] = Event()

    def plain(self) -> dict[str, Any]:
        return asdict(self.now) | {"curves": list(self.now.curves)}

    def restore(self, values: Mapping[str, Any]) -> None:
        """Take what was kept; what is missing or of another kind is as it is at first."""
        self.now = found = RunsView()
        for field in fields(RunsView):
            value, usual = values.get(field.name), getattr(found, field.name)
            if field.name == "curves":
                if isinstance(value, list) and all(isinstance(one, str) for one in value):
                    found.curves = tuple(value)
            elif type(value) is type(usual):
                setattr(found, field.name, value)
        self.restored.emit()
