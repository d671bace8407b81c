"""One look after the other at the queue and the runs of a study; what the watcher's thread does, without Qt."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ard_gui.services.run_curves import CurvesReading, CurvesShown
from ard_gui.services.run_follow import EventsFollow
from ard_gui.services.run_listing import RunListing
from ard_gui.services.run_log import LogPiece, LogReading
from ard_gui.services.stale_results import StaleResults
from ard_gui.state.runs import GOING_ON, RunShown, RunsShown, Wanted
from backend.study.folder import Study

MOST_FOLLOWED = 6


class StudyLook:
    """What was there at the last look at one study.

    Parameters
    ----------
    tell_log : function
        Called with each LogPiece of the log that is looked at.

    Attributes
    ----------
    shown : RunsShown
    ended : list of RunShown
        Runs that went on at the look before, and no longer do; whoever tells of them empties the list.
    curves : CurvesShown or None
        New since whoever draws them set it to None.
    """

    def __init__(self, study: Study, tell_log: Callable[[LogPiece], object]) -> None:
        self.study = study
        self.shown = RunsShown()
        self.ended: list[RunShown] = []
        self.curves: CurvesShown | None = None
        self.log: LogReading | None = None
        self._tell_log = tell_log
        self._listing = RunListing(study)
        self._stale = StaleResults(study)
        self._followed: dict[str, EventsFollow] = {}
        self._rich: dict[str, tuple[RunShown, RunShown]] = {}
        self._going: dict[str, RunShown] = {}
        self._curves: CurvesReading | None = None

    def again(self, wanted: Wanted) -> bool:
        """Look again; whether more can be read at once."""
        rows = self._listing.look()
        new = self._follow(rows, wanted.run)
        rows = [self._enriched(row, row.run in new) for row in rows]
        over = self._over(rows)
        if wanted.stale:
            self._stale.look(again=bool(over))
        problems = self._listing.problems + ((self._stale.problem,) if self._stale.problem else ())
        self.shown = RunsShown(
            tuple(rows), self._listing.supervisor(), problems, self._stale.stale, self._listing.writable()
        )
        self._read_curves(wanted)
        self._read_log(wanted)
        return any(one.behind for one in self._followed.values()) or bool(self._curves and self._curves.behind)

    def close(self) -> None:
        self._stale.close()

    @property
    def busy(self) -> bool:
        """Whether something goes on, so that looking often is worth it."""
        return bool(self._going)

    def _follow(self, rows: list[RunShown], chosen: str) -> set[str]:
        """Read on in the events of the runs that go on and of the chosen one; ids of those with news."""
        wanted = [chosen] if any(row.run == chosen and chosen for row in rows) else []
        wanted += [row.run for row in rows if row.state in GOING_ON and row.run and row.run != chosen]
        # the last words of one that has just ended are still to be read
        wanted += [run for run in self._going if run not in wanted]
        kept = {run: self._followed.get(run) for run in wanted[:MOST_FOLLOWED]}
        self._followed = {run: one or EventsFollow(self.study.runs / run / "events.jsonl") for run, one in kept.items()}
        return {run for run, one in self._followed.items() if one.look()}

    def _enriched(self, row: RunShown, new: bool) -> RunShown:
        """The row with what its events say, the same object as before where nothing is new."""
        follow = self._followed.get(row.run) if row.run else None
        if follow is None:
            self._rich.pop(row.run, None)
            return row
        before = self._rich.get(row.run)
        if before is not None and before[0] == row and not new:
            return before[1]
        found = _with_events(row, follow)
        self._rich[row.run] = row, found
        return found

    def _over(self, rows: list[RunShown]) -> list[RunShown]:
        """Runs that have ended since the last look."""
        now = {row.run: row for row in rows if row.run and row.state in GOING_ON}
        by_run = {row.run: row for row in rows if row.run in self._going and row.run not in now}
        over = list(by_run.values())
        self.ended += over
        self._going = now
        return over

    def _read_curves(self, wanted: Wanted) -> None:
        row = self.shown.row(wanted.run)
        if not wanted.curves or row is None or not row.run:
            return
        if self._curves is None or self._curves.run != row.run:
            self._curves = CurvesReading(row.run, self.study.root / "saes")
            self.curves = self._curves.shown()
        saes = tuple(one for one in row.saes if not wanted.saes or one in wanted.saes)
        if self._curves.look(saes):
            self.curves = self._curves.shown()

    def _read_log(self, wanted: Wanted) -> None:
        if not wanted.log or not wanted.run:
            self.log = None
            return
        if self.log is None or self.log.run != wanted.run:
            self.log = LogReading(wanted.run, self.study.runs / wanted.run / "log.txt", self._tell_log)
        self.log.look()


def _with_events(row: RunShown, follow: EventsFollow) -> RunShown:
    newest, going_on = follow.newest, row.state in GOING_ON
    command = str(follow.fold.first.get("command", "")) if going_on else ""
    stages = follow.stages(command)
    if not going_on:
        stages = tuple(replace(one, state="ended") if one.state == "running" else one for one in stages)
    found = replace(
        row, stages=stages or row.stages, messages=follow.messages(), saes=follow.saes(), behind=follow.behind,
        host=str(follow.fold.first.get("host", "")), started=row.started or str(follow.fold.first.get("time", "")),
        seconds=row.seconds if row.seconds and not going_on else newest.seconds,
    )  # fmt: skip
    if not going_on:
        most = follow.fold.most_memory_bytes, follow.fold.most_device_bytes
        found = replace(found, memory_bytes=max(row.memory_bytes, most[0]), device_bytes=max(row.device_bytes, most[1]))
    else:
        found = replace(
            found, memory_bytes=newest.memory_bytes, device_bytes=newest.device_bytes, cpu_percent=newest.cpu_percent
        )
    return found
