"""Hearing the clips of a feature: joins the current card, its sound, the player and the person's preferences."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from PySide6.QtCore import QObject, Qt, QTimer, Signal

from ard_gui.services.clip_media import ClipMedia, Media
from ard_gui.services.feature_lines import ClipLine, TraceLine
from ard_gui.services.playback.player import Player
from ard_gui.services.playback.programme import Interval
from ard_gui.services.playback.sound import Sound
from ard_gui.state.notices import Notices
from ard_gui.state.preferences import Preferences

FRAME_MS = 16
AUTOPLAY_AFTER_MS = 150
"""Holding an arrow key starts no sound before it is let go."""

OWNER = "listening"
SPEEDS = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0)
MEET_SECONDS = 1e-3


class Listening(QObject):
    """Plays the current clip and says where it is.

    Signals
    -------
    moved(clip: int, seconds: float)
        Once per frame while it plays, and after a seek.
    clip_changed(clip: int)
        Which clip is heard now; −1 while nothing plays.
    switched(ClipLine)
        The comparison went to this clip, which should become the current one.

    Attributes
    ----------
    line : ClipLine or None
        The current clip.
    region_of : function
        Gives the marked part of a clip, None for none.
    """

    moved = Signal(int, float)
    clip_changed = Signal(int)
    switched = Signal(object)

    def __init__(self, preferences: Preferences, media: ClipMedia, player: Player, notices: Notices) -> None:
        super().__init__()
        self._preferences, self._media, self.player = preferences, media, player
        self.line: ClipLine | None = None
        self.region_of: Callable[[int], Interval | None] = lambda _clip: None
        self._heard: list[ClipLine] = []
        """The last two clips that were played, the newest last."""
        self._wish: tuple[ClipLine, Callable[[ClipLine, Media], None]] | None = None
        self._cue: tuple[int, float] | None = None
        self._coming: tuple[ClipLine, ...] = ()
        self._told = -1
        self._frame = self._timer(FRAME_MS, self._tell_place, once=False)
        self._frame.setTimerType(Qt.TimerType.PreciseTimer)
        self._autoplay = self._timer(AUTOPLAY_AFTER_MS, self._play_current)
        media.ready.connect(self._media_ready)
        media.failed.connect(self._media_failed)
        player.changed.connect(self._player_changed)
        player.finished.connect(lambda _key: self._tell_place())
        player.failed.connect(notices.warning)
        self._notices = notices
        preferences.changed.connect(self._apply)
        for name in ("loop", "only_active", "match_loudness", "volume", "mute", "speed", "latency_ms"):
            self._apply(name)

    def _timer(self, milliseconds: int, slot: Callable[[], None], *, once: bool = True) -> QTimer:
        timer = QTimer(self)
        timer.setInterval(milliseconds)
        timer.setSingleShot(once)
        timer.timeout.connect(slot)
        return timer

    @property
    def sounding(self) -> ClipLine | None:
        """The clip whose sound the player holds, playing or not."""
        last = self._heard[-1] if self._heard else None
        media = None if last is None else self._media.find(last.clip)
        return last if media is not None and media.key == self.player.key else None

    def set_current(self, line: ClipLine | None, coming: Sequence[ClipLine] = ()) -> None:
        """Another card is the current one; `coming` are the clips after it."""
        before, self.line = self.line, line
        self._coming = tuple(coming)
        self._cue = None
        sounding = self.sounding
        if line is not None and sounding is not None and sounding.clip == line.clip:
            # the same sound on another feature's page
            self._heard[-1] = line
            self.player.set_active(active_intervals(line))
        elif line is not None and before is not line and self._preferences.values.autoplay:
            self._autoplay.start()
        self._preload()

    def toggle(self) -> None:
        """Play the current clip, or pause it, or play on."""
        if self.line is None:
            return
        sounding = self.sounding
        if sounding is not None and sounding.clip == self.line.clip and self._cue is None:
            self.player.toggle()
        else:
            self._play_current()

    def stop(self) -> None:
        """Stop, and forget what was about to play."""
        self._wish = None
        self._autoplay.stop()
        self.player.stop()

    def seek(self, seconds: float) -> None:
        """Go to a second of the current clip; where it does not play yet, it will begin there."""
        if self.line is None:
            return
        sounding = self.sounding
        if sounding is not None and sounding.clip == self.line.clip:
            self.player.seek(seconds)
            self._tell_place()
        else:
            self._cue = (self.line.clip, seconds)
            self.moved.emit(self.line.clip, seconds)
            if self.player.playing:
                self._play_current()

    def set_region(self, region: Interval | None) -> None:
        """The marked part of the current clip has changed."""
        sounding = self.sounding
        if self.line is not None and sounding is not None and sounding.clip == self.line.clip:
            self.player.set_region(region)

    def compare(self) -> None:
        """Go on at the same second in the current clip if another is heard, else in the one heard before."""
        sounding = self.sounding
        if sounding is None or self.line is None:
            self.toggle()
            return
        others = [one for one in self._heard if one.clip != sounding.clip]
        wanted = self.line if self.line.clip != sounding.clip else (others[-1] if others else None)
        if wanted is not None:
            self._obtain(wanted, self._switch)

    def faster(self, by: int) -> None:
        """To the next of `SPEEDS`, up or down."""
        now = self._preferences.values.speed
        nearest = min(range(len(SPEEDS)), key=lambda i: abs(SPEEDS[i] - now))
        self._preferences.set("speed", SPEEDS[min(max(nearest + by, 0), len(SPEEDS) - 1)])

    def flip(self, name: str) -> None:
        """Turn a preference on or off: loop, only_active, match_loudness, mute, autoplay."""
        self._preferences.set(name, not getattr(self._preferences.values, name))

    def leave(self) -> None:
        """Another study or SAE is shown."""
        self.stop()
        self.line, self._cue = None, None
        self._heard.clear()
        self._coming = ()
        self._tell_clip()

    def _play_current(self) -> None:
        if self.line is not None:
            self._obtain(self.line, self._play)

    def _obtain(self, line: ClipLine, use: Callable[[ClipLine, Media], None]) -> None:
        """Do something with a clip's media, now or as soon as they have been read."""
        self._autoplay.stop()
        media = self._media.find(line.clip)
        if media is not None:
            self._wish = None
            use(line, media)
        elif line.media is not None:
            self._wish = (line, use)
            self._media.ask(line.media, OWNER)

    def _play(self, line: ClipLine, media: Media) -> None:
        region = self.region_of(line.clip)
        start = self._cue[1] if self._cue is not None and self._cue[0] == line.clip else region[0] if region else 0.0
        self._cue = None
        self._remember(line)
        self.player.play(_sound(media), start, active_intervals(line))
        if region is not None:
            self.player.set_region(region)
        self._preload()

    def _switch(self, line: ClipLine, media: Media) -> None:
        self._remember(line)
        self.player.switch_to(_sound(media), active_intervals(line))
        self._tell_clip()
        self.switched.emit(line)

    def _remember(self, line: ClipLine) -> None:
        self._heard = [*(one for one in self._heard if one.clip != line.clip), line][-2:]

    def _media_ready(self, clip: int, media: Media) -> None:
        if self._wish is not None and self._wish[0].clip == clip:
            (line, use), self._wish = self._wish, None
            use(line, media)
        elif any(one.clip == clip for one in self._coming):
            self._preload()

    def _media_failed(self, clip: int, text: str) -> None:
        if self._wish is not None and self._wish[0].clip == clip:
            self._wish = None
            self._notices.warning(text)

    def _preload(self) -> None:
        """Make the next sounds ready to start; not before the first one was asked for, as that opens the device."""
        if self._heard:
            found = [self._media.find(line.clip) for line in self._coming]
            self.player.preload([_sound(media) for media in found if media is not None])

    def _player_changed(self) -> None:
        if self.player.playing:
            self._frame.start()
        else:
            self._frame.stop()
            self._tell_place()
        self._tell_clip()

    def _tell_place(self) -> None:
        sounding = self.sounding
        if sounding is not None and self._cue is None:
            self.moved.emit(sounding.clip, self.player.position())

    def _tell_clip(self) -> None:
        sounding = self.sounding
        now = sounding.clip if sounding is not None and self.player.playing else -1
        if now != self._told:
            self._told = now
            self.clip_changed.emit(now)

    def _apply(self, name: str) -> None:
        """Tell the player a preference."""
        values, player = self._preferences.values, self.player
        tell: dict[str, Callable[[], None]] = {
            "loop": lambda: player.set_loop(values.loop),
            "only_active": lambda: player.set_active_only(values.only_active),
            "match_loudness": lambda: player.set_match_loudness(values.match_loudness),
            "volume": lambda: player.set_volume(values.volume),
            "mute": lambda: player.set_mute(values.mute),
            "speed": lambda: player.set_speed(values.speed),
            "latency_ms": lambda: player.set_latency_offset(values.latency_ms),
            "device": lambda: player.set_device(values.device),
        }
        if name in tell:
            tell[name]()


def active_intervals(line: ClipLine) -> tuple[Interval, ...] | None:
    """The parts of a clip in which the feature is active, tokens that meet joined; None where it is not known."""
    if not len(line.trace.value):
        return None if np.isnan(line.mean) or line.mean > 0 else ()
    return joined(line.trace)


def joined(trace: TraceLine) -> tuple[Interval, ...]:
    """Unbroken active stretches, in seconds; tokens without a time are left out."""
    timed = np.isfinite(trace.start) & np.isfinite(trace.end) & (trace.value > 0)
    found: list[Interval] = []
    for start, end in sorted(zip(trace.start[timed].tolist(), trace.end[timed].tolist(), strict=True)):
        if found and start <= found[-1][1] + MEET_SECONDS:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return tuple(found)


def _sound(media: Media) -> Sound:
    return Sound(media.key, media.wave, media.rate)
