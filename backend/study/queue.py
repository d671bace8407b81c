"""What a study is asked to run: `runs/queue/<id>.json`, one request each, worked off by `ard work` (design §2).

Windows and the command line add, reorder, pause and remove requests; the supervisor runs them in order. Whoever
changes one holds `runs/queue/.lock` for that moment. A request that finished or was cancelled leaves the queue; what
it did stays in its run's folder.
"""

from __future__ import annotations

import hmac
import math
import os
import secrets
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, get_args

from filelock import FileLock, Timeout

from backend.errors import ArdError
from backend.study.atomic import read_json, write_json
from backend.study.folder import Study
from backend.study.own_requests import mark
from backend.study.runnable import RUNNABLE, check_words

__all__ = ["RUNNABLE", "Request", "State", "add", "add_all", "cancel", "dismiss", "move", "pause", "requests", "resume",
           "retry"]  # fmt: skip

VERSION = 1
REQUEST_VARIABLE = "ARD_REQUEST"
"""Environment variable by which a job knows which request it answers."""
LOCK_SECONDS = 10.0
SUPERVISOR = "supervisor.json"
"""The file in the queue's folder in which whoever works it off says who it is."""
HELD = "it comes after "
"""How the text of a request begins that waits because an earlier one did not finish."""

State = Literal["waiting", "running", "pausing", "paused", "cancelling", "failed"]


@dataclass(frozen=True)
class Request:
    """One thing to run.

    Attributes
    ----------
    id : str
        Also the name of its file.
    order : float
        Requests run from the lowest to the highest.
    command, arguments : str, tuple of str
        `ard COMMAND STUDY ARGUMENTS…`.
    state : str
        waiting; running; pausing or cancelling (asked to stop, and it has not yet); paused; failed.
    after : tuple of str
        Requests that must have left the queue, finished, before this one runs.
    added : str
        ISO 8601, UTC.
    host : str
        Machine on which it was added or, later, resumed; it is started on no other.
    tries : int
        How often it has been started since then.
    run : str
        Id of its latest run; "" before that began.
    text : str
        Why it failed, is paused, or still waits.
    mark : str
        Shows that this user made it, here (`backend.study.own_requests`).
    """

    id: str
    order: float
    command: str
    arguments: tuple[str, ...] = ()
    state: State = "waiting"
    after: tuple[str, ...] = ()
    added: str = ""
    host: str = ""
    tries: int = 0
    run: str = ""
    text: str = ""
    mark: str = ""

    def words(self, study: Path) -> list[str]:
        """The words behind `ard`."""
        return [self.command, str(study), *self.arguments]


def folder(study: Study) -> Path:
    """Where the requests lie."""
    return study.runs / "queue"


def requests(study: Study) -> list[Request]:
    """All requests in the order in which they will run; files that are none are left out (`problems` names them)."""
    return sorted(_readable(study)[0], key=lambda one: (one.order, one.id))


def problems(study: Study) -> list[str]:
    """Why files of the queue cannot be used, a sentence each."""
    return _readable(study)[1]


def add(study: Study, command: str, arguments: Sequence[str] = (), after: Sequence[str] = ()) -> Request:
    """Put a request at the end of the queue.

    Raises ArdError for a command or an option that cannot be queued, for a request that is waiting or running already,
    and where the study cannot be written to.
    """
    return add_all(study, [(command, arguments)], after)[0]


def add_all(study: Study, steps: Sequence[tuple[str, Sequence[str]]], after: Sequence[str] = ()) -> list[Request]:
    """Put several requests at the end of the queue, each after the one before it: all, or none and an ArdError."""
    for command, arguments in steps:
        check_words(command, arguments)
    with changing(study):
        there = requests(study)
        for command, arguments in steps:
            _refuse_same(study, there, command, tuple(arguments))
        order = max((one.order for one in there), default=0.0)
        before = tuple(one for one in after if any(one == other.id for other in there))
        added: list[Request] = []
        for number, (command, arguments) in enumerate(steps, start=1):
            one = _new(command, tuple(arguments), before, order + number)
            added.append(write(study, _own(study, one)))
            before = (added[-1].id,)
    return added


