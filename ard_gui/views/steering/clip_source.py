"""Which sound is steered on: the current clip, the tested sound, or a file."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtWidgets import QCheckBox, QFileDialog, QHBoxLayout, QMenu, QToolButton, QVBoxLayout, QWidget

from ard_gui.services.saved_sound import SavedSound
from ard_gui.services.steered_sound import called, sound_of_file
from ard_gui.session import Session
from ard_gui.views.elided import ElidedLabel
from ard_gui.views.glyphs import GlyphButton
from backend.audio.formats import DECODED

NONE_YET = "No sound yet: choose a clip on the page, or drop a file here."


class ClipSource(QWidget):
    """Shows and changes the sound of the session's setup."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session, self._state = session, session.steering
        self.name, self.follow, self.other = ElidedLabel(), QCheckBox("&Follow"), QToolButton()
        self.play = GlyphButton("play", "Play the steered sound", "Play or pause the sound", focus=True)
        self.sound = SavedSound(session.media, session.player, self)
        self.dialog: QFileDialog | None = None
        self.menu = QMenu(self)
        self._build()
        self._connect()
        self.refresh()

    def _build(self) -> None:
        self.name.setAccessibleName("Sound that is steered on")
        self.follow.setToolTip("The sound is always that of the current clip on the page")
        self.follow.setAccessibleName("Follow the current clip")
        self.other.setText("Sound")
        self.other.setAccessibleName("Choose another sound")
        self.other.setToolTip("The current clip, the tested sound, or a file")
        self.other.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.other.setMenu(self.menu)
        self.other.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        row = QHBoxLayout()
        for widget, stretch in ((self.play, 0), (self.name, 1), (self.follow, 0), (self.other, 0)):
            row.addWidget(widget, stretch)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(row)

    def _connect(self) -> None:
        session = self._session
        session.steering.changed.connect(self._changed)
        self.follow.toggled.connect(self._set_follow)
        self.menu.aboutToShow.connect(self._fill)
        self.play.clicked.connect(self.toggle)
        self.sound.changed.connect(self._show_playing)
        self.sound.failed.connect(session.notices.warning)
        session.study_closing.connect(self.sound.leave)
        session.closing.connect(self.sound.close)

    def _changed(self, part: str) -> None:
        if part in ("sound", "all"):
            self.refresh()

    def refresh(self) -> None:
        """Show the sound as it is now."""
        sound = self._state.now.sound
        self.name.setText(called(sound) or NONE_YET)
        self.name.set_tip("" if sound is None else sound.path)
        with QSignalBlocker(self.follow):
            self.follow.setChecked(self._state.follows)
        self.play.setEnabled(sound is not None)
        self._show_playing()

    def toggle(self) -> None:
        """Play the sound, or pause it."""
        sound, found = self._state.now.sound, self._session.overview
        if sound is not None and found is not None:
            self.sound.toggle(sound, found.study, self._session.preferences.values.roots)

    def choose(self) -> None:
        """Ask for a file of sound."""
        kinds = " ".join(f"*{suffix}" for suffix in sorted(DECODED))
        self.dialog = QFileDialog(self, "Choose a sound to steer on")
        self.dialog.setFileMode(QFileDialog.FileMode.ExistingFile)
        self.dialog.setNameFilters([f"Sound ({kinds})", "All files (*)"])
        self.dialog.fileSelected.connect(lambda path: self.take_file(Path(path)))
        self.dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.dialog.open()

    def take_file(self, path: Path) -> None:
        """Steer on the sound in a file."""
        self._state.set_follows(False)
        self._state.set_sound(sound_of_file(path))

    def _set_follow(self, on: bool) -> None:
        self._state.set_follows(on)

    def _fill(self) -> None:
        self.menu.clear()
        clip = self.menu.addAction("The &current clip")
        clip.setEnabled(self._session.selection.clip >= 0)
        clip.triggered.connect(lambda _=False: self._state.set_follows(True))
        tested = self._session.sound_test.path
        action = self.menu.addAction("The &tested sound" + ("" if tested is None else f" ({tested.name})"))
        action.setEnabled(tested is not None)
        if tested is not None:
            action.triggered.connect(lambda _=False: self.take_file(tested))
        self.menu.addAction("A &file …").triggered.connect(lambda _=False: self.choose())

    def _show_playing(self) -> None:
        sound = self._state.now.sound
        playing = sound is not None and self.sound.clip == sound and self.sound.playing
        self.play.set_glyph("pause" if playing else "play")
