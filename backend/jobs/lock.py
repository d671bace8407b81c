"""One writer per study: an operating-system lock that dies with its process (design §2)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from filelock import FileLock, Timeout

from backend.errors import ArdError
from backend.study.folder import Study
from backend.study.liveness import Holder, this_process


@contextmanager
def write_lock(study: Study) -> Iterator[None]:
    """Hold the study's write lock, or ArdError saying who holds it."""
    lock = FileLock(study.lock)
    owner = _owner_file(study)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        record = read_owner(study)
        who = f": process {record.pid} on {record.host}, since {record.since}" if record else ""
        raise ArdError(
            f"another program is writing to this study{who}",
            path=study.root,
            todo="Wait until it has finished, or stop it; reading and browsing are possible meanwhile.",
        ) from error
    except OSError as error:
        raise ArdError(f"this study cannot be written to: {error}", path=study.root) from error
    try:
        owner.write_text(json.dumps(asdict(this_process())), encoding="utf-8")
        yield
    finally:
        owner.unlink(missing_ok=True)
        lock.release()


def read_owner(study: Study) -> Holder | None:
    """The last writer's record, whether or not it still runs; None if it left properly."""
    try:
        return Holder(**json.loads(_owner_file(study).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def holder(study: Study) -> Holder | None:
    """Who writes to the study now, without touching the lock: a watcher must never be in a writer's way."""
    record = read_owner(study)
    return record if record is not None and record.alive is not False else None


def _owner_file(study: Study) -> Path:
    return study.lock.with_suffix(".owner.json")
