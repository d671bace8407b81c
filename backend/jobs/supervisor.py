"""`ard work`: one process per study works its queue off, one request at a time, and ends when nothing is left to do.

It holds `runs/queue/.supervisor.lock`, which the system releases when it dies. The commands it starts go on without it,
and the next supervisor follows them to their end. Everything it knows stands in the study's files.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace

from filelock import FileLock, Timeout

from backend.errors import ArdError
from backend.jobs.attempt import Attempt
from backend.jobs.lock import BUSY, holder
from backend.study import queue
from backend.study.atomic import remove_leftovers, write_json
from backend.study.folder import Study
from backend.study.liveness import this_process
from backend.study.queue import Request
from backend.study.run_records import read_run

POLL_SECONDS = 0.25
BUSY_SECONDS = 5.0
"""How long a request whose command met another writer waits before it is started again."""
TERMINATE_AFTER = {"pausing": 20.0, "cancelling": 5.0}
KILL_AFTER = {"pausing": 120.0, "cancelling": 20.0}
"""Seconds from the wish on; between the two stands a checkpoint, which is written before a run stops as asked."""
MOST_TRIES = 2
KILLED = "its process was killed, perhaps because memory ran out. Retry it: it continues where it was."
FOREIGN = (
    "it was queued on another machine ({}), by another user, or in another folder; resume it to run it on this one"
)
Say = Callable[[str], object]


def work(study: Study, say: Say = lambda text: None) -> bool:
    """Work off the queue; False if another supervisor does.

    `say` is told what happens, a line each. Raises ArdError where the study cannot be written to.
    """
    while True:
        with supervising(study) as ours:
            if not ours:
                return False
            _Supervisor(study, say).work()
        # one that was added meanwhile has met a lock that was still held
        if not ready(study):
            return True


@contextmanager
def supervising(study: Study) -> Iterator[bool]:
    """Hold the supervisor's lock and say who holds it; False inside if another process does."""
    lock = FileLock(queue.folder(study) / ".supervisor.lock")
    record = queue.folder(study) / queue.SUPERVISOR
    ours = True
    with queue.writable(study):
        try:
            lock.acquire(timeout=0)
        except Timeout:
            ours = False
    try:
        if ours:
            with queue.writable(study):
                write_json(record, asdict(this_process()))
        yield ours
    finally:
        if ours:
            with suppress(OSError):
                record.unlink(missing_ok=True)
            lock.release()


