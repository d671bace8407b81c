"""Which results of the study are stale: `ard status --json` in a process of its own (for the watcher's thread)."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from typing import IO, Any

from backend.study.folder import Study

LONGEST = 2000
STATUS = (sys.executable, "-P", "-m", "backend.cli.main", "status")


class StaleResults:
    """Asked anew when `study.toml` is another one, and when a run has ended.

    Attributes
    ----------
    stale : tuple of str
        "train: encoder.3-…" each.
    problem : str
        Why nothing is known; "" where it is.
    """

    def __init__(self, study: Study) -> None:
        self._study = study
        self.stale: tuple[str, ...] = ()
        self.problem = ""
        self._seen: tuple[int, int] | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._answer: IO[bytes] | None = None
        self._errors: IO[bytes] | None = None

    def look(self, *, again: bool = False) -> bool:
        """Ask where it is time to, and hear the answer; whether there was one.

        Parameters
        ----------
        again : bool
            Whether something has happened that can have changed the answer.
        """
        try:
            status = self._study.toml.stat()
        except OSError:
            return False
        stamp = (status.st_ino, status.st_mtime_ns)
        if self._child is not None and self._child.poll() is not None:
            self._hear(self._child.returncode)
            return True
        if self._child is None and (again or stamp != self._seen):
            self._seen = stamp
            self._ask()
        elif again:
            self._seen = None
        return False

    def close(self) -> None:
        """End the process that is asked."""
        if self._child is not None:
            self._child.kill()
            self._child.wait()
        self._forget()

    def _ask(self) -> None:
        # not through pipes: nobody reads them before it has ended
        self._answer, self._errors = (tempfile.TemporaryFile() for _ in range(2))  # noqa: SIM115
        try:
            words = [*STATUS, str(self._study.root), "--json"]
            self._child = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=self._answer, stderr=self._errors, cwd=self._study.root
            )  # fmt: skip
        except OSError as error:
            self.problem = str(error)
            self._forget()

    def _hear(self, status: int) -> None:
        assert self._answer is not None
        assert self._errors is not None
        for file in (self._answer, self._errors):
            file.seek(0)
        try:
            found = json.loads(self._answer.read()) if status == 0 else {}
            self.stale = tuple(_told(one) for one in found.get("products", ()) if one["state"] == "stale")
            self.problem = ""
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            self.problem = f"ard status: {error}"
        if status != 0:
            said = self._errors.read(LONGEST).decode("utf-8", errors="replace").strip()
            self.problem = said.removeprefix("ard: ") or f"ard status ended with status {status}"
        self._forget()

    def _forget(self) -> None:
        for file in (self._answer, self._errors):
            if file is not None:
                file.close()
        self._child = self._answer = self._errors = None


def _told(product: dict[str, Any]) -> str:
    return f"{product['stage']}: {product['name']}"