def pause(study: Study, id_: str) -> Request:
    """Let a waiting request wait for `resume`; ask a running one to write a checkpoint and stop."""
    with changing(study):
        found = request(study, id_)
        if found.state == "running":
            ask_to_stop(study, found)
            return write(study, replace(found, state="pausing"))
        if found.state == "waiting":
            return write(study, replace(found, state="paused", text=""))
        return found


def resume(study: Study, id_: str) -> Request:
    """Let a paused request run again, from where it was."""
    return _again(study, id_, ("paused",), "resumed")


def retry(study: Study, id_: str) -> Request:
    """Let a failed request run again, with the study's settings as they are now."""
    return _again(study, id_, ("failed", "paused"), "tried again")


def cancel(study: Study, id_: str) -> None:
    """Take a request off the queue; a running one is stopped first. Everything finished so far is kept."""
    with changing(study):
        found = request(study, id_)
        if found.state in ("running", "pausing"):
            ask_to_stop(study, found)
            write(study, replace(found, state="cancelling"))
        elif found.state != "cancelling":
            remove(study, id_)
            hold_followers(study, found, "was cancelled")


def dismiss(study: Study, id_: str) -> None:
    """Take a failed or paused request off the queue; its run's folder stays. What comes after it is paused."""
    with changing(study):
        found = request(study, id_)
        if found.state not in ("failed", "paused", "waiting"):
            raise ArdError(f"a request that is {found.state} cannot be dismissed", todo="Cancel it.")
        remove(study, id_)
        hold_followers(study, found, "was taken off the queue")


def hold_followers(study: Study, before: Request, what: str) -> None:
    """Pause what waits for `before` to finish, which it will not; only inside `changing`."""
    text = f"{HELD}ard {before.command}, which {what}"
    for one in requests(study):
        if one.state == "waiting" and before.id in one.after:
            write(study, replace(one, state="paused", text=text))


def move(study: Study, id_: str, by: int) -> None:
    """Move a request `by` places towards the end of the queue (negative: towards its head)."""
    with changing(study):
        there = requests(study)
        place = next((at for at, one in enumerate(there) if one.id == id_), -1)
        if place < 0:
            raise gone(study, id_)
        moved = there.pop(place)
        there.insert(min(len(there), max(0, place + by)), moved)
        for order, one in enumerate(there, start=1):
            if one.order != order:
                write(study, replace(one, order=float(order)))


def request(study: Study, id_: str) -> Request:
    """The request as it is now; ArdError if it has left the queue."""
    found = next((one for one in requests(study) if one.id == id_), None)
    if found is None:
        raise gone(study, id_)
    return found


def gone(study: Study, id_: str) -> ArdError:
    """The message for a request that is no longer there."""
    return ArdError(f"the request {id_} is no longer in the queue", path=folder(study), todo="Look at the runs.")


def write(study: Study, value: Request) -> Request:
    """Replace a request's file; only inside `changing`."""
    write_json(folder(study) / f"{value.id}.json", {"version": VERSION, **asdict(value)})
    return value


def remove(study: Study, id_: str) -> None:
    """Remove a request's file; only inside `changing`."""
    (folder(study) / f"{id_}.json").unlink(missing_ok=True)


def ask_to_stop(study: Study, found: Request) -> None:
    """Write the `stop` file into the folder of a request's run, where there is one."""
    run = study.runs / found.run
    if found.run and run.is_dir() and not run.is_symlink():
        (run / "stop").touch()


@contextmanager
def changing(study: Study) -> Iterator[None]:
    """Hold the queue for a moment; ArdError if it cannot be written to."""
    with writable(study):
        lock = FileLock(folder(study) / ".lock", timeout=LOCK_SECONDS)
        try:
            lock.acquire()
        except Timeout as error:
            raise ArdError("the queue of this study is held by another program", path=folder(study)) from error
        try:
            yield
        finally:
            lock.release()