class _Supervisor:
    def __init__(self, study: Study, say: Say) -> None:
        self.study, self.say = study, say
        self._not_before = 0.0

    def work(self) -> None:
        with queue.changing(self.study):
            remove_leftovers(queue.folder(self.study))
        while True:
            found = self._next()
            if found is None:
                return
            if isinstance(found, Attempt):
                self._follow(found)
                self._settle(found)
            else:
                time.sleep(POLL_SECONDS)

    def _next(self) -> Attempt | Request | None:
        """What to follow next; the request itself while its turn has not come, None when there is nothing to do."""
        with queue.changing(self.study):
            self._hold()
            found = ready(self.study)
            if not found:
                return None
            request = found[0]
            if request.state != "waiting":
                self.say(f"{request.command}: followed, it is {request.state}")
                return Attempt.found(self.study, request)
            if self._must_wait(request):
                return request
            changed = replace(request, state="running", tries=request.tries + 1, run="", text="")
            started = queue.write(self.study, changed)
            self.say(f"{request.command}: started")
            try:
                return Attempt.start(self.study, started)
            except ArdError as error:
                return self._fail(started, str(error))

    def _hold(self) -> None:
        """Pause what must not run: what was not queued here by this user, and what comes after one that failed."""
        for one in queue.requests(self.study):
            if one.state == "failed":
                queue.hold_followers(self.study, one, "failed")
            elif one.state == "waiting" and not queue.is_own(self.study, one):
                queue.write(self.study, replace(one, state="paused", text=FOREIGN.format(one.host or "unknown")))

    def _must_wait(self, request: Request) -> bool:
        """Whether somebody else writes to the study; the request then says so."""
        other = holder(self.study)
        if other is None or not other.alive:
            # of a writer on another machine nothing is known: the command itself will meet its lock, or not
            return time.monotonic() < self._not_before
        text = f"it waits for process {other.pid} on {other.host}, which writes to this study since {other.since}"
        if request.text != text:
            self.say(f"{request.command}: {text}")
            queue.write(self.study, replace(request, text=text))
        return True

    def _follow(self, attempt: Attempt) -> None:
        """Until its process and its run have ended, or nothing is heard of them any more."""
        asked: dict[str, float] = {}
        done: set[str] = set()
        while True:
            self._find_run(attempt)
            alive = attempt.alive()
            if alive is False or (alive is None and (attempt.exit_status() == 0 or attempt.silent())):
                self._find_run(attempt)
                return
            attempt.wait(POLL_SECONDS)
            attempt.output.bound()
            state = self._state(attempt.id)
            if state in TERMINATE_AFTER:
                self._stop(attempt, state, time.monotonic() - asked.setdefault(state, time.monotonic()), done)

    def _find_run(self, attempt: Attempt) -> None:
        while attempt.find_run():
            with queue.changing(self.study), suppress(ArdError):
                queue.write(self.study, replace(queue.request(self.study, attempt.id), run=attempt.run))

    def _stop(self, attempt: Attempt, state: str, seconds: float, done: set[str]) -> None:
        """The `stop` file at once, then the signals, each when its time has come."""
        attempt.ask()
        if seconds >= TERMINATE_AFTER[state] and f"{state} terminate" not in done:
            done.add(f"{state} terminate")
            attempt.terminate()
        if seconds >= KILL_AFTER[state]:
            attempt.kill()

    def _state(self, id_: str) -> str:
        try:
            return queue.request(self.study, id_).state
        except ArdError:  # whoever took it off the queue has not asked for its run to stop
            return ""

    def _settle(self, attempt: Attempt) -> None:
        """Write down how it ended: the end decides, and the wish of the user where it was stopped or killed."""
        end, text = ending(attempt)
        with queue.changing(self.study):
            try:
                request = queue.request(self.study, attempt.id)
            except ArdError:
                attempt.forget()
                return
            self.say(f"{request.command}: {end}" + (f": {text}" if text else ""))
            if end == "finished" or request.state == "cancelling":
                queue.remove(self.study, request.id)
                attempt.forget()
                if end != "finished":
                    queue.hold_followers(self.study, request, "was cancelled")
            elif end == "failed" and not (request.state == "pausing" and attempt.folder is None):
                self._fail(request, text)
            elif request.state == "pausing":
                queue.write(self.study, replace(request, state="paused", text=""))
            elif end in ("stopped", "lost"):
                queue.write(self.study, replace(request, state="paused", text=text))
            elif end == "busy":
                self._not_before = time.monotonic() + BUSY_SECONDS
                queue.write(self.study, replace(request, state="waiting", tries=request.tries - 1, text=text))
            elif request.tries < MOST_TRIES:
                text = "its process was killed; it is tried once more and continues where it was"
                queue.write(self.study, replace(request, state="waiting", text=text))
            else:
                self._fail(request, KILLED)

    def _fail(self, request: Request, text: str) -> Request:
        failed = queue.write(self.study, replace(request, state="failed", text=text))
        queue.hold_followers(self.study, failed, "failed")
        return failed


def ending(attempt: Attempt) -> tuple[str, str]:
    """How an attempt ended, and why.

    finished, stopped or failed as its run's manifest says; without a manifest killed, or failed with what its process
    printed before it had a run; busy: it met another writer; lost: nothing is heard of it from its machine.
    """
    status, printed = attempt.exit_status(), attempt.output.tail()
    if attempt.ended:
        run = read_run(attempt.study, attempt.run)
        if run.state in ("finished", "stopped", "failed"):
            text = {"stopped": "it was stopped; resume it to go on"}.get(run.state, run.text)
            return run.state, "" if run.state == "finished" else text
        return "failed", "the record of its run is damaged"
    if status == 0:
        return "finished", ""
    if attempt.alive() is None:
        return "lost", "its machine is silent; look there whether it has ended, then resume it"
    if attempt.folder is not None or (status is not None and status < 0) or (status is None and not printed):
        return "killed", ""
    if BUSY in printed:
        return "busy", printed
    return "failed", printed or f"its process ended with status {status} and said nothing"


def ready(study: Study) -> list[Request]:
    """What goes on, then what may be started, in order: a request waits until those before it have left the queue."""
    there = queue.requests(study)
    left = {path.stem for path in queue.folder(study).glob("*.json")}  # one that cannot be read has not finished
    going_on = [one for one in there if one.state in ("running", "pausing", "cancelling")]
    return going_on + [one for one in there if one.state == "waiting" and not left.intersection(one.after)]
