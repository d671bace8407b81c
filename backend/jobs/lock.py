"""One writer per study: an operating-system lock that dies with its process (design §2)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict

from filelock import FileLock, Timeout

from backend.errors import ArdError
from backend.study.atomic import write_json
from backend.study.folder import Study
from backend.study.liveness import Holder, read_holder, this_process

BUSY = "another program is writing to this study"
"""How the message begins that a second writer gets."""


@contextmanager
def write_lock(study: Study) -> Iterator[None]:
    """Hold the study's write lock, or ArdError saying who holds it."""
    lock = FileLock(study.lock)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        record = read_owner(study)
        who = f": process {record.pid} on {record.host}, since {record.since}" if record else ""
        raise ArdError(
            f"{BUSY}{who}",
            path=study.root,
            todo="Wait until it has finished, or stop it; reading and browsing are possible meanwhile.",
        ) from error
    except OSError as error:
        raise ArdError(f"this study cannot be written to: {error}", path=study.root) from error
    try:
        write_json(study.lock_owner, asdict(this_process()))
        yield
    finally:
        study.lock_owner.unlink(missing_ok=True)
        lock.release()


def read_owner(study: Study) -> Holder | None:
    """The last writer's record, whether or not it still runs; None if it left properly."""
    return read_holder(study.lock_owner)


def holder(study: Study) -> Holder | None:
    """Who writes to the study now, without touching the lock: a watcher must never be in a writer's way."""
    record = read_owner(study)
    return record if record is not None and record.alive is not False else None
