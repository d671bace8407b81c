"""Asks the model server for the code of one token as sliders move: the last wish wins, and nothing here waits."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QObject, Signal

from ard_gui.services.model_server import ModelServer
from ard_gui.services.steering_answers import Key, Place, Request
from ard_gui.services.steering_places import Places
from ard_gui.state.steering import Setup
from ard_gui.state.steering_code import TokenCode

FIELDS = (
    "path", "member", "start", "end", "sae", "prompt", "overrides", "mode", "positions", "decode", "add_error",
)  # fmt: skip


class CodeAnswers(QObject):
    """The code of one token under the present overrides.

    One request is with the server at a time; while it is, newer wishes only replace the one that waits.

    Signals
    -------
    changed()

    Attributes
    ----------
    code : TokenCode or None
        What was answered last.
    present : bool
        Whether it belongs to what was asked for last.
    doing, problem : str
        What is being done; why the last question has no answer.
    """

    changed = Signal()

    def __init__(self, places: Places) -> None:
        super().__init__()
        self.code: TokenCode | None = None
        self.present, self.doing, self.problem = False, "", ""
        self._places = places
        self._server: ModelServer | None = None
        self._wish: tuple[Request, int] | None = None
        self._sent: tuple[Key, int] | None = None
        self._shown: tuple[Key, int] | None = None
        self._id = 0

    def open(self, server: ModelServer) -> None:
        """Another study is open."""
        self.leave()
        self._server = server
        server.answered.connect(self._done)
        server.failed.connect(self._failed)
        server.dropped.connect(self._dropped)
        server.progressed.connect(self._progressed)

    def leave(self) -> None:
        """The study is closed."""
        self._server = None
        self.forget()

    def forget(self) -> None:
        """Other results are valid: nothing that was said before counts."""
        self._places.forget()
        self.code, self._wish, self._sent, self._shown, self._id = None, None, None, None, 0
        self.present, self.doing, self.problem = False, "", ""
        self.changed.emit()

    def ask(self, setup: Setup, sae: str, position: int) -> None:
        """Ask for the code of an audio position under a setup that has a sound."""
        assert setup.sound is not None
        self.problem = ""
        if self._places.known(setup.sound) is None:
            self.present, self.doing = False, "looking for the sound"
            self.changed.emit()
        self._places.ask(setup.sound, lambda place: self._want(place, setup, sae, position), self._refuse)

    def _want(self, place: Place, setup: Setup, sae: str, position: int) -> None:
        self._wish = (Request(place, setup, sae), position)
        self.present = self._shown == self._key(self._wish)
        if self.present and not self._id:
            self._wish, self.doing = None, ""
        self.changed.emit()
        self._pump()

    def _key(self, wish: tuple[Request, int]) -> tuple[Key, int]:
        return wish[0].key("steered"), wish[1]

    def _pump(self) -> None:
        if self._wish is None or self._id or self._server is None:
            return
        request, position = self._wish
        self._sent, self._wish, self._id = self._key(self._wish), None, -1
        self.doing = "asking the model"
        fields = request.fields(())
        asked = self._server.ask("code", **{name: fields[name] for name in FIELDS}, position=position)
        if self._id == -1:
            self._id = asked
        self.changed.emit()

    def _done(self, id_: int, do: str, told: dict[str, Any]) -> None:
        if id_ == self._id and do == "code":
            self.code, self._shown, self._id = TokenCode.of(told), self._sent, 0
            self.present, self.doing, self.problem = self._wish is None, "", ""
            self.changed.emit()
            self._pump()

    def _failed(self, id_: int, do: str, message: str) -> None:
        if do == "code" and self._id and (id_ == self._id or self._id == -1):
            self._id = 0
            if self._wish is None:
                self._refuse(message)
            else:
                self._pump()

    def _dropped(self, id_: int, do: str) -> None:
        if id_ == self._id and do == "code":
            self._id, self.doing = 0, ""
            self._pump()
            self.changed.emit()

    def _progressed(self, id_: int, text: str, fraction: float) -> None:
        if id_ == self._id:
            self.doing = f"{text} {fraction:.0%}" if fraction >= 0 else text
            self.changed.emit()

    def _refuse(self, message: str) -> None:
        self.doing, self.problem, self.present = "", message, False
        self.changed.emit()
