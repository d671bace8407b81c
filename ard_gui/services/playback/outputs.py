"""Where the engine's samples go: a sound device, or a clock that pulls them in real time and lets nobody hear."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np

from ard_gui.services.playback import portaudio
from ard_gui.services.playback.engine import Engine
from ard_gui.services.playback.portaudio import Device
from ard_gui.services.playback.programme import Audio
from backend.errors import ArdError

SILENT = "silent"
"""The label that asks for no device."""
SILENT_RATE = 48_000
SILENT_BLOCK_SECONDS = 0.01
LATE_SECONDS = 0.5
"""A silent clock that could not work for so long (a machine asleep) goes on from where it was."""

STALE_SECONDS = 2.0
"""A device that has asked for no samples for so long is taken as gone: some systems report nothing."""
PLAUSIBLE_SECONDS = 5.0


class Output(Protocol):
    """What the player needs of an output.

    Attributes
    ----------
    rate : int
        Frames per second it takes.
    name : str
    is_silent : bool
    reason : str
        Why it is silent; "" if a device plays or silence was asked for.
    """

    rate: int
    name: str
    is_silent: bool
    reason: str

    def start(self, engine: Engine) -> None:
        """Pull the engine from now on; ArdError if the device refuses."""

    def close(self) -> None:
        """Stop pulling the engine at once."""

    def clock(self) -> int:
        """The engine's frame that is heard now, at most what was written; never goes back."""

    def lost(self) -> str:
        """Why the output has stopped by itself, "" while it works. One that says so pulls the engine no more."""


class SilentOutput:
    """A thread that pulls the engine at the pace of the system's clock."""

    is_silent = True

    def __init__(self, rate: int = SILENT_RATE, reason: str = "") -> None:
        self.rate, self.reason = rate, reason
        self.name = "silent"
        self._engine: Engine | None = None
        self._base = 0
        self._origin = 0.0
        self._heard = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="silent-output", daemon=True)

    def start(self, engine: Engine) -> None:
        """Pull the engine from now on."""
        self._engine, self._base, self._origin = engine, engine.written, time.perf_counter()
        self._thread.start()

    def close(self) -> None:
        """End the thread."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def clock(self) -> int:
        """As `Output.clock`."""
        if self._engine is not None:
            self._heard = max(self._heard, min(self._due(), self._engine.written))
        return self._heard

    def lost(self) -> str:
        """Never: there is nothing to lose."""
        return ""

    def take(self, block: Audio) -> None:
        """Where a heir may look at what would be heard, float32 [frames, 1]."""

    def _due(self) -> int:
        return self._base + int((time.perf_counter() - self._origin) * self.rate)

    def _serve(self) -> None:
        engine = self._engine
        assert engine is not None
        block: Audio = np.zeros((round(SILENT_BLOCK_SECONDS * self.rate), 1), np.float32)
        while not self._stop.wait(SILENT_BLOCK_SECONDS / 2):
            missing = self._due() - engine.written
            if missing > LATE_SECONDS * self.rate:
                self._origin += missing / self.rate
            # one block ahead, so that the clock never has to wait for what it says is heard
            while engine.written < self._due() + len(block) and not self._stop.is_set():
                engine.render(block)
                self.take(block)


class _Anchor(NamedTuple):
    """An engine frame, the moment it is heard at, and whether that moment is on the stream's clock or the system's."""

    frame: int
    moment: float
    on_stream: bool
    called: float


def output_stream(device: Device, channels: int, callback: Callable[..., None], finished: Callable[[], None]) -> Any:
    """A running sounddevice stream; ArdError if the device refuses."""
    return portaudio.open_stream(
        lambda sounddevice: sounddevice.OutputStream(
            samplerate=device.rate, device=device.index, channels=channels, dtype="float32", latency="high",
            callback=callback, finished_callback=finished,
        )
    )  # fmt: skip


class DeviceOutput:
    """A sound device through PortAudio.

    Parameters
    ----------
    open_stream : callable
        Opens and starts the stream, as `output_stream`.
    """

    is_silent = False
    reason = ""

    def __init__(self, device: Device, open_stream: Callable[..., Any] = output_stream) -> None:
        self.rate, self.name = device.rate, device.label
        self._device, self._open_stream = device, open_stream
        self._engine: Engine | None = None
        self._stream: Any = None
        self._anchor = _Anchor(0, 0.0, False, 0.0)
        self._latency = 0.0
        self._heard = 0
        self._finished = False
        self._closed = False
        self._lost = ""

    def start(self, engine: Engine) -> None:
        """Open the device; ArdError if it refuses."""
        self._engine, self._heard = engine, engine.written
        now = time.perf_counter()
        self._anchor = _Anchor(engine.written, now + PLAUSIBLE_SECONDS, False, now)
        self._stream = self._open_stream(self._device, min(self._device.channels, 2), self._callback, self._ended)
        self._latency = float(self._stream.latency)

    def close(self) -> None:
        """Stop at once; what the device still holds is not played."""
        self._closed = True
        self._engine = None
        if self._stream is not None:
            portaudio.close_stream(self._stream)

    def clock(self) -> int:
        """As `Output.clock`; by the device's own statement of when a buffer is heard, or by its latency."""
        engine, anchor = self._engine, self._anchor
        if engine is not None and not self._finished:
            try:
                now = self._stream.time if anchor.on_stream else time.perf_counter()
            except Exception:
                # the device went away between two callbacks; `lost` will say so
                return self._heard
            heard = anchor.frame + int((now - anchor.moment) * self.rate)
            self._heard = max(self._heard, min(heard, engine.written))
        return self._heard

    def lost(self) -> str:
        """As `Output.lost`."""
        if self._closed or self._engine is None:
            return self._lost
        if self._finished:
            self._lost = f"{self.name} was unplugged or stopped"
        elif time.perf_counter() - self._anchor.called > STALE_SECONDS:
            self._lost = f"{self.name} has stopped asking for sound"
        if self._lost:
            self._engine = None
        return self._lost

    def _callback(self, out: Audio, frames: int, moments: Any, status: Any) -> None:
        engine = self._engine
        if engine is None:
            out.fill(0.0)
            return
        called, heard = time.perf_counter(), moments.outputBufferDacTime
        ahead = heard - moments.currentTime
        if heard > 0 and moments.currentTime > 0 and 0 < ahead < PLAUSIBLE_SECONDS:
            self._anchor = _Anchor(engine.written, heard, True, called)
        else:
            # some systems leave the moment at zero or give the present one: then the latency must do
            self._anchor = _Anchor(engine.written, called + self._latency, False, called)
        engine.render(out)

    def _ended(self) -> None:
        self._finished = True


def open_output(label: str, engine: Engine | None) -> tuple[Output, Engine]:
    """A started output for a device's label ("" the default, "silent" none) and the engine it pulls.

    `engine` is kept where its rate fits. Where the device cannot be had, a silent output with the reason.
    """
    if label == SILENT:
        return silent_output("", engine)
    try:
        output: Output = DeviceOutput(portaudio.find(label, "output"))
        fitting = engine if engine is not None and engine.rate == output.rate else Engine(output.rate)
        output.start(fitting)
    except ArdError as error:
        return silent_output(str(error), engine)
    return output, fitting


def silent_output(reason: str, engine: Engine | None) -> tuple[Output, Engine]:
    """A started silent output; `engine` is kept."""
    fitting = engine or Engine(SILENT_RATE)
    output = SilentOutput(fitting.rate, reason)
    output.start(fitting)
    return output, fitting
