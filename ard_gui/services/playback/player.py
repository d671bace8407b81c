"""What the views play with: one sound at a time, and where in it the listener is now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from PySide6.QtCore import QObject, QTimer, Signal

from ard_gui.services.playback.engine import Command
from ard_gui.services.playback.line import Line, Opener
from ard_gui.services.playback.loudness import gain_to
from ard_gui.services.playback.outputs import open_output
from ard_gui.services.playback.portaudio import Device
from ard_gui.services.playback.programme import Interval, Programme, Track, compose
from ard_gui.services.playback.sound import PreparedSounds, Sound
from ard_gui.services.playback.stretch import FASTEST, SLOWEST
from ard_gui.services.playback.worker import Worker

TICK_MS = 20


class Player(QObject):
    """Plays sounds. Every method returns at once; devices are opened and sounds prepared on other threads.

    All times are seconds of the original sound, whatever the speed. Loop, speed, volume, "only where active" and
    loudness matching stay as they are from one sound to the next; a region belongs to its sound.

    Signals
    -------
    changed()
        Playing or not, the sound, or a setting has changed.
    finished(key: str)
        The last of a sound has been heard (never in a loop).
    banner(message: str)
        What is wrong with the sound output, "" when all is well.
    failed(message: str)
    """

    changed = Signal()
    finished = Signal(str)
    banner = Signal(str)
    failed = Signal(str)

    def __init__(self, opener: Opener = open_output, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.playing = False
        self.sound: Sound | None = None
        self.region: Interval | None = None
        self.loop = False
        self.active_only = False
        self.speed = 1.0
        self.volume = 1.0
        self.muted = False
        self.match_loudness = True
        self.latency_offset = 0.0
        self._active: tuple[Interval, ...] | None = None
        self._number = 0
        self._track: Track | None = None
        self._made_for: tuple[str, int, float] | None = None
        """Key, rate and speed of `_track`."""
        self._command = Command()
        self._begin = 0.0
        """Where the present sound was last told to be."""
        self._goto: float | None = None
        """The same, until the engine has been told."""
        self._over = False
        self._ahead_of_time: tuple[Sound, ...] = ()
        self._prepared = PreparedSounds()
        self._worker = Worker("sound-preparing", self)
        self._preloader = Worker("sound-preloading", self)
        self._line = Line(opener, self)
        self._line.leaving.connect(self._leave)
        self._line.opened.connect(self._opened)
        self._line.banner.connect(self.banner)
        self._line.failed.connect(self.failed)
        self._line.listed.connect(self.changed)
        self._tick = QTimer(self)
        self._tick.setInterval(TICK_MS)
        self._tick.timeout.connect(self._look)

    @property
    def key(self) -> str:
        """The present sound's key, "" for none."""
        return "" if self.sound is None else self.sound.key

    @property
    def device(self) -> str:
        """Label of the device that was asked for, "" the system's default, "silent" none."""
        return self._line.wish

    @property
    def message(self) -> str:
        """What `banner` said last."""
        return self._line.message

    def position(self) -> float:
        """The second of the present sound that is heard now; where it was told to go until that is heard."""
        engine, output = self._line.engine, self._line.output
        if self._goto is not None or engine is None or output is None or self.sound is None:
            return self._begin
        now = output.clock() - round(self.latency_offset * engine.rate)
        jump, frame = engine.jumped
        if jump != self._command.jump or now < frame:
            return self._begin
        return min(engine.history.at(now).seconds, self.sound.seconds)

    def play(self, sound: Sound, start: float = 0.0, active: Sequence[Interval] | None = None) -> None:
        """Play a sound from `start` on; `active` are the intervals that "only where active" keeps, None for unknown."""
        if sound.key != self.key:
            self.region = None
        self._choose(sound, active)
        self._begin = self._goto = min(max(start, 0.0), sound.seconds)
        self.playing = True
        self._over = False
        self._obtain()
        self.changed.emit()

    def switch_to(self, sound: Sound, active: Sequence[Interval] | None = None) -> None:
        """Go on with another sound at the same second, by a crossfade; a sound that is shorter begins anew there."""
        if self.sound is None:
            self.play(sound, 0.0, active)
            return
        if self.region is not None and self.region[1] > sound.seconds:
            self.region = None
        self._choose(sound, active)
        self._over = False
        self._obtain(keep=True)
        self.changed.emit()

    def toggle(self) -> None:
        """Pause, or play on; what has come to its end begins anew."""
        if self.playing:
            self.pause()
        elif self.sound is not None:
            if self._over:
                self._begin = self._goto = self._first()
            self.playing = True
            self._over = False
            self._obtain()
            self.changed.emit()

    def pause(self) -> None:
        """Stop where it is."""
        self._rest()

    def stop(self) -> None:
        """Stop and go back to the beginning."""
        self._begin = self._goto = self._first()
        self._over = False
        self._rest()

    def seek(self, seconds: float) -> None:
        """Go to a second of the present sound, playing or not."""
        if self.sound is not None:
            self._begin = self._goto = min(max(seconds, 0.0), self.sound.seconds)
            self._over = False
            self._send()
            self.changed.emit()

    def set_loop(self, on: bool) -> None:
        """Whether the sound, or its region, is played again and again."""
        self.loop = on
        self._recompose()

    def set_region(self, region: Interval | None) -> None:
        """Play only from the first to the second moment of the present sound; None for all of it."""
        self.region = None if region is None else (min(region), max(region))
        self._recompose()

    def set_active_only(self, on: bool) -> None:
        """Whether only the active intervals of a sound are played, where they are known."""
        self.active_only = on
        self._recompose()

    def set_active(self, active: Sequence[Interval] | None) -> None:
        """Other active intervals for the present sound, e.g. those of another feature."""
        self._active = None if active is None else tuple(active)
        self._recompose()

    def set_speed(self, speed: float) -> None:
        """0.25 to 2 times, with the pitch kept; a value outside is brought to the nearest."""
        self.speed = min(max(speed, SLOWEST), FASTEST)
        if self.sound is not None:
            self._obtain(keep=True)
        self.preload(self._ahead_of_time)
        self.changed.emit()

    def set_volume(self, volume: float) -> None:
        """0 to 1; a value outside is brought to the nearest."""
        self.volume = min(max(volume, 0.0), 1.0)
        self._send()
        self.changed.emit()

    def set_mute(self, on: bool) -> None:
        """Whether nothing is heard; playing goes on."""
        self.muted = on
        self._send()
        self.changed.emit()

    def set_match_loudness(self, on: bool) -> None:
        """Whether every sound is brought to the same loudness, as far as it would not clip."""
        self.match_loudness = on
        self._recompose()

    def set_latency_offset(self, milliseconds: float) -> None:
        """How much later than the device says the sound is heard (wireless headphones); may be negative."""
        self.latency_offset = milliseconds / 1000
        self.changed.emit()

    def devices(self) -> tuple[Device, ...]:
        """The outputs found by the last scan; empty until the first sound was played or `rescan` called."""
        return self._line.devices

    def set_device(self, label: str) -> None:
        """Play through the device of this label from now on; "" the system's default, "silent" none."""
        self._line.choose(label)
        self.changed.emit()

    def rescan(self) -> None:
        """Look for devices again and open the wanted one; `changed` tells when the list is there."""
        self._line.open(self._line.wish, rescan=True)

    def preload(self, sounds: Sequence[Sound]) -> None:
        """Make these ready, first to last, so that they start at once; replaces what was asked before."""
        self._ahead_of_time = wanted = tuple(sounds)
        engine, speed = self._line.engine, self.speed
        if engine is None or not wanted:
            if wanted:
                self._line.ensure()
            return
        rate = engine.rate

        def work() -> None:
            for sound in wanted:
                if self._ahead_of_time is not wanted:
                    return
                self._prepared.prepare(sound, rate, speed)

        # a sound that cannot be made ready says so when it is played
        self._preloader.ask("preload", work, lambda _: None, lambda _: None)

    def close(self) -> None:
        """End all threads and give the device back."""
        self._tick.stop()
        self._ahead_of_time = ()
        for worker in (self._worker, self._preloader):
            worker.close()
        self._line.close()

    def _choose(self, sound: Sound, active: Sequence[Interval] | None) -> None:
        self.sound = sound
        self._active = None if active is None else tuple(active)
        self._number += 1

    def _first(self) -> float:
        return 0.0 if self.region is None else self.region[0]

    def _rest(self) -> None:
        self.playing = False
        self._tick.stop()
        self._send()
        self.changed.emit()

    def _obtain(self, keep: bool = False) -> None:
        """Get the present sound ready and play it; until then what plays is silenced unless it is to be kept."""
        sound, speed = self.sound, self.speed
        if self.playing:
            self._tick.start()
        if sound is None or self._line.engine is None:
            self._line.ensure()
            return
        rate = self._line.engine.rate
        track = self._prepared.find(sound, rate, speed)
        if track is not None:
            self._worker.forget("prepare")
            self._ready(track)
            return
        if not keep:
            self._tell(replace(self._command, playing=False))
        self._worker.ask("prepare", lambda: self._prepared.prepare(sound, rate, speed), self._ready, self._refused)

    def _ready(self, track: Track) -> None:
        self._track, self._made_for = track, (self.key, track.rate, track.speed)
        programme = self._programme(track)
        self._command = replace(self._command, programme=programme)
        if self.playing and not programme.pieces:
            self._nothing_to_play()
        self._send()

    def _refused(self, message: str) -> None:
        self.playing = False
        self._tick.stop()
        self.failed.emit(message)
        self.changed.emit()

    def _nothing_to_play(self) -> None:
        self.playing = False
        self._tick.stop()
        active = self.active_only and self._active is not None
        self.failed.emit(
            "Nothing to play: the feature is not active here." if active else "Nothing to play: the sound is empty."
        )
        self.changed.emit()

    def _programme(self, track: Track) -> Programme:
        return compose(
            track, self._number, region=self.region, active=self._active if self.active_only else None,
            loop=self.loop, gain=gain_to(track.loudness, track.peak) if self.match_loudness else 1.0,
        )  # fmt: skip

    def _recompose(self) -> None:
        """Play on by the present settings."""
        if self._track is not None and self._fits():
            self._ready(self._track)
        self.changed.emit()

    def _fits(self) -> bool:
        """Whether the track is that of the present sound: it may still be on its way."""
        engine = self._line.engine
        return engine is not None and self._made_for == (self.key, engine.rate, self.speed)

    def _send(self) -> None:
        """Tell the engine volume, playing and, if it is asked for, where to go."""
        command = replace(self._command, playing=self.playing, volume=0.0 if self.muted else self.volume)
        if self._goto is not None and self._fits():
            command = replace(command, jump=command.jump + 1, start=self._goto)
            self._goto = None
        elif self._goto is not None:
            command = replace(command, playing=False)
        self._tell(command)

    def _tell(self, command: Command) -> None:
        self._command = command
        if self._line.engine is not None:
            self._line.engine.command = command

    def _leave(self) -> None:
        """The engine is about to be exchanged: the new one is to go on here."""
        self._begin = self.position()
        self._goto = None if self.sound is None else self._begin

    def _opened(self, fresh: bool) -> None:
        """An output is there; `fresh` if it wanted another rate and so another engine."""
        if fresh:
            self._command = Command(jump=self._command.jump)
            self.preload(self._ahead_of_time)
            if self.sound is not None:
                self._obtain()
        self.changed.emit()

    def _look(self) -> None:
        """Twenty milliseconds have passed: has the sound ended, is the output still there?"""
        self._line.watch()
        engine, output = self._line.engine, self._line.output
        if engine is None or output is None or engine.ended is None or self._goto is not None or not self._fits():
            return
        command, frame = engine.ended
        same = command.jump == self._command.jump and command.programme is self._command.programme
        if same and output.clock() >= frame:
            self._over = True
            self._rest()
            self.finished.emit(self.key)
