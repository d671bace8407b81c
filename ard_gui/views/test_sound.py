"""Test a sound: which features are in a file that was dropped or a sound that was recorded, and when?"""

from __future__ import annotations

import math
from pathlib import Path

from PySide6.QtCore import QEvent, Qt, QTimer
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QSplitter,
    QVBoxLayout,
    QWidget,
)  # fmt: skip

from ard_gui.actions import Actions
from ard_gui.services.clip_media import Media
from ard_gui.services.playback.sound import Sound
from ard_gui.services.sound_test import FoundFeature, rows
from ard_gui.session import Session
from ard_gui.theme import colours
from ard_gui.views.canvas import ClipCanvas
from ard_gui.views.found_features import FoundFeatures
from backend.audio.formats import DECODED

EMPTY = "Drop a sound file here, choose one, or record. The study's model says which features are in it."
FRAME_MS = 30
QUIETEST_DB = -60


class SoundTestView(QWidget):
    """Shows the session's tested sound, its strongest features, and their traces over its spectrogram."""

    def __init__(self, session: Session, actions: Actions) -> None:
        super().__init__()
        self._session, self._actions, self._test = session, actions, session.sound_test
        self._sound: Sound | None = None
        self._cue = 0.0
        self.choose, self.record, self.play = QPushButton("Choose …"), QPushButton("Record"), QPushButton("Play")
        self.steer = QPushButton("Steer")
        self.level = QProgressBar()
        self.name, self.note, self.summary = QLabel(), QLabel(), QLabel()
        self.canvas = ClipCanvas()
        self.table = FoundFeatures(self._name_of)
        self._frame = QTimer(self)
        self._frame.setInterval(FRAME_MS)
        self._frame.timeout.connect(self._move_playhead)
        self.setAcceptDrops(True)
        self._build()
        self._connect()
        self._refresh()

    def _build(self) -> None:
        self.choose.setToolTip("Choose a sound file")
        self.record.setToolTip("Record from the microphone, at most a minute")
        self.play.setToolTip("Play or pause the sound (Space in the table)")
        self.steer.setToolTip("Take this sound to the steering panel")
        for button, text in (
            (self.choose, "Choose a sound"), (self.record, "Record"), (self.play, "Play the sound"),
            (self.steer, "Steer on this sound"),
        ):  # fmt: skip
            button.setAccessibleName(text)
        self.level.setAccessibleName("Level of the recording")
        self.level.setRange(QUIETEST_DB, 0)
        self.level.setTextVisible(True)
        self.level.hide()
        for label, text in ((self.name, "Name of the sound"), (self.note, "State"), (self.summary, "Summary")):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setWordWrap(True)
            label.setAccessibleName(text)
            label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self.canvas.setAccessibleName("Spectrogram of the sound")
        self.canvas.setMinimumHeight(120)
        buttons = QHBoxLayout()
        for widget in (self.choose, self.record, self.play, self.steer):
            buttons.addWidget(widget)
        buttons.addWidget(self.level, 1)
        buttons.addStretch()
        halves = QSplitter(Qt.Orientation.Vertical)
        halves.addWidget(self.canvas)
        halves.addWidget(self.table)
        halves.setChildrenCollapsible(False)
        halves.setSizes([180, 360])
        layout = QVBoxLayout(self)
        layout.addLayout(buttons)
        for label in (self.name, self.note):
            layout.addWidget(label)
        layout.addWidget(halves, 1)
        layout.addWidget(self.summary)
        self.setFocusProxy(self.choose)
        # narrower, the figures would leave no room for the names
        self.setMinimumWidth(self.fontMetrics().horizontalAdvance("0") * 44)

    def _connect(self) -> None:
        test, session = self._test, self._session
        self.choose.clicked.connect(self._choose)
        self.record.clicked.connect(self._record_or_stop)
        self.play.clicked.connect(self._toggle)
        self.steer.clicked.connect(lambda _=False: self._actions["steering.tested_sound"].trigger())
        test.changed.connect(self._refresh)
        test.said.connect(self._tell)
        test.failed.connect(self._fail)
        test.traced.connect(self.table.show_extra)
        test.detail_ready.connect(self.canvas.set_detail)
        test.level.connect(self._show_level)
        test.recording_changed.connect(self._recording_changed)
        self.table.marked_changed.connect(self._draw_traces)
        self.table.visited.connect(session.selection.choose)
        self.table.play_wanted.connect(self._toggle)
        self.canvas.seek_asked.connect(self._seek)
        self.canvas.region_changed.connect(self._region_changed)
        self.canvas.detail_asked.connect(test.ask_detail)
        session.player.changed.connect(self._player_changed)
        session.notes.changed.connect(self.table.rename)
        session.selection.feature_changed.connect(self._ask_for_shown)

    def _refresh(self) -> None:
        """Show what the tested sound is now."""
        test = self._test
        self.name.setText("" if test.path is None else test.path.name)
        self.name.setToolTip("" if test.path is None else str(test.path))
        self.name.setVisible(test.path is not None)
        self._show_media(test.media)
        encoded = test.encoded
        ranking = self._session.ranking
        name = "name" if ranking is None else ranking.titles.get("name", "name")
        if encoded is None:
            self.table.show_features((), "r", name)
        else:
            self.table.show_features(encoded.features, encoded.score, name)
        self.summary.setText(self._summary())
        self._draw_traces()
        if test.path is None:
            self._say(EMPTY)
        elif encoded is not None:
            self._say("" if encoded.features else "No feature is active in this sound.")
            self._ask_for_shown(self._session.selection.feature)
        elif not self._session.ranking_name:
            self._say("This study has no ranked features to look for.")

    def _show_media(self, media: Media | None) -> None:
        before = self._sound
        self._sound = None if media is None else Sound(media.key, media.wave, media.rate)
        self.play.setEnabled(media is not None)
        self.steer.setEnabled(media is not None)
        if media is None:
            self.canvas.set_media(None)
        elif before is None or before.key != media.key:
            self._cue = 0.0
            self.canvas.set_media(media)
        self._player_changed()

    def _summary(self) -> str:
        encoded = self._test.encoded
        if encoded is None:
            return ""
        part = "" if encoded.heard >= encoded.duration - 0.01 else f", the model hears {encoded.heard:.2f} s of it"
        told = (
            f"{encoded.duration:.2f} s{part}; {len(encoded.seconds)} tokens; "
            f"{encoded.active} of {self._session.features} features of {encoded.sae} active."
        )
        if math.isfinite(encoded.error):
            told += f" Reconstruction error {encoded.error:.3f}"
            told += f" (the study's clips: {encoded.usual_error:.3f})." if math.isfinite(encoded.usual_error) else "."
        return told

    def _draw_traces(self) -> None:
        encoded = self._test.encoded
        marked = self.table.marked()
        if encoded is None or not marked:
            self.canvas.set_traces([], 0.0)
            return
        chosen = marked[: len(colours().traces)]
        upper = max(one.max for one in chosen)
        self.canvas.set_traces(rows(encoded, chosen, self._label, colours().traces), upper)
        current = self.table.current()
        if self._is_mine() and current is not None:
            self._session.player.set_active(self._intervals(current))

    def _ask_for_shown(self, feature: int) -> None:
        """The feature whose page is shown has a row of its own where it is not among the strongest."""
        encoded = self._test.encoded
        self.table.show_extra(None)
        if encoded is not None and feature >= 0 and feature not in {one.feature for one in encoded.features}:
            self._test.ask_feature(feature)

    def _name_of(self, feature: int) -> str:
        return self._session.notes.feature(feature).name or self._session.automatic_name(feature)

    def _label(self, feature: int) -> str:
        return f"{feature} {self._name_of(feature)}".strip()

    # playing

    def _is_mine(self) -> bool:
        """Whether the player holds this sound."""
        return self._sound is not None and self._session.player.key == self._sound.key

    def _toggle(self) -> None:
        if self._sound is None:
            return
        if self._is_mine():
            self._session.player.toggle()
            return
        current = self.table.current()
        self._session.player.play(self._sound, self._cue, None if current is None else self._intervals(current))
        self._session.player.set_region(self.canvas.region)

    def _seek(self, seconds: float) -> None:
        if self._is_mine():
            self._session.player.seek(seconds)
        else:
            self._cue = seconds
        self.canvas.set_playhead(seconds)

    def _region_changed(self, start: float | None, end: float | None) -> None:
        if self._is_mine():
            self._session.player.set_region(None if start is None or end is None else (start, end))

    def _intervals(self, one: FoundFeature) -> list[tuple[float, float]]:
        """Seconds in which a feature is active."""
        encoded = self._test.encoded
        if encoded is None:
            return []
        times = (encoded.seconds[t] for t, value in zip(one.token, one.value, strict=True) if value > 0)
        return [(first, last) for first, last in times if math.isfinite(first) and math.isfinite(last)]

    def _player_changed(self) -> None:
        playing = self._is_mine() and self._session.player.playing
        self.play.setText("Pause" if playing else "Play")
        if playing:
            self._frame.start()
        else:
            self._frame.stop()
        self._move_playhead()

    def _move_playhead(self) -> None:
        if self._is_mine():
            self.canvas.set_playhead(self._session.player.position())

    # where the sound comes from

    def _choose(self) -> None:
        kinds = " ".join(f"*{suffix}" for suffix in sorted(DECODED))
        dialog = QFileDialog(self, "Choose a sound", str(self._test.path.parent) if self._test.path else "")
        dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        dialog.setNameFilters([f"Sound ({kinds})", "All files (*)"])
        dialog.fileSelected.connect(lambda path: self._test.test(Path(path)))
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.open()

    def _record_or_stop(self) -> None:
        if self._test.recording:
            self._test.stop_recording()
            return
        self._session.player.pause()
        self._say("Opening the microphone …")
        self._test.record()

    def _recording_changed(self, on: bool) -> None:
        self.record.setText("Stop" if on else "Record")
        self.level.setVisible(on)
        if on:
            self._say("Recording. Press Stop when you are done.")

    def _show_level(self, peak: float, seconds: float) -> None:
        db = 20 * math.log10(peak) if peak > 0 else QUIETEST_DB
        self.level.setValue(round(max(QUIETEST_DB, db)))
        self.level.setFormat(f"{seconds:.1f} s")

    def _tell(self, text: str, fraction: float) -> None:
        """What is being done."""
        share = f" {fraction:.0%}" if fraction >= 0 else ""
        self._say(f"{text}{share} …" if text else "")

    def _say(self, text: str) -> None:
        self.note.setText(text)
        self.note.setVisible(bool(text))

    def _fail(self, message: str) -> None:
        self._say(message)
        self._session.notices.error(message)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802
        event.acceptProposedAction() if _dropped(event) is not None else event.ignore()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802
        path = _dropped(event)
        if path is not None:
            event.acceptProposedAction()
            self._test.test(path)

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        if event.type() == QEvent.Type.PaletteChange:
            self.table.paint_marks()
            self._draw_traces()
        super().changeEvent(event)


def _dropped(event: QDragEnterEvent | QDropEvent) -> Path | None:
    """The one file of sound that is dropped; None for anything else, which is the window's."""
    urls = event.mimeData().urls()
    path = Path(urls[0].toLocalFile()) if len(urls) == 1 and urls[0].isLocalFile() else None
    return path if path is not None and path.suffix.lower() in DECODED else None
