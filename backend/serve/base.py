"""What the model server can be asked: a file and a registration per kind of request (Rule 4, docs/model-server.md)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, ConfigDict

from backend.jobs.events import Event, EventLog
from backend.jobs.job import Job
from backend.registry import Registry

if TYPE_CHECKING:
    from backend.serve.resident import Resident

Fields = dict[str, Any]
Send = Callable[[str, Fields], None]


class Talk:
    """What a request talks to while it works: progress, parts of its answer, and whether it is still wanted.

    Parameters
    ----------
    send : function
        Takes a message's type ("progress", "part") and its fields.

    Attributes
    ----------
    job : Job
        For code that wants one; its messages and progress are passed on.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self._in_background = self._others_wait = False
        self.job = Job(EventLog(None, "serve", (self._heard,)))

    def step(self, text: str, fraction: float | None = None) -> None:
        """Say what is being done, and how much of it is done (0 … 1) where that is known."""
        self._send("progress", {"text": text, "fraction": fraction})

    def part(self, **fields: Any) -> None:
        """Give out a part of the answer before the rest is there."""
        self._send("part", {"result": fields})

    def background(self) -> None:
        """Say that all that was asked for has been given out: what follows ends as soon as any request waits."""
        self._in_background = True
        if self._others_wait:
            self.stop()

    def give_way(self) -> None:
        """Another request waits; safe from any thread."""
        self._others_wait = True
        if self._in_background:
            self.stop()

    def check(self) -> None:
        """Raise Stopped if the request is no longer wanted; call it between steps."""
        self.job.check_stop()

    def stop(self) -> None:
        """Ask the request to end; safe from any thread."""
        self.job.request_stop()

    @property
    def unwanted(self) -> bool:
        return self.job.stop_requested()

    def _heard(self, event: Event) -> None:
        if event["type"] == "message":
            self.step(str(event["text"]))
        elif event["type"] == "progress" and event["total"]:
            self.step(str(event["unit"]), event["done"] / event["total"])


class Request(BaseModel, ABC):
    """One kind of request; its fields are the model's fields, checked when it arrives.

    Attributes
    ----------
    finishes : bool
        A request is overtaken by a newer one of its kind. One that waits is dropped. One that runs is asked to end,
        unless this is True: then its answer is still given.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    finishes: ClassVar[bool] = False

    @classmethod
    def why_not(cls, resident: Resident) -> str:
        """Why requests of this kind cannot be answered on this study, "" if they can; nothing heavy is loaded."""
        return ""

    @abstractmethod
    def run(self, resident: Resident, talk: Talk) -> Fields:
        """The answer, as JSON can hold it (NaN becomes null).

        Raises ArdError for whatever a person can act on, Stopped from `talk.check`.
        """


REQUESTS: Registry[type[Request]] = Registry(
    "requests",
    {
        "hello": "backend.serve.kinds.hello",
        "encode": "backend.serve.kinds.encode",
        "trace": "backend.serve.kinds.trace",
        "text": "backend.serve.kinds.text",
        "steer": "backend.serve.kinds.steer",
        "sweep": "backend.serve.kinds.sweep",
        "code": "backend.serve.kinds.code",
    },
)
