"""Which sound a study is made from: folders, what is in them, which of it is used, and ten clips to listen to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PySide6.QtCore import QSignalBlocker, Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QColor, QDragEnterEvent, QDropEvent, QPalette
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from ard_gui.services.sample_sound import SampleSound
from ard_gui.services.sound_previews import SoundPreviews
from ard_gui.session import Session
from ard_gui.state.sound_sources import SoundSource
from ard_gui.theme import colours, row_height
from ard_gui.views.flow import FlowLayout
from ard_gui.views.new_study_parts.sample_table import SampleTable
from ard_gui.views.new_study_parts.source_form import SourceForm
from ard_gui.views.paths import ask_for_folder
from ard_gui.views.plain_text import tip
from backend.resources import BUILTIN_CLIPS, resource

TYPED_MS = 400
"""So long nobody has typed when a folder is looked at."""
SHOWN_SOURCES = 4
LOOKING = "Looking at the folder …"
NONE_YET = "Add a folder of sound, or drop one here."


class SoundPart(QWidget):
    """Asks for sources of sound and shows what each holds; `close` ends the process that looks.

    Signals
    -------
    changed()
        The sources are others, or something else is known of them.
    """

    changed = Signal()

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._sources: list[SoundSource] = []
        self._previews = SoundPreviews(self)
        self.sample = SampleSound(session.player, self)
        self._typed = QTimer(self)
        self._typed.setSingleShot(True)
        self._typed.setInterval(TYPED_MS)
        self.list, self.form, self.table = QListWidget(), SourceForm(), SampleTable(self.sample.is_playing)
        self.add, self.builtin, self.remove = (
            QPushButton("A&dd a folder …"), QPushButton("Add the built-in &clips"), QPushButton("&Remove"),
        )  # fmt: skip
        self.play, self.others = QPushButton("Play"), QPushButton("Other ten")
        self.summary, self.problem = QLabel(), QLabel()
        self._one = QWidget()
        self.setAcceptDrops(True)
        self._build()
        self._connect(session)
        self._show_source()

    def sources(self) -> list[dict[str, Any]]:
        """The `[[audio]]` tables, in order."""
        return [dict(one.values) for one in self._sources]

    def previews(self) -> list[dict[str, Any] | None]:
        """What `ard preview-sound` said of each; None while that is not known."""
        return [one.preview for one in self._sources]

    def problems(self) -> list[str]:
        """What stands in the way of each source; "" for nothing that is known."""
        return [one.problem() for one in self._sources]

    def set_sources(self, tables: Sequence[Mapping[str, Any]]) -> None:
        """Show these instead; the first is looked at first."""
        for one in self._sources:
            self._previews.drop(one)
        self._sources = [SoundSource.of(table) for table in tables]
        with QSignalBlocker(self.list):
            self.list.clear()
            self.list.addItems([""] * len(self._sources))
            self.list.setCurrentRow(0)
        for one in reversed(self._sources):
            self._look(one)
        self._show_source()
        self.changed.emit()

    def add_folder(self, folder: Path, manifest: str = "") -> None:
        """One more source; a folder that is there already is only shown."""
        there = [row for row, one in enumerate(self._sources) if one.values["path"] == str(folder)]
        if not there:
            source = SoundSource.of({"path": str(folder), "manifest": manifest})
            self._sources.append(source)
            self.list.addItem("")
            self._look(source)
        self.list.setCurrentRow(there[0] if there else len(self._sources) - 1)
        self._show_source()
        if not there:
            self.changed.emit()

    # building

    def _build(self) -> None:
        self.list.setAccessibleName("Sources of sound")
        self.list.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.play.setToolTip("Play or pause the clip (Space in the table)")
        self.others.setToolTip("Draw ten other clips")
        for label, name in ((self.summary, "What the source holds"), (self.problem, "Problem of the source")):
            label.setAccessibleName(name)
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setWordWrap(True)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        buttons = QWidget()
        flow = FlowLayout(buttons)
        for button in (self.add, self.builtin, self.remove):
            flow.addWidget(button)
        below = QHBoxLayout()
        below.addWidget(self.play)
        below.addWidget(self.others)
        below.addStretch(1)
        inner = QVBoxLayout(self._one)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.addWidget(self.form)
        inner.addWidget(self.summary)
        inner.addWidget(self.problem)
        inner.addWidget(self.table, 1)
        inner.addLayout(below)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.list)
        layout.addWidget(buttons)
        layout.addWidget(self._one, 1)
        layout.addStretch(0)
        self.setFocusProxy(self.list)
        self.theme_changed()

    def _connect(self, session: Session) -> None:
        self.add.clicked.connect(lambda _=False: ask_for_folder(self, "Folder of sound", self.add_folder))
        self.builtin.clicked.connect(lambda _=False: self.add_folder(resource(BUILTIN_CLIPS), "clips.jsonl"))
        self.remove.clicked.connect(lambda _=False: self._remove())
        self.list.currentRowChanged.connect(lambda _: self._show_source())
        self.form.edited.connect(self._edited)
        self.table.play_wanted.connect(self.sample.toggle)
        self.table.itemSelectionChanged.connect(self._show_playing)
        self.play.clicked.connect(lambda _=False: self._toggle())
        self.others.clicked.connect(lambda _=False: self._draw_again())
        self.sample.changed.connect(self._show_playing)
        self.sample.failed.connect(self._not_heard)
        self._typed.timeout.connect(self._look_at_current)
        self._previews.answered.connect(self._answered)
        self._previews.failed.connect(self._failed)
        session.player.failed.connect(self._player_failed)
        session.closing.connect(self._end)

    # sources

    def _current(self) -> SoundSource | None:
        row = self.list.currentRow()
        return self._sources[row] if 0 <= row < len(self._sources) else None

    def _remove(self) -> None:
        source = self._current()
        if source is not None:
            self._previews.drop(source)
            self._sources.remove(source)
            with QSignalBlocker(self.list):
                self.list.takeItem(self.list.currentRow())
            self._show_source()
            self.changed.emit()

    def _edited(self) -> None:
        source = self._current()
        if source is None:
            return
        before = source.values
        source.values = {**before, **self.form.values()}
        if source.values == before:
            return
        if {**source.values, "use": ""} != {**before, "use": ""}:
            source.forget()
            self._previews.drop(source)
            self._typed.start()
            self._show_found()
        self._show_rows()
        self.changed.emit()

    def _look_at_current(self) -> None:
        source = self._current()
        if source is not None:
            self._look(source)
            self._show_found()

    def _look(self, source: SoundSource) -> None:
        if source.values["path"]:
            self._previews.ask(source, source.words())
        else:
            source.forget("Say which folder.")

    def _draw_again(self) -> None:
        source = self._current()
        if source is not None:
            source.seed += 1
            self._look(source)
            self.others.setEnabled(False)

    def _answered(self, source: SoundSource, found: dict[str, Any]) -> None:
        source.took(found)
        self._told(source)

    def _failed(self, source: SoundSource, text: str) -> None:
        source.forget(f"{text[:1].upper()}{text[1:]}")
        self._told(source)

    def _told(self, source: SoundSource) -> None:
        """Something else is known of a source."""
        if source is self._current():
            self.form.show_source(source)
            self._show_found()
        self._show_rows()
        self.changed.emit()

    # what is shown

    def _show_source(self) -> None:
        if self._typed.isActive():
            # the one that was left has been changed and not looked at
            self._typed.stop()
            for one in self._sources:
                if one.preview is None and not one.failure and not self._previews.looks_at(one):
                    self._look(one)
        source = self._current()
        self.sample.stop()
        self.form.setVisible(source is not None)
        self.remove.setEnabled(source is not None)
        if source is not None:
            self.form.show_source(source)
        self._show_found()
        self._show_rows()

    def _show_found(self) -> None:
        """What the preview of the current source says."""
        source = self._current()
        looking = source is not None and (self._typed.isActive() or self._previews.looks_at(source))
        found = None if source is None else source.preview
        if source is None:
            text = NONE_YET
        elif looking and found is None:
            text = LOOKING
        else:
            text = source.sentence()
        problem = "" if source is None else source.problem()
        for label, words in ((self.summary, text), (self.problem, problem)):
            label.setText(words)
            label.setVisible(bool(words))
        self.table.show_clips(found["sample"] if found is not None else [])
        self.others.setEnabled(found is not None and found["clips"] > len(found["sample"]))
        for widget in (self.table, self.play, self.others):
            widget.setVisible(found is not None and bool(found["sample"]))
        self._show_playing()

    def _show_rows(self) -> None:
        """The list of sources: path, and clips or what is wrong."""
        for row, source in enumerate(self._sources):
            item = self.list.item(row) or QListWidgetItem()
            told = source.problem().partition("\n")[0] or source.sentence() or LOOKING
            sign = "! " if source.problem() else ""
            item.setText(f"{sign}{source.values['path'] or 'no folder yet'}")
            item.setToolTip(tip(source.values["path"], told))
            item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{source.values['path']}, {told}")

    # listening

    def _toggle(self) -> None:
        clip = self.table.current()
        if clip is not None:
            self.sample.toggle(clip)

    def _show_playing(self) -> None:
        clip = self.table.current()
        self.play.setEnabled(clip is not None)
        self.play.setText("Pause" if clip is not None and self.sample.is_playing(clip) else "Play")
        self.table.mark_playing()

    def _not_heard(self, text: str) -> None:
        self.problem.setText(text)
        self.problem.show()

    def _player_failed(self, text: str) -> None:
        if self.isVisible():
            self._not_heard(text)

    # the window

    def theme_changed(self) -> None:
        """The text size or the colours may be others."""
        palette = QPalette(self.palette())
        palette.setColor(QPalette.ColorRole.WindowText, QColor(colours().warning))
        self.problem.setPalette(palette)
        self.list.setFixedHeight(SHOWN_SOURCES * row_height(self.list))

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802
        event.acceptProposedAction() if _folders(event) else event.ignore()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802
        for folder in _folders(event):
            event.acceptProposedAction()
            self.add_folder(folder)

    def _end(self) -> None:
        self._typed.stop()
        self._previews.close()
        self.sample.close()

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802
        self._end()
        super().closeEvent(event)


def _folders(event: QDragEnterEvent | QDropEvent) -> list[Path]:
    """The folders that are dropped."""
    paths = [Path(one.toLocalFile()) for one in event.mimeData().urls() if one.isLocalFile()]
    return [one for one in paths if one.is_dir()]
