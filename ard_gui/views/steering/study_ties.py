"""What services of the steering tabs are joined to: the open study, its model server, and where its sounds lie."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ard_gui.services.model_server import ModelServer
from ard_gui.services.steered_sound import place_of
from ard_gui.services.steering_answers import Place
from ard_gui.services.steering_places import Places
from ard_gui.session import Session
from backend.store.notes.steering import SteeredClip


class Asks(Protocol):
    """A service that asks a study's model server."""

    def open(self, server: ModelServer) -> None: ...

    def leave(self) -> None: ...


def places_of(session: Session) -> Places:
    """Finds sounds of the study that is open then."""

    def find(sound: SteeredClip) -> Callable[[], Place]:
        assert session.overview is not None
        study, roots = session.overview.study, dict(session.preferences.values.roots)
        return lambda: place_of(sound, study, roots)

    return Places(find, session.worker)


def follow_study(session: Session, service: Asks) -> None:
    """Tell a service of the study that is open, and of every one that will be."""

    def opened() -> None:
        if session.model_server is not None:
            service.open(session.model_server)

    session.study_opened.connect(opened)
    session.study_closing.connect(service.leave)
    session.closing.connect(service.leave)
    opened()
