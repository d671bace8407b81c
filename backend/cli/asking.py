"""Questions to the model server's own code, answered in this process."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from backend.serve.base import Request
    from backend.serve.resident import Resident
    from backend.study.folder import Study


@contextmanager
def resident_of(place: Study) -> Iterator[Resident]:
    """The study's models, let go at the end."""
    from backend.serve.resident import Resident

    found = Resident.open(place.root)
    try:
        yield found
    finally:
        found.close()


def ask(resident: Resident, request: Request) -> dict[str, Any]:
    """The answer; what is being done is said on stderr where that is a terminal."""
    from backend.serve.base import Talk

    def say(type_: str, fields: dict[str, Any]) -> None:
        if type_ == "progress" and sys.stderr.isatty():
            print(f"{fields['text']} …", file=sys.stderr)

    return request.run(resident, Talk(say))
