"""The lines that pass between the model server and whoever started it (docs/model-server.md)."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from typing import IO, Any

from pydantic import ValidationError

from backend.errors import ArdError
from backend.export.json_values import finite
from backend.serve.base import REQUESTS, Fields, Request

VERSION = 1
CANCEL = "cancel"


class NobodyListensError(Exception):
    """The other end of the pipe is gone."""


class Replies:
    """Writes messages, one JSON object a line; any thread may send."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def send(self, id_: Any, do: str, type_: str, **fields: Any) -> None:
        """Write one message; NobodyListensError if nobody reads any more."""
        message = {"v": VERSION, "id": id_, "do": do, "type": type_, **fields}
        line = json.dumps(finite(message), ensure_ascii=False, allow_nan=False, default=str)
        try:
            with self._lock:
                self._stream.write(line + "\n")
                self._stream.flush()
        except (OSError, ValueError) as error:
            raise NobodyListensError(str(error)) from error

    def error(self, id_: Any, do: str, error: ArdError, *, unexpected: bool = False) -> None:
        """Say what went wrong, where, and what to do."""
        self.send(id_, do, "error", **error_fields(error, unexpected=unexpected))


def error_fields(error: ArdError, *, unexpected: bool = False) -> Fields:
    """The fields of an "error" message."""
    return {"what": error.what, "path": error.path, "todo": error.todo, "unexpected": unexpected}


def unforeseen(error: BaseException) -> ArdError:
    """The message for a fault that nobody foresaw."""
    return ArdError(f"unexpected error: {type(error).__name__}: {error}", todo="The whole report is in the log.")


@dataclass(frozen=True)
class Asked:
    """One request as it came.

    Attributes
    ----------
    id : anything JSON has
        Chosen by the client; every message about the request repeats it.
    do : str
        Its kind.
    request : Request or None
        None for "cancel".
    of : anything JSON has
        The request that "cancel" speaks of.
    """

    id: Any
    do: str
    request: Request | None = None
    of: Any = None


class MisunderstoodError(Exception):
    """A line that is no request; carries what could be read of it, and the error to answer with."""

    def __init__(self, id_: Any, do: str, error: ArdError, *, unexpected: bool = False) -> None:
        super().__init__(str(error))
        self.id, self.do, self.error, self.unexpected = id_, do, error, unexpected


def parse(line: bytes) -> Asked:
    """The request in one line; MisunderstoodError if it is none."""
    try:
        found = json.loads(line)
    except ValueError as error:
        raise MisunderstoodError(None, "", ArdError(f"a line is not JSON: {error}")) from error
    if not isinstance(found, dict) or not isinstance(found.get("do"), str):
        raise MisunderstoodError(None, "", ArdError('a request is an object with "id" and "do"'))
    id_, do = found.pop("id", None), found.pop("do")
    if do == CANCEL:
        return Asked(id_, do, of=found.get("of"))
    try:
        return Asked(id_, do, REQUESTS.get(do).model_validate(found))
    except ArdError as error:
        raise MisunderstoodError(id_, do, error) from error
    except ValidationError as error:
        raise MisunderstoodError(id_, do, ArdError(_explained(do, error))) from error
    except Exception as error:
        # a kind from another package may fail as it is imported
        raise MisunderstoodError(id_, do, unforeseen(error), unexpected=True) from error


def _explained(do: str, error: ValidationError) -> str:
    """What is wrong with the fields, each with its reason."""
    wrong = (f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
    return f"the request '{do}' cannot be used: {'; '.join(wrong)}"
