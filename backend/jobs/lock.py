"""One writer per study: an operating-system lock that dies with its process (design §2)."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from filelock import FileLock, Timeout

from backend.errors import ArdError
from backend.study.folder import Study


@contextmanager
def write_lock(study: Study) -> Iterator[None]:
    """Hold the study's write lock, or ArdError saying who holds it."""
    lock = FileLock(study.lock)
    owner = study.lock.with_suffix(".owner.json")
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise ArdError(
            f"another program is writing to this study{_holder(owner)}",
            path=study.root,
            todo="Wait until it has finished, or stop it; reading and browsing are possible meanwhile.",
        ) from error
    except OSError as error:
        raise ArdError(f"this study cannot be written to: {error}", path=study.root) from error
    try:
        record = {"pid": os.getpid(), "host": socket.gethostname(), "since": datetime.now(UTC).isoformat()}
        owner.write_text(json.dumps(record), encoding="utf-8")
        yield
    finally:
        owner.unlink(missing_ok=True)
        lock.release()


def _holder(owner: os.PathLike[str]) -> str:
    try:
        with open(owner, encoding="utf-8") as handle:
            record = json.load(handle)
        return f": process {record['pid']} on {record['host']}, since {record['since']}"
    except (OSError, ValueError, KeyError):
        return ""
