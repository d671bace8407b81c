"""What a queued command printed: a file beside its request, kept small while the command goes on writing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

MOST_BYTES = 1 << 20
KEPT_BYTES = 64 * 1024
TAIL_BYTES = 4000


@dataclass(frozen=True)
class Output:
    """The file `runs/queue/<id>.out`."""

    path: Path

    @contextmanager
    def opened(self) -> Iterator[int]:
        """A new, empty file to append to. Whatever lies there is replaced, never written through: it may be a link."""
        self.path.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        handle = os.open(self.path, flags, 0o666)
        try:
            yield handle
        finally:
            os.close(handle)

    def bound(self) -> None:
        """Cut the file down to its end where it has grown large; the writer goes on behind that."""
        with suppress(OSError):
            if self.path.is_symlink() or self.path.stat().st_size <= MOST_BYTES:
                return
            with open(self.path, "r+b") as handle:
                handle.seek(-KEPT_BYTES, os.SEEK_END)
                kept = handle.read()
                handle.truncate(0)
            with open(self.path, "ab") as handle:
                handle.write(kept)

    def tail(self) -> str:
        """The last lines, from the command's own message on where there is one; "" if nothing was printed."""
        try:
            if self.path.is_symlink():
                return ""
            with open(self.path, "rb") as handle:
                handle.seek(0, os.SEEK_END)
                handle.seek(max(0, handle.tell() - TAIL_BYTES))
                text = handle.read().decode("utf-8", "replace").strip()
        except OSError:
            return ""
        message = text.rfind("\nard: ") if "\nard: " in text else 0 if text.startswith("ard: ") else -1
        return text if message < 0 else text[message:].strip().removeprefix("ard: ")
