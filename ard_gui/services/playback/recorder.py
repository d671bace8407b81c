"""Recording a short sound from the microphone into a WAV file."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtCore import QObject, QTimer, Signal

from ard_gui.services.playback import portaudio
from ard_gui.services.playback.portaudio import Device
from ard_gui.services.playback.programme import Audio
from ard_gui.services.playback.worker import Worker
from backend.errors import ArdError

LONGEST_SECONDS = 60.0
METER_MS = 40


class Take:
    """What has been recorded so far; memory for the longest take is reserved beforehand.

    `write` is called by the input's callback, everything else by other threads.
    """

    def __init__(self, rate: int, longest: float = LONGEST_SECONDS) -> None:
        self.rate = rate
        self._samples: Audio = np.zeros(round(longest * rate), np.float32)
        self._count = 0
        self._loudest = 0.0
        self.broken_off = False
        """Set when the input ends by itself."""

    @property
    def seconds(self) -> float:
        """Recorded so far."""
        return self._count / self.rate

    @property
    def full(self) -> bool:
        """Whether the longest take has been reached."""
        return self._count == len(self._samples)

    @property
    def samples(self) -> Audio:
        """What was recorded, float32 [n], mono."""
        return self._samples[: self._count]

    def write(self, block: Audio) -> None:
        """Append a block, float32 [frames, channels] (their mean), as far as there is room."""
        count = min(len(block), len(self._samples) - self._count)
        room = self._samples[self._count : self._count + count]
        with np.errstate(all="ignore"):
            np.mean(block[:count], axis=1, out=room)
        # a driver's garbage must not make the file unreadable
        np.nan_to_num(room, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
        np.clip(room, -1.0, 1.0, out=room)
        if count:
            self._loudest = max(self._loudest, float(room.max()), -float(room.min()))
        self._count += count

    def break_off(self) -> None:
        """The input has ended."""
        self.broken_off = True

    def level(self) -> float:
        """Largest magnitude since the last call."""
        level, self._loudest = self._loudest, 0.0
        return level

    def save(self, path: Path) -> None:
        """Write 32-bit float WAV under a temporary name, then rename it; ArdError if that is not possible."""
        import soundfile  # loads libsndfile: not before something was recorded

        part = path.with_name(path.name + ".part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(part, self.samples, self.rate, format="WAV", subtype="FLOAT")
            os.replace(part, path)
        except (OSError, soundfile.LibsndfileError) as error:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            raise ArdError(
                f"the recording could not be saved: {error}", path=path, todo="Choose another folder."
            ) from error


class Recorder(QObject):
    """Records one take at a time; the device is opened and the file written on another thread.

    Signals
    -------
    started()
        The microphone is open.
    level(peak: float, seconds: float)
        Largest magnitude since the last time, and the length so far, 25 times a second.
    saved(path: str)
    failed(message: str)
    """

    started = Signal()
    level = Signal(float, float)
    saved = Signal(str)
    failed = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.recording = False
        self._path = Path()
        self._take: Take | None = None
        self._stream: Any = None
        """Written by the worker only, until it has ended."""
        self._worker = Worker("sound-recording", self)
        self._meter = QTimer(self)
        self._meter.setInterval(METER_MS)
        self._meter.timeout.connect(self._measure)

    def start(self, path: Path, label: str = "", longest: float = LONGEST_SECONDS) -> None:
        """Record from the input of this label ("" the default) until `stop`, at most `longest` seconds."""
        if not self.recording:
            self.recording, self._path = True, path
            self._worker.ask("record", lambda: self._open(label, longest), self._opened, self._refused)

    def stop(self) -> None:
        """End the take and save it; `saved` or `failed` follows."""
        if self.recording:
            self._end(save=True)

    def cancel(self) -> None:
        """End the take and forget it."""
        if self.recording:
            self._end(save=False)

    def close(self) -> None:
        """Give the microphone back and end the thread; a running take is forgotten."""
        self._meter.stop()
        self._worker.close()
        self._hang_up()

    def _end(self, *, save: bool) -> None:
        self.recording = False
        self._meter.stop()
        path = self._path

        def work() -> Path | None:
            self._hang_up()
            take, self._take = self._take, None
            if take is None or not save:
                return None
            if not len(take.samples):
                raise ArdError("nothing was recorded", todo="Check the microphone and record again.")
            take.save(path)
            return path

        # another kind than opening: a stop right after the start still finds the open microphone
        self._worker.ask("end", work, lambda saved: self.saved.emit(str(saved)) if saved else None, self.failed.emit)

    def _open(self, label: str, longest: float) -> None:
        device = portaudio.find(label, "input")
        take = Take(device.rate, longest)
        self._stream = portaudio.open_stream(lambda sounddevice: _input_stream(sounddevice, device, take))
        self._take = take

    def _hang_up(self) -> None:
        if self._stream is not None:
            portaudio.close_stream(self._stream)
            self._stream = None

    def _opened(self, _: None) -> None:
        if self.recording:
            self._meter.start()
            self.started.emit()

    def _refused(self, message: str) -> None:
        self.recording = False
        self.failed.emit(message)

    def _measure(self) -> None:
        take = self._take
        if take is not None and self.recording:
            self.level.emit(take.level(), take.seconds)
            if take.broken_off:
                self.failed.emit("The microphone was unplugged or stopped; what it recorded before is kept.")
            if take.full or take.broken_off:
                self.stop()


def _input_stream(sounddevice: Any, device: Device, take: Take) -> Any:
    return sounddevice.InputStream(
        samplerate=device.rate, device=device.index, channels=min(device.channels, 2), dtype="float32",
        callback=lambda block, *_: take.write(block), finished_callback=take.break_off,
    )  # fmt: skip
