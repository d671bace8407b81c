"""The one exception whose text is written for the person at the keyboard."""

from __future__ import annotations

from pathlib import Path


class ArdError(Exception):
    """Something a person can act on.

    Parameters
    ----------
    what : str
        What happened, as a sentence without a final full stop.
    path : Path or str, optional
        The file or folder concerned.
    todo : str, optional
        What to do about it, as an imperative sentence.
    """

    def __init__(self, what: str, *, path: Path | str | None = None, todo: str | None = None) -> None:
        self.what = what
        self.path = None if path is None else str(path)
        self.todo = todo
        super().__init__(str(self))

    def __str__(self) -> str:
        where = f" ({self.path})" if self.path and self.path not in self.what else ""
        advice = f" {self.todo}" if self.todo else ""
        return f"{self.what}{where}.{advice}"


class Stopped(ArdError):
    """The user asked a job to stop; everything finished so far is kept."""
