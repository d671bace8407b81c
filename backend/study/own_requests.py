"""Which requests of a queue this user made on this machine for this very folder.

A queue travels with its study, and a machine's name can be guessed; so a request carries a mark that only who has the
key in this user's data directory can make. A study from elsewhere, or a copy of one's own, starts nothing.
"""

from __future__ import annotations

import hmac
import json
import os
import secrets
import socket
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from filelock import FileLock

from backend.study.user_data import user_data

KEY_BYTES = 32


def mark(root: Path, id_: str, command: str, arguments: Sequence[str]) -> str:
    """The mark of one request; "" where the user's data directory cannot be written to."""
    key = _key()
    if not key:
        return ""
    told = json.dumps([str(root.resolve()), socket.gethostname(), id_, command, list(arguments)])
    return hmac.new(key, told.encode(), "sha256").hexdigest()


def _key() -> bytes:
    """The user's key, made when it is first needed."""
    path = user_data() / "queue.key"
    with suppress(OSError):
        return path.read_bytes()
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_suffix(".lock")):
            if not path.exists():
                new = path.with_suffix(".new")
                new.unlink(missing_ok=True)
                handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)  # nobody else is to read it
                os.write(handle, secrets.token_hex(KEY_BYTES).encode())
                os.close(handle)
                new.rename(path)
        return path.read_bytes()
    return b""
