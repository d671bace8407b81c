"""Reads the `metrics.jsonl` of a run's SAEs as they grow; on the watcher's thread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ard_gui.services.run_follow import parsed
from ard_gui.services.tail import Tail, paced
from ard_gui.state.metric_fold import Curve, MetricFold

PIECE = 1 << 20


@dataclass(frozen=True, eq=False)
class CurvesShown:
    """The curves of one run.

    Attributes
    ----------
    run : str
    curves : dict
        SAE id to name to Curve.
    behind : int
        Bytes that are still to be read.
    """

    run: str
    curves: dict[str, dict[str, Curve]] = field(default_factory=dict)
    behind: int = 0


class CurvesReading:
    """The metrics of several SAEs, one piece of each at a look."""

    def __init__(self, run: str, saes: Path) -> None:
        self.run, self._saes = run, saes
        self._read: dict[str, tuple[Tail, MetricFold]] = {}

    def look(self, wanted: Sequence[str]) -> bool:
        """Read on in the files of these SAEs; whether anything was new."""
        new = False
        for name in wanted:
            if Path(name).name != name:
                continue
            tail, fold = self._read.setdefault(name, (Tail(self._saes / name / "metrics.jsonl"), MetricFold()))
            if tail.replaced():
                fold, new = MetricFold(), True
                self._read[name] = tail, fold
            piece = tail.read(PIECE)
            new = new or bool(piece)
            for line in paced(piece.splitlines()):
                values = parsed(line)
                if values is not None:
                    fold.add(values)
        return new

    @property
    def behind(self) -> int:
        return sum(tail.behind for tail, _ in self._read.values())

    def shown(self) -> CurvesShown:
        return CurvesShown(self.run, {name: fold.curves() for name, (_, fold) in self._read.items()}, self.behind)