@contextmanager
def writable(study: Study) -> Iterator[None]:
    """See that the queue's folder is there, inside of the study; an error of the system becomes an ArdError."""
    try:
        folder(study).mkdir(parents=True, exist_ok=True)
        if not folder(study).resolve().is_relative_to(study.root.resolve()):
            raise ArdError("the queue of this study lies outside of it", path=folder(study), todo="Remove that link.")
        yield
    except (OSError, NotImplementedError) as error:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else error
        raise ArdError(
            f"this study cannot be written to: {reason}",
            path=study.root,
            todo="A study on a read-only disk can be looked at, and not computed with: copy it.",
        ) from error


def _again(study: Study, id_: str, states: Sequence[State], what: str) -> Request:
    with changing(study):
        found = request(study, id_)
        if found.state not in states:
            raise ArdError(f"a request that is {found.state} cannot be {what}")
        for one in requests(study):
            if one.state == "paused" and found.id in one.after and one.text.startswith(HELD):
                write(study, replace(one, state="waiting", text=""))
        return write(study, _own(study, replace(found, state="waiting", text="", tries=0)))


def _new(command: str, arguments: tuple[str, ...], after: tuple[str, ...], order: float) -> Request:
    now = datetime.now(UTC)
    return Request(
        id=f"{now:%Y%m%dT%H%M%S}{now.microsecond // 1000:03d}-{command}-{secrets.token_hex(2)}",
        order=order,
        command=command,
        arguments=arguments,
        after=after,
        added=now.isoformat(timespec="seconds"),
    )


def _own(study: Study, one: Request) -> Request:
    """The same request, as this user's on this machine."""
    told = mark(study.root, one.id, one.command, one.arguments)
    return replace(one, host=socket.gethostname(), mark=told)


def is_own(study: Study, one: Request) -> bool:
    """Whether this user made or resumed the request on this machine for this folder; no other is ever started."""
    told = mark(study.root, one.id, one.command, one.arguments)
    return one.host == socket.gethostname() and hmac.compare_digest(one.mark.encode(), told.encode())


def _refuse_same(study: Study, there: Sequence[Request], command: str, arguments: tuple[str, ...]) -> None:
    same = [one for one in there if (one.command, one.arguments) == (command, arguments)]
    if same:
        raise ArdError(
            f"the same is {same[0].state} already: {' '.join(('ard', command, *arguments))}",
            path=folder(study) / f"{same[0].id}.json",
            todo="Wait for it, resume it or retry it, or remove it from the queue first.",
        )


def _readable(study: Study) -> tuple[list[Request], list[str]]:
    found: list[Request] = []
    wrong: list[str] = []
    for path in sorted(folder(study).glob("*.json")):
        if path.name == SUPERVISOR or path.name.startswith("."):
            continue
        try:
            found.append(_request(path, read_json(path)))
        except FileNotFoundError:
            continue
        except (ArdError, TypeError, ValueError) as error:
            if path.exists():
                wrong.append(f"{path.name} in the queue cannot be used: {error}")
    return found, wrong


def _request(path: Path, values: Any) -> Request:
    """A file's request; ValueError or TypeError if it is none: the file may come from anywhere."""
    if not isinstance(values, dict) or values.get("version") != VERSION:
        raise ValueError("it is of another version")
    known = {one.name for one in fields(Request)}
    given = {name: value for name, value in values.items() if name in known}
    for name in ("arguments", "after"):
        if not isinstance(given.get(name, []), list) or not all(isinstance(one, str) for one in given.get(name, [])):
            raise ValueError(f"its {name} are not texts")
        given[name] = tuple(given.get(name, ()))
    one = Request(**given)
    texts = (one.id, one.command, one.added, one.host, one.run, one.text, one.mark)
    if not all(isinstance(text, str) for text in texts) or one.id != path.stem or one.state not in get_args(State):
        raise ValueError("it names another file or an unknown state")
    if type(one.order) not in (int, float) or not math.isfinite(one.order) or type(one.tries) is not int:
        raise ValueError("its order or its tries are no numbers")
    if one.run in (".", "..") or Path(one.run).name != one.run:
        raise ValueError("its run is none")
    check_words(one.command, one.arguments)
    return one
