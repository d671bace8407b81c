"""The mixing core. The output's callback calls `Engine.render`; everything it copies from was prepared elsewhere.

The callback takes no lock, emits nothing and creates no array data: it copies slices, multiplies in place and
writes into scratch arrays made beforehand. Commands reach it as one immutable object in one attribute.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ard_gui.services.playback.history import History
from ard_gui.services.playback.programme import FADE_SECONDS, Audio, Programme, rise

BLOCK = 2048
"""Frames rendered at once; a longer request is rendered in several blocks."""

VOLUME_SECONDS = 0.01


@dataclass(frozen=True)
class Command:
    """What the engine should be doing.

    Attributes
    ----------
    programme : Programme or None
        Exchanged for another one, playing goes on at the same second of the sound.
    jump : int
        A number that differs from the last command's asks to go to `start`; otherwise the place is kept.
    start : float
        Seconds of the original sound.
    playing : bool
    volume : float
        0 to 1.
    """

    programme: Programme | None = None
    jump: int = 0
    start: float = 0.0
    playing: bool = False
    volume: float = 1.0


class _Voice:
    """A place in a programme that is read on."""

    def __init__(self) -> None:
        self.programme: Programme | None = None
        self.index = 0
        self.offset = 0
        self.running = False
        self.ended_at = -1

    def become(self, other: _Voice) -> None:
        self.programme, self.running = other.programme, other.running
        self.index, self.offset = other.index, other.offset

    def seconds(self) -> float:
        return 0.0 if self.programme is None else self.programme.seconds(self.index, self.offset)

    def read(self, into: Audio, at: int, history: History | None) -> None:
        """Fill `into` with the next frames, zeros behind the end; what the output's frame `at` holds is noted."""
        programme, done = self.programme, 0
        while programme is not None and self.running and done < len(into):
            done += self._copy(programme, into[done:], at + done, history)
        if done < len(into):
            into[done:] = 0.0
            if history is not None:
                history.note(at + done, self.seconds(), 0.0, 0 if programme is None else programme.sound)
        if programme is not None and programme.gain != 1.0:
            np.multiply(into, programme.gain, out=into)

    def _copy(self, programme: Programme, into: Audio, at: int, history: History | None) -> int:
        """Copy from the present piece; the number of frames copied."""
        if self.index == len(programme.pieces):
            if programme.loop_to is None:
                self.running, self.ended_at = False, at
            else:
                self.index, self.offset = programme.loop_to, 0
            return 0
        piece = programme.pieces[self.index]
        count = min(len(into), len(piece.samples) - self.offset)
        if count:
            into[:count] = piece.samples[self.offset : self.offset + count]
            if history is not None:
                slope = programme.seconds_per_frame * piece.step
                history.note(at, programme.seconds(self.index, self.offset), slope, programme.sound)
        self.offset += count
        if self.offset == len(piece.samples):
            self.index, self.offset = self.index + 1, 0
        return count


class Engine:
    """Turns commands into samples. `command` may be replaced by one other thread at any time.

    Attributes
    ----------
    written : int
        Frames rendered since the engine was made.
    history : History
        What each of them holds.
    jumped : (int, int)
        The `jump` of the last command that asked to go somewhere, and the output frame from which on it is heard.
    ended : (Command, int) or None
        The command under which a programme last came to its end, and the output frame of that end.
    """

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.written = 0
        self.history = History()
        self.jumped = (0, 0)
        self.ended: tuple[Command, int] | None = None
        self.command = Command()
        self._taken = self.command
        self._lead, self._tail = _Voice(), _Voice()
        self._rise = rise(round(FADE_SECONDS * rate))
        self._fall = self._rise[::-1].copy()
        self._fading = 0
        self._volume_rise = rise(round(VOLUME_SECONDS * rate))
        self._volume_from = self._volume = self.command.volume
        self._volume_left = 0
        self._mono = np.zeros(BLOCK, np.float32)
        self._other = np.zeros(BLOCK, np.float32)

    def render(self, out: Audio) -> None:
        """Write the next frames into `out`, float32 [frames, channels]; all channels carry the same."""
        done = 0
        while done < len(out):
            part = out[done : done + BLOCK]
            self._render_block(part)
            done += len(part)

    def _render_block(self, out: Audio) -> None:
        self._take_command()
        mono = self._mono[: len(out)]
        self._lead.read(mono, self.written, self.history)
        if self._lead.ended_at >= 0:
            self.ended = (self._taken, self._lead.ended_at)
            self._lead.ended_at = -1
        if self._fading:
            self._crossfade(mono)
        self._apply_volume(mono)
        out[:] = mono[:, None]
        self.written += len(out)

    def _take_command(self) -> None:
        """Follow a new command, unless a crossfade still runs: it is over in 5 ms and only the newest then counts."""
        command, before = self.command, self._taken
        if command is before or self._fading:
            return
        self._taken = command
        jumped, exchanged = command.jump != before.jump, command.programme is not before.programme
        if not (jumped or exchanged or command.playing != before.playing):
            return
        if jumped:
            self.jumped = (command.jump, self.written)
        seconds = self._lead.seconds()
        self._tail.become(self._lead)
        self._lead.programme = programme = command.programme
        if programme is not None and jumped:
            self._lead.index, self._lead.offset = programme.place(command.start, restart=False)
        elif programme is not None and exchanged:
            self._lead.index, self._lead.offset = programme.place(seconds, restart=True)
        self._lead.running = command.playing and programme is not None
        if self._tail.running or self._lead.running:
            self._fading = len(self._rise)

    def _crossfade(self, mono: Audio) -> None:
        count, done = min(len(mono), self._fading), len(self._rise) - self._fading
        leaving = self._other[:count]
        self._tail.read(leaving, 0, None)
        np.multiply(leaving, self._fall[done : done + count], out=leaving)
        arriving = mono[:count]
        np.multiply(arriving, self._rise[done : done + count], out=arriving)
        np.add(arriving, leaving, out=arriving)
        self._fading -= count

    def _apply_volume(self, mono: Audio) -> None:
        if not self._volume_left and self._taken.volume != self._volume:
            self._volume_from, self._volume = self._volume, self._taken.volume
            self._volume_left = len(self._volume_rise)
        count, done = min(len(mono), self._volume_left), len(self._volume_rise) - self._volume_left
        if count:
            curve = self._other[:count]
            np.multiply(self._volume_rise[done : done + count], self._volume - self._volume_from, out=curve)
            np.add(curve, self._volume_from, out=curve)
            np.multiply(mono[:count], curve, out=mono[:count])
            self._volume_left -= count
        if self._volume != 1.0:
            np.multiply(mono[count:], self._volume, out=mono[count:])
