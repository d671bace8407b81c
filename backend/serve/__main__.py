"""`python -P -m backend.serve STUDY`: the model server (docs/model-server.md)."""

from __future__ import annotations

import os
import sys
from typing import IO

from backend.errors import ArdError
from backend.jobs.stdout import keep_stdout_for_protocol
from backend.serve.protocol import Replies


def main(arguments: list[str]) -> int:
    """Serve until stdin closes; exit status 1 if the study cannot be opened."""
    replies = Replies(keep_stdout_for_protocol())
    lines = keep_stdin_for_protocol()
    try:
        if len(arguments) != 1:
            raise ArdError("name one study", todo="Use: python -P -m backend.serve STUDY")
        from backend.serve.resident import Resident
        from backend.serve.server import Server

        resident = Resident.open(arguments[0])
    except ArdError as error:
        replies.error(None, "", error)
        return 1
    Server(resident, lines, replies).serve()
    return 0


def keep_stdin_for_protocol() -> IO[bytes]:
    """A stream on the present stdin, which itself then is empty: no library and no child may read requests."""
    stream = os.fdopen(os.dup(0), "rb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    return stream


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
