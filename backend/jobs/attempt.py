"""One start of a request: its process, the run that it makes, whether they live, how they are stopped and ended.

The process leads a session of its own and writes its output into a file, never a pipe, so that it goes on when the
supervisor dies. `runs/queue/<id>.process` then tells the next supervisor which process it was.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil

from backend.errors import ArdError
from backend.jobs.output import Output
from backend.study import queue
from backend.study.atomic import read_json, write_json
from backend.study.folder import Study
from backend.study.launch import apart, command_line
from backend.study.liveness import Holder, identity
from backend.study.queue import Request
from backend.study.run_records import run_alive

SILENT_SECONDS = 60.0
"""A run on another machine whose events stand still for so long counts as over; it sends some every 2 s."""


@dataclass
class Attempt:
    """A started request.

    Attributes
    ----------
    process : Popen or None
        Its process, where this supervisor started it.
    child : Holder or None
        The record of that process; None where an earlier supervisor did not come to write it.
    before : frozenset of str
        Runs that were there before it began.
    run : str
        Id of its run; "" before that began.
    """

    study: Study
    id: str
    child: Holder | None = None
    process: subprocess.Popen[bytes] | None = None
    before: frozenset[str] = frozenset()
    run: str = ""
    _seen: set[str] = field(default_factory=set)
    _size: int = -1
    _grew: float = 0.0

    @classmethod
    def start(cls, study: Study, request: Request) -> Attempt:
        """Start the request's command; ArdError if that cannot be done."""
        words = command_line(study.root, request.command, request.arguments)
        one = cls(study, request.id, before=frozenset(_runs(study)))
        one._write()
        environment = {**os.environ, queue.REQUEST_VARIABLE: request.id}
        try:
            with one.output.opened() as out:
                one.process = subprocess.Popen(
                    words, cwd=study.root, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out, **apart()
                )
        except OSError as error:
            raise ArdError(f"the command could not be started: {error}", path=words[0]) from error
        one.child = identity(one.process.pid)
        with suppress(ArdError, OSError):  # it runs by now; without the record its run's own tells of it
            one._write()
        return one

    @classmethod
    def found(cls, study: Study, request: Request) -> Attempt:
        """The attempt that an earlier supervisor began, from what it wrote down."""
        one = cls(study, request.id)
        with suppress(ArdError, TypeError, ValueError, AttributeError):
            told = read_json(one._record)
            one.child = Holder.read(told.get("child"))
            one.before = frozenset(str(name) for name in told.get("before", ()))
        one.find_run()
        return one

    @property
    def output(self) -> Output:
        return Output(queue.folder(self.study) / f"{self.id}.out")

    @property
    def folder(self) -> Path | None:
        """The folder of its run; None before that began."""
        return self.study.runs / self.run if self.run else None

    @property
    def ended(self) -> bool:
        """Whether its run has a manifest: then it is over, whatever became of the process."""
        return self.folder is not None and (self.folder / "manifest.json").exists()

    def find_run(self) -> bool:
        """Look for its run among those that are new; True if it has just been found.

        A launcher that starts a run anew after a failure makes several; the latest counts.
        """
        for name in sorted(_runs(self.study) - self.before - self._seen):
            asked = self.study.runs / name / "request.json"
            if not asked.exists():
                continue  # it is just being made
            self._seen.add(name)
            with suppress(ArdError, AttributeError):
                if read_json(asked).get("request") == self.id:
                    self.run = name
                    return True
        return False

    def alive(self) -> bool | None:
        """Whether its process or its run goes on; None if only another machine can tell."""
        told = [self._child_alive()]
        if self.folder is not None and not self.ended:
            told.append(run_alive(self.study, self.folder))
        return True if True in told else None if None in told else False

    def silent(self) -> bool:
        """Whether the events of its run have stood still for long, by this machine's own clock."""
        size = -1
        if self.folder is not None:
            with suppress(OSError):
                size = (self.folder / "events.jsonl").stat().st_size
        now = time.monotonic()
        if size != self._size or not self._grew:
            self._size, self._grew = size, now
        return now - self._grew > SILENT_SECONDS

    def exit_status(self) -> int | None:
        """Exit status of its process, negative for a signal; None if it is not known."""
        return None if self.process is None else self.process.poll()

    def wait(self, seconds: float) -> None:
        """Wait for its process, at most so long."""
        if self.process is None or self.process.poll() is not None:
            time.sleep(seconds)
        else:
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(seconds)

    def ask(self) -> None:
        """Write the `stop` file of its run, once that is there."""
        if self.folder is not None and not (self.folder / "stop").exists():
            with suppress(OSError):
                (self.folder / "stop").touch()

    def terminate(self) -> None:
        """Ask the process itself to stop at once. Only where a process can be asked: Windows ends it (see `kill`)."""
        if os.name != "nt" and self.child is not None and self._child_alive():
            with suppress(OSError):
                os.kill(self.child.pid, signal.SIGTERM)

    def kill(self) -> None:
        """End the process, and all that it has started, at once."""
        for process in self._family():
            with suppress(psutil.Error):
                process.kill()

    def forget(self) -> None:
        """Remove what only an unfinished attempt leaves beside its request."""
        for path in (self._record, self.output.path):
            with suppress(OSError):
                path.unlink(missing_ok=True)

    def _family(self) -> list[psutil.Process]:
        roots = [self.child] if self.child is not None and self.child.alive else []
        if self.folder is not None and not self.ended and run_alive(self.study, self.folder):
            roots += [owner for owner in (_owner(self.study),) if owner is not None]
        found: dict[int, psutil.Process] = {}
        for root in roots:
            with suppress(psutil.Error):
                process = psutil.Process(root.pid)
                found |= {one.pid: one for one in (process, *process.children(recursive=True))}
        return list(found.values())

    def _child_alive(self) -> bool | None:
        if self.process is not None:
            return self.process.poll() is None
        return False if self.child is None else self.child.alive

    @property
    def _record(self) -> Path:
        return queue.folder(self.study) / f"{self.id}.process"

    def _write(self) -> None:
        child = None if self.child is None else asdict(self.child)
        write_json(self._record, {"child": child, "before": sorted(self.before)})


def _owner(study: Study) -> Holder | None:
    from backend.jobs.lock import holder

    return holder(study)


def _runs(study: Study) -> set[str]:
    with suppress(OSError), os.scandir(study.runs) as entries:
        return {entry.name for entry in entries if entry.name != "queue" and entry.is_dir(follow_symlinks=False)}
    return set()
