"""Testing a sound that need not belong to the study: read and pictured here, encoded by the model server."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal

from ard_gui.services.clip_media import Media, read_media
from ard_gui.services.mel_pictures import MelPicture, detail
from ard_gui.services.model_server import ModelServer
from ard_gui.services.playback.recorder import Recorder
from ard_gui.services.playback.worker import Worker
from backend.errors import ArdError
from backend.store.clips import Clip
from backend.study.user_data import user_data

TOP = 32


@dataclass(frozen=True)
class FoundFeature:
    """One feature in the sound, as the model server tells it (docs/model-server.md).

    Attributes
    ----------
    feature : int
    score, mean, coverage, max : float
        The study's score (r), μ, c, and the largest value at a token.
    token : tuple of int
    value : tuple of float
        Its trace.
    """

    feature: int
    score: float
    mean: float
    coverage: float
    max: float
    token: tuple[int, ...]
    value: tuple[float, ...]

    @classmethod
    def of(cls, told: dict[str, Any]) -> FoundFeature:
        return cls(
            int(told["feature"]), float(told["score"]), float(told["mean"]), float(told["coverage"]),
            float(told["max"]), tuple(told["token"]), tuple(told["value"]),
        )  # fmt: skip


@dataclass(frozen=True)
class Encoded:
    """What the model server told of the sound.

    Attributes
    ----------
    sae : str
        Id of the ranking it was encoded under.
    score : str
        "r", "mean" or "coverage".
    duration, heard : float
        Seconds of the sound, and of what the model was given of it.
    seconds : tuple of (float, float)
        Start and end of each token; NaN for a position of text.
    active : int
        Features with a score above 0.
    features : tuple of FoundFeature
        The strongest first.
    error, usual_error : float
        Mean of ‖x−x̂‖²/‖x‖² in this sound and over the study's clips; NaN where there is none.
    """

    sae: str
    score: str
    duration: float
    heard: float
    seconds: tuple[tuple[float, float], ...]
    active: int
    features: tuple[FoundFeature, ...]
    error: float
    usual_error: float

    @classmethod
    def of(cls, told: dict[str, Any]) -> Encoded:
        nothing = float("nan")
        times = tuple((nothing if a is None else a, nothing if b is None else b) for a, b in told["seconds"])
        error, usual = (told[name].get("normalised_l2") for name in ("quality", "study_quality"))
        return cls(
            told["sae"], told["score"], told["duration"], sum(last - first for first, last in told["heard"]), times,
            told["active"], tuple(FoundFeature.of(one) for one in told["features"]),
            nothing if error is None else error, nothing if usual is None else usual,
        )  # fmt: skip


class SoundTest(QObject):
    """One sound at a time, under one ranking of the open study. For the window's thread; nothing here waits.

    Signals
    -------
    changed()
        Another sound, another ranking, or something of either has arrived.
    traced(FoundFeature)
        The feature that `ask_feature` asked for last.
    detail_ready(MelPicture)
    said(text: str, fraction: float)
        What is being done (the fraction is −1 where it is unknown); "" when nothing is.
    level(peak: float, seconds: float)
        Of a recording.
    recording_changed(on: bool)
    failed(message: str)

    Attributes
    ----------
    path : Path or None
        The sound.
    media : Media or None
        None until it has been read.
    encoded : Encoded or None
        None until it has been encoded.
    """

    changed = Signal()
    traced = Signal(object)
    detail_ready = Signal(object)
    said = Signal(str, float)
    level = Signal(float, float)
    recording_changed = Signal(bool)
    failed = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.path: Path | None = None
        self.media: Media | None = None
        self.encoded: Encoded | None = None
        self._server: ModelServer | None = None
        self._ranking = ""
        self._asked: dict[str, int] = {}
        self._refused_encoding = False
        self._worker: Worker | None = None
        self._recorder: Recorder | None = None

    def open(self, server: ModelServer) -> None:
        """Another study is open."""
        self.leave()
        self._server = server
        server.answered.connect(self._answered)
        server.failed.connect(self._refused)
        server.progressed.connect(self._progressed)

    def leave(self) -> None:
        """The study is closed; the sound stays for the next one."""
        self._server, self._ranking, self.encoded = None, "", None
        self._asked.clear()
        self.said.emit("", -1.0)
        self.changed.emit()

    def use_ranking(self, name: str) -> None:
        """Encode under this ranking from now on; its results may have changed."""
        self._ranking = name
        self._encode()

    def test(self, path: Path) -> None:
        """Look at the sound in this file, which is read and encoded anew."""
        self.path, self.media = path.absolute(), None
        file = self.path
        self._work().ask("read", lambda: read_sound(file), self._read, self._unreadable)
        self._encode()

    def ask_feature(self, feature: int) -> None:
        """What one feature does in the sound: `traced` follows."""
        if self.encoded is not None:
            self._ask("trace", features=[feature])

    def ask_detail(self, first: float, last: float, columns: int) -> None:
        """A finer picture of some seconds: `detail_ready` follows."""
        media = self.media
        if media is not None:

            def work() -> MelPicture:
                return detail(media.wave, media.rate, first, last, columns, media.picture.loudest)

            self._work().ask("detail", work, lambda found: self._detail(media, found), self.failed.emit)

    @property
    def recorder(self) -> Recorder:
        """Made when it is first wanted."""
        if self._recorder is None:
            self._recorder = Recorder(self)
            self._recorder.started.connect(lambda: self.recording_changed.emit(True))
            self._recorder.level.connect(self.level)
            self._recorder.saved.connect(self._recorded)
            self._recorder.failed.connect(self._not_recorded)
        return self._recorder

    @property
    def recording(self) -> bool:
        return self._recorder is not None and self._recorder.recording

    def record(self) -> None:
        """Record from the microphone until `stop_recording`; the take is then tested."""
        self.recorder.start(recordings() / f"{datetime.now():%Y-%m-%d %H.%M.%S}.wav")

    def stop_recording(self) -> None:
        if self._recorder is not None:
            self._recorder.stop()

    def close(self) -> None:
        """End its threads; the model server is its owner's."""
        self._server = None
        if self._worker is not None:
            self._worker.close()
        if self._recorder is not None:
            self._recorder.close()

    def _work(self) -> Worker:
        if self._worker is None:
            self._worker = Worker("sound-test", self)
        return self._worker

    def _encode(self) -> None:
        self.encoded, self._refused_encoding = None, False
        self._asked.clear()
        if self.path is not None and self._ranking:
            self._ask("encode", top=TOP)
        self.changed.emit()

    def _ask(self, do: str, **fields: Any) -> None:
        if self._server is not None:
            self._asked[do] = self._server.ask(do, path=str(self.path), sae=self._ranking, **fields)

    def _answered(self, id_: int, do: str, result: dict[str, Any]) -> None:
        if self._asked.get(do) != id_:
            return
        del self._asked[do]
        if do == "encode":
            self.encoded = Encoded.of(result)
            self.said.emit("", -1.0)
            self.changed.emit()
        else:
            self.traced.emit(FoundFeature.of(result["features"][0]))

    def _refused(self, id_: int, do: str, message: str) -> None:
        if self._asked.get(do) == id_:
            del self._asked[do]
            self._refused_encoding = do == "encode"
            self._fail(message)

    def _progressed(self, id_: int, text: str, fraction: float) -> None:
        if id_ in self._asked.values():
            self.said.emit(text, fraction)

    def _read(self, media: Media) -> None:
        self.media = media
        self.changed.emit()

    def _unreadable(self, message: str) -> None:
        # the model server says, or has said, the same of the file, unless no study is open
        if not self._asked and not self._refused_encoding:
            self._fail(message)

    def _detail(self, media: Media, found: MelPicture) -> None:
        if media is self.media:
            self.detail_ready.emit(found)

    def _recorded(self, path: str) -> None:
        self.recording_changed.emit(False)
        self.test(Path(path))

    def _not_recorded(self, message: str) -> None:
        self.recording_changed.emit(self.recording)
        self._fail(message)

    def _fail(self, message: str) -> None:
        self.said.emit("", -1.0)
        self.failed.emit(message)


def recordings() -> Path:
    """Where recordings are kept."""
    return user_data() / "recordings"


def read_sound(path: Path) -> Media:
    """Sound and picture of a file; ArdError if it cannot be decoded. A file written anew has another key."""
    from backend.audio.probe import probe_file  # loads libsndfile: not before there is a sound

    found = probe_file(path)
    if found.reason:
        raise ArdError(found.reason, path=path, todo="Choose another file.")
    clip = Clip(record=path.name, path=str(path), duration=found.duration, sample_rate=found.sample_rate)
    media = read_media(clip)
    assert media is not None
    return replace(media, key=f"{media.key}\n{path.stat().st_mtime_ns}")


def rows(
    encoded: Encoded, chosen: Sequence[FoundFeature], label: Callable[[int], str], colours: Sequence[str]
) -> list[tuple[str, str, list[float], list[float], list[float]]]:
    """Traces of the chosen features as `ClipCanvas.set_traces` takes them: label, colour, starts, ends, values."""
    return [
        (
            label(one.feature), colour, [encoded.seconds[t][0] for t in one.token],
            [encoded.seconds[t][1] for t in one.token], list(one.value),
        )
        for one, colour in zip(chosen, colours, strict=False)
    ]  # fmt: skip
