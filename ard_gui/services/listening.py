"""Hearing the clips of the shown feature: joins what is chosen, the clips' sound, the player and the preferences."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QObject, QTimer, Signal

from ard_gui.services.active_intervals import active_intervals, inactive
from ard_gui.services.clip_media import ClipMedia, Media
from ard_gui.services.feature_lines import ClipLine, FeatureLines
from ard_gui.services.play_on_move import PlayOnMove
from ard_gui.services.playback.player import Player
from ard_gui.services.playback.programme import Interval
from ard_gui.services.playhead import Playhead
from ard_gui.services.sound_preferences import SoundPreferences
from ard_gui.services.sounds_ahead import OWNER, SoundsAhead, sound_of
from ard_gui.state.notices import Notices
from ard_gui.state.preferences import Preferences
from ard_gui.state.selection import NONE, Selection
from backend.store.clip_key import clip_key
from backend.store.clips import Clip

REST_MS = 400
"""Who stays so long with a feature lets the pictures on the screen be made first; then comes what is further away."""

Use = Callable[[Media], None]


class Listening(QObject):
    """Plays clips by their row in the clip table. Every method returns at once; a row that is not on the page is left.

    A clip's sound is used as soon as it has been read, if nothing else was wanted meanwhile. Times are seconds of the
    clip.

    Signals
    -------
    playhead(row: int, seconds: float or None)
        Where a clip is heard: every frame while it plays, and after a pause or a seek; None where it is heard no more.
    changed()
        Another clip is heard, it plays or does not, or is being read; also after every change of the player.
    rested()
        The person has stayed with a feature for a while: time to look ahead.

    Attributes
    ----------
    row : int
        The clip that the player holds, playing or not; −1 for none.
    """

    playhead = Signal(int, object)
    changed = Signal()
    rested = Signal()

    def __init__(
        self, selection: Selection, media: ClipMedia, player: Player, preferences: Preferences, notices: Notices
    ) -> None:
        super().__init__()
        self._selection, self._media, self.player = selection, media, player
        self._preferences, self._notices = preferences, notices
        self._page: FeatureLines | None = None
        self._lines: dict[int, ClipLine] = {}
        self._regions: dict[int, Interval] = {}
        self._heard: list[ClipLine] = []
        """The last two clips that were played, the newest last; the player holds that one unless `_key` differs."""
        self._key = ""
        self._wish: tuple[ClipLine, Use] | None = None
        self._cue: tuple[int, float] | None = None
        """Where a clip that does not play yet was pointed into."""
        self._ahead = SoundsAhead(media, player)
        self._over = False
        self._asked_early = False
        """The person asked for the clip of a feature that has not been read yet."""
        self._place = Playhead(self, self)
        self._place.moved.connect(self.playhead)
        self._on_move = PlayOnMove(preferences, self)
        self._on_move.due.connect(self._play_chosen)
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(REST_MS)
        self._rest.timeout.connect(self.rested)
        media.ready.connect(self._media_ready)
        media.failed.connect(self._media_failed)
        player.changed.connect(self._player_changed)
        player.finished.connect(self._finished)
        player.failed.connect(notices.warning)
        # before the player is told: what would be silent is paused with a word
        preferences.changed.connect(self._preference_changed)
        self.sound = SoundPreferences(preferences, player)
        selection.feature_changed.connect(self._feature_changed)
        selection.clip_changed.connect(self._clip_changed)

    @property
    def line(self) -> ClipLine | None:
        """The clip that the player holds; None for none, or while another view plays a sound of its own."""
        return self._heard[-1] if self._heard and self._key == self.player.key else None

    @property
    def row(self) -> int:
        return NONE if self.line is None else self.line.clip

    @property
    def playing(self) -> bool:
        """Whether a clip plays."""
        return self.player.playing and self.line is not None

    def position(self) -> float:
        """The second that is heard now."""
        return self.player.position()

    @property
    def waiting_for(self) -> ClipLine | None:
        """The clip that will be heard as soon as it has been read."""
        return None if self._wish is None else self._wish[0]

    def show(self, lines: FeatureLines) -> None:
        """Another feature's page is shown, or the same one's again."""
        again = self._page is not None and self._page.feature == lines.feature
        self._page = lines
        self._lines = {line.clip: line for group in lines.groups for line in group.lines}
        line = self.line
        if line is not None and line.clip in self._lines:
            self._heard[-1] = self._lines[line.clip]
            self._restrict(active_intervals(self._heard[-1]))
        if not again:
            self._regions.clear()
            if line is not None and line.clip in self._lines:
                self.player.set_region(None)
            self._on_move.moved()
        if self._asked_early:
            self._asked_early = False
            # the clips on the page choose the current one first
            self._on_move.soon()
        self._rest.start()
        self._on_move.page_shown()

    def leave(self) -> None:
        """Another study or SAE is shown: nothing of the old one is heard any more."""
        self.stop()
        self._on_move.opened()
        self._page = None
        self._lines, self._regions, self._heard, self._key = {}, {}, [], ""
        self._ahead.expect((), ())
        self._asked_early = False
        self._rest.stop()
        self.changed.emit()

    def close(self) -> None:
        """Say nothing any more; the player is closed by whoever made it."""
        self._place.close()
        self._on_move.close()
        self._rest.stop()
        self._wish = None
        self.blockSignals(True)

    def current(self) -> int:
        """The chosen clip, or else the feature's most representative one; −1 where there is none."""
        if self._selection.clip in self._lines:
            return self._selection.clip
        groups = [] if self._page is None else self._page.groups
        return next((group.lines[0].clip for group in groups if group.lines), NONE)

    def toggle(self) -> None:
        """Play the current clip, or pause it, or play on."""
        if self._page is None or self._page.feature != self._selection.feature:
            self._asked_early = self._selection.feature != NONE
        elif self.current() != NONE:
            self.toggle_clip(self.current())
        else:
            self.pause()

    def toggle_clip(self, row: int) -> None:
        """The same for any clip of the page; a clip that is still awaited is not wanted any more."""
        waiting = self.waiting_for
        if waiting is not None and waiting.clip == row:
            self._forget_wish()
        elif row != self.row or row == NONE:
            self.play_clip(row, self._start_of(row))
        elif self.playing or not self._silent_here(self._heard[-1]):
            self._on_move.forget()
            self._over = False
            self.player.toggle()

    def play_clip(self, row: int, start: float = 0.0) -> None:
        """Play a clip from `start` on; where a region is marked or only what is active is heard, from there."""
        line = self._lines.get(row)
        if line is None:
            return
        self._on_move.forget()
        if self._silent_here(line):
            self._forget_wish()
            self.player.pause()
        else:
            self._obtain(line, lambda media: self._play(line, media, start))

    def pause(self) -> None:
        """Stop where it is; what is awaited is not wanted any more."""
        self._on_move.forget()
        self._forget_wish()
        self.player.pause()

    def stop(self) -> None:
        """Stop, go back to the beginning and take the playhead away."""
        self._on_move.forget()
        self._forget_wish()
        self._forget_cue()
        self.player.stop()
        self._place.hide()

    def seek(self, row: int, seconds: float) -> None:
        """Go to a moment of a clip. One that is not held begins there: at once if another plays, else when asked to."""
        if row == self.row:
            self._over = False
            self.player.seek(seconds)
            self._place.show(row, self.player.position())
        elif self.playing:
            self.play_clip(row, seconds)
        elif row in self._lines:
            self._cue = (row, max(0.0, seconds))
            self._place.show(row, self._cue[1])

    def skip(self, seconds: float) -> None:
        """Go on or back in the clip that is held."""
        if self.line is not None:
            self.seek(self.row, self.player.position() + seconds)

    def set_region(self, row: int, region: Interval | None) -> None:
        """Play only this part of a clip, while its feature is shown; None for all of it."""
        if region is None:
            self._regions.pop(row, None)
        else:
            self._regions[row] = (min(region), max(region))
        if row == self.row:
            self.player.set_region(self._regions.get(row))

    def compare(self) -> None:
        """Back and forth between the last two clips heard, at the same place without a gap; it becomes the chosen one.

        After a single one, the current clip is the other. What does not play is played.
        """
        held = self.line
        other = self._heard[0] if len(self._heard) == 2 else self._lines.get(self.current())
        if held is None or other is None or other.clip == held.clip:
            self.toggle()
            return
        self._on_move.forget()
        start = 0.0 if self._over else self.player.position()
        silent = not self.playing
        self._obtain(other, lambda media: self._play(other, media, start) if silent else self._switch(other, media),
                     keep=True)  # fmt: skip

    def look_ahead(self, clips: Sequence[Clip]) -> None:
        """The current clip and what will probably come next are read and made ready; replaces what was named before."""
        self._ahead.expect(near=clips)
        self._want()

    def look_further(self, clips: Sequence[Clip]) -> None:
        """The same for what comes after that: the first clips of the next features."""
        self._ahead.expect(far=clips)
        self._want()

    def ask_again(self) -> None:
        """Folders of sound were found: what is awaited is read anew."""
        if self._wish is not None and self._wish[0].media is not None:
            self._media.ask(self._wish[0].media, OWNER)

    def _obtain(self, line: ClipLine, use: Use, *, keep: bool = False) -> None:
        """Do something with a clip's media, now or once they have been read; until then nothing plays unless `keep`."""
        media = self._media.find(line.clip)
        if media is not None:
            self._wish = None
            use(media)
            return
        if not keep:
            self.player.pause()
        if line.media is None:
            self._forget_wish()
            self._notices.warning(f"It is not known which sound {line.name} is.")
            return
        self._wish = (line, use)
        self._media.ask(line.media, OWNER)
        self.changed.emit()

    def _play(self, line: ClipLine, media: Media, start: float) -> None:
        self._hold(line, media)
        self.player.play(sound_of(media), start, active_intervals(line))
        if self.player.region != self._regions.get(line.clip):
            self.player.set_region(self._regions.get(line.clip))
        self._ahead.awake = True
        self._ahead.prepare()

    def _switch(self, line: ClipLine, media: Media) -> None:
        self._hold(line, media)
        self.player.switch_to(sound_of(media), active_intervals(line))
        if line.clip in self._lines:
            self._selection.choose_clip(line.clip, clip_key(line.media) if line.media is not None else "")

    def _hold(self, line: ClipLine, media: Media) -> None:
        """From now on the player holds this clip."""
        self._cue = None
        self._heard = [*(one for one in self._heard if one.clip != line.clip), line][-2:]
        self._key, self._over = media.key, False

    def _silent_here(self, line: ClipLine) -> bool:
        """Whether nothing of a clip would be heard because only what is active is; the person is told."""
        silent = self._preferences.values.only_active and inactive(line)
        if silent:
            told = f"The feature is nowhere active in {line.name}."
            self._notices.info(f"{told} Turn “Only where active” off to hear it.")
        return silent

    def _restrict(self, active: Sequence[Interval] | None) -> None:
        """The page's feature is active elsewhere in the clip that is held than the one it was begun for."""
        if self.playing and self._silent_here(self._heard[-1]):
            self.player.pause()
        self.player.set_active(active)

    def _feature_changed(self, _feature: int) -> None:
        self._on_move.forget()
        self._rest.stop()
        self._asked_early = False
        self._forget_wish()

    def _clip_changed(self, clip: int) -> None:
        waiting = self.waiting_for
        if waiting is not None and waiting.clip != clip:
            self._forget_wish()
        if self._cue is not None and self._cue[0] != clip:
            self._forget_cue()
        if clip != NONE and clip != self.row:
            self._on_move.moved()

    def _play_chosen(self) -> None:
        row = self.current()
        read = self._page is not None and self._page.feature == self._selection.feature
        if read and (row != self.row or not self.playing):
            self.play_clip(row, self._start_of(row))

    def _start_of(self, row: int) -> float:
        """Where a clip begins that is not held: where it was pointed into, else at its start."""
        return self._cue[1] if self._cue is not None and self._cue[0] == row else 0.0

    def _want(self) -> None:
        self._ahead.want(None if self._wish is None else self._wish[0].media)

    def _forget_wish(self) -> None:
        if self._wish is not None:
            self._wish = None
            self._want()
            self.changed.emit()

    def _forget_cue(self) -> None:
        if self._cue is not None:
            self._cue = None
            self._place.hide()

    def _media_ready(self, row: int, media: Media) -> None:
        if self._wish is not None and self._wish[0].clip == row:
            (_, use), self._wish = self._wish, None
            use(media)
            self.changed.emit()
        elif row in self._ahead:
            self._ahead.prepare()

    def _media_failed(self, row: int, text: str) -> None:
        if self._wish is not None and self._wish[0].clip == row:
            self._wish = None
            self._notices.warning(text)
            self.changed.emit()

    def _preference_changed(self, name: str) -> None:
        if name == "only_active" and self.playing and self._silent_here(self._heard[-1]):
            self.player.pause()

    def _player_changed(self) -> None:
        if self.playing:
            self._place.follow()
        self.changed.emit()

    def _finished(self, key: str) -> None:
        if self.line is not None and key == self._key:
            self._over = True
            self._place.hide()
