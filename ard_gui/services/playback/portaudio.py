"""The one door to sounddevice: imported when first needed, devices by name, streams counted.

Everything here may wait for drivers and is called from worker threads only.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from backend.errors import ArdError

_lock = threading.RLock()
_open: list[Any] = []


@dataclass(frozen=True)
class Device:
    """A sound device. `label` tells it from others and outlives replugging, which its index does not."""

    name: str
    host_api: str
    index: int
    rate: int
    channels: int
    is_default: bool

    @property
    def label(self) -> str:
        """E.g. "USB Audio, ALSA"."""
        return f"{self.name}, {self.host_api}"


def library() -> Any:
    """The sounddevice module; ArdError where it or PortAudio is missing."""
    try:
        with _lock:
            import sounddevice
    except ImportError as error:
        raise ArdError("the package sounddevice is not installed", todo="Install it with pip.") from error
    except Exception as error:
        # a missing library is an OSError, a sound system that does not start is sounddevice's own exception
        raise ArdError(
            f"PortAudio is not available: {error}", todo="On Debian and Ubuntu, install libportaudio2."
        ) from error
    return sounddevice


def devices(kind: str) -> list[Device]:
    """All devices with "output" or "input" channels, the default one first; ArdError without PortAudio."""
    sounddevice = library()
    try:
        with _lock:
            apis = sounddevice.query_hostapis()
            infos = list(sounddevice.query_devices())
            default = sounddevice.default.device["output" if kind == "output" else "input"]
    except sounddevice.PortAudioError as error:
        raise ArdError(f"the sound devices cannot be listed: {error}", todo="Scan for devices again.") from error
    found = [
        Device(
            str(info["name"]), str(apis[info["hostapi"]]["name"]), index, round(info["default_samplerate"]),
            int(info[f"max_{kind}_channels"]), index == default,
        )
        for index, info in enumerate(infos)
        if info[f"max_{kind}_channels"] > 0
    ]  # fmt: skip
    return sorted(found, key=lambda device: not device.is_default)


def find(label: str, kind: str) -> Device:
    """The device of this label, "" for the system's default; ArdError if it is not there."""
    present = devices(kind)
    if not present:
        raise ArdError(f"no sound {kind} was found", todo="Connect one and scan for devices again.")
    if not label:
        return present[0]
    for device in present:
        if device.label == label:
            return device
    raise ArdError(f"the sound {kind} {label!r} was not found", todo="Connect it and scan again, or choose another.")


def open_stream(make: Callable[[Any], Any]) -> Any:
    """Make and start a stream: `make` is given the sounddevice module; ArdError if the device refuses."""
    sounddevice = library()
    stream = None
    with _lock:
        try:
            stream = make(sounddevice)
            stream.start()
        except (sounddevice.PortAudioError, ValueError) as error:
            if stream is not None:
                stream.close(ignore_errors=True)
            raise ArdError(
                f"the sound device refuses: {error}", todo="Close other programs that use it, or choose another."
            ) from error
        _open.append(stream)
    return stream


def close_stream(stream: Any) -> None:
    """Stop a stream at once and give its device back; a device that is gone is no error."""
    with _lock:
        if stream in _open:
            _open.remove(stream)
            stream.abort(ignore_errors=True)
            stream.close(ignore_errors=True)


def rescan() -> None:
    """Have PortAudio look for devices again, which it does only when it starts.

    Raises
    ------
    ArdError
        While a stream is open: PortAudio would pull it away from under its user.
    """
    sounddevice = library()
    with _lock:
        if _open:
            raise ArdError("devices cannot be scanned while one is in use", todo="Stop the recording first.")
        try:
            # initialised as often as terminated, or PortAudio would only lower its count and keep the list
            sounddevice._terminate()
        finally:
            try:
                sounddevice._initialize()
            except sounddevice.PortAudioError as error:
                raise ArdError(f"PortAudio did not start again: {error}", todo="Start ARD again.") from error
