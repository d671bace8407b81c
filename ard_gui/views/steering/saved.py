"""Saved steering results: read again, heard again, noted on, exported, and opened in the panel."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QFocusEvent, QGuiApplication
from PySide6.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMenu,
    QPlainTextEdit,
    QPushButton,
    QSizePolicy,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from ard_gui.actions import Actions
from ard_gui.services.saved_sound import SavedSound
from ard_gui.session import Session
from ard_gui.views.steering.saved_answers import SavedAnswers
from ard_gui.views.steering.saved_table import ResultFilter, SavedTable
from backend.export.steering import reproducing_command, settings_line, steering_records, write_steering
from backend.store.notes.keys import sae_keys
from backend.store.notes.notes import Notes
from backend.store.notes.saved_steering import SavedResult
from backend.store.notes.steering import SteeringResult
from backend.study.folder import Study

EMPTY = "No steering result was saved yet. Steer on a clip and press Save in the steering panel."
NONE_FITS = "No saved result has these words."
KINDS = "CSV (*.csv);;JSON (*.json);;Markdown (*.md)"
NOTE_LINES = 3


class NoteEditor(QPlainTextEdit):
    """A few lines of text. Signals: left() when the keyboard goes elsewhere."""

    left = Signal()

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        super().focusOutEvent(event)
        self.left.emit()


class SavedResults(QWidget):
    """Lists the saved results of the open study and shows the current one.

    Signals
    -------
    open_wanted(SteeringResult)
        The person wants to go on from this result in the steering panel. It may be of another SAE than the one shown.

    Attributes
    ----------
    result : SteeringResult or None
        All of the current result; None until it has been read, and for one that cannot be read.
    """

    open_wanted = Signal(object)

    def __init__(self, session: Session, actions: Actions) -> None:
        super().__init__()
        self._session = session
        self.result: SteeringResult | None = None
        self._shown = ""
        self._seen: tuple[Sequence[SavedResult], str] = ((), "")
        self.sound = SavedSound(session.media, session.player, self)
        self.filter, self.only_this = QLineEdit(), QCheckBox("Only of the SAE &shown")
        self.table, self.answers, self.note = SavedTable(), SavedAnswers(), NoteEditor()
        self.empty, self.told = QLabel(), QLabel()
        self.play, self.open = QPushButton("&Play"), QPushButton("&Open in panel")
        self.copy, self.delete = QPushButton("Copy as co&mmand"), QPushButton("&Delete")
        self.export = QPushButton("E&xport")
        self.dialog: QFileDialog | None = None
        self._build()
        self._connect()
        self.refresh()

    def refresh(self) -> None:
        """Show the results that fit the filter, as the notes have them now."""
        notes = self._session.notes.now
        self._seen = (notes.results, notes.key)
        wanted = ResultFilter(self.filter.text(), notes.key if self.only_this.isChecked() else "")
        self.table.show_results([one for one in notes.results if wanted(one)])
        self.empty.setText(NONE_FITS if notes.results else EMPTY)
        self.empty.setVisible(not self.table.results)

    def show_saved(self, result: str) -> None:
        """Make a result the current one, also one that the filter hides."""
        if all(one.id != result for one in self.table.results):
            self.filter.clear()
            self.only_this.setChecked(False)
        self.table.choose(result)

    def toggle_sound(self) -> None:
        """Play the sound that the current result answers to, or pause it."""
        study = self._session.overview
        if self.result is not None and study is not None:
            self.sound.toggle(self.result.clip, study.study, self._session.preferences.values.roots)

    def open_in_panel(self) -> None:
        if self.result is not None:
            self.open_wanted.emit(self.result)

    def copy_command(self) -> None:
        """Put the command line that makes the current result again on the clipboard."""
        result, study = self.result, self._session.overview
        if result is None or study is None:
            return
        place = study.study

        def copied(text: str) -> None:
            QGuiApplication.clipboard().setText(text)
            self._session.notices.info("the command line that makes this result again is on the clipboard")

        self._session.notes.perform(lambda _: _command(result, place), copied)

    def delete_marked(self) -> None:
        """Take the marked results away; Undo brings them back."""
        marked = [one.id for one in self.table.marked()]
        if marked:
            self._session.notes.write(lambda notes, _: notes.delete_result(*marked))

    def ask_for_file(self, results: Sequence[SavedResult]) -> None:
        """Ask where these results are exported to."""
        if not results:
            return
        self.dialog = QFileDialog(self, f"Export {len(results)} steering results", "", KINDS)
        self.dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        self.dialog.selectFile("steering.csv")
        self.dialog.filterSelected.connect(self._change_ending)
        self.dialog.fileSelected.connect(lambda path: self.write(results, Path(path)))
        self.dialog.open()

    def write(self, results: Sequence[SavedResult], path: Path) -> None:
        """Write these results to .csv, .json or .md."""
        session, study = self._session, self._session.overview
        if study is None:
            return
        place, chosen = study.study, [one.id for one in results]
        path = path if path.suffix else path.with_suffix(".csv")

        def work(notes: Notes) -> int:
            return write_steering(steering_records(notes, place.root, sae_keys(place), chosen), path)

        session.notes.perform(
            work, lambda count: session.notices.info(f"{count} steering results written to {path}")
        )  # fmt: skip

    def save_note(self) -> None:
        """Keep what stands in the note's field, if it was changed."""
        result, text = self._shown, self.note.toPlainText()
        if result and self.note.document().isModified() and self._session.notes.available:
            self.note.document().setModified(False)
            self._session.notes.write(lambda notes, _: notes.note_result(result, text))

    def _build(self) -> None:
        self.filter.setPlaceholderText("Search results")
        self.filter.setClearButtonEnabled(True)
        self.filter.setAccessibleName("Search saved results")
        for label in (self.empty, self.told):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setWordWrap(True)
            label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self.told.setAccessibleName("Settings of this result")
        self.told.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.note.setAccessibleName("Note on this result")
        self.note.setPlaceholderText("Note on this result")
        self.note.setTabChangesFocus(True)
        self.note.setFixedHeight(self.note.fontMetrics().lineSpacing() * NOTE_LINES + 12)
        menu = QMenu(self.export)
        menu.addAction("Marked results …", lambda: self.ask_for_file(self.table.marked()))
        menu.addAction("All results shown …", lambda: self.ask_for_file(self.table.results))
        self.export.setMenu(menu)
        for button, text in (
            (self.play, "Play the sound that was steered on (Space in the list)"),
            (self.open, "Go on from this result in the steering panel (Return in the list)"),
            (self.copy, "Copy the command line that makes this result again"),
            (self.delete, "Delete the marked results; Undo brings them back (Del in the list)"),
            (self.export, "Write results as CSV, JSON or Markdown"),
        ):
            button.setToolTip(text)
        top = QHBoxLayout()
        top.addWidget(self.filter, 1)
        top.addWidget(self.only_this)
        upper, lower = QWidget(), QWidget()
        listed = QVBoxLayout(upper)
        listed.setContentsMargins(0, 0, 0, 0)
        listed.addLayout(top)
        listed.addWidget(self.empty)
        listed.addWidget(self.table, 1)
        page = QVBoxLayout(lower)
        page.setContentsMargins(0, 0, 0, 0)
        page.addLayout(self._buttons())
        page.addWidget(self.told)
        page.addWidget(self.answers, 1)
        page.addWidget(self.note)
        halves = QSplitter(Qt.Orientation.Vertical)
        halves.addWidget(upper)
        halves.addWidget(lower)
        halves.setChildrenCollapsible(False)
        halves.setSizes([240, 360])
        layout = QVBoxLayout(self)
        layout.addWidget(halves)
        self.setFocusProxy(self.table)

    def _buttons(self) -> QGridLayout:
        """Two rows, so that a dock need not be wide."""
        found = QGridLayout()
        for place, button in enumerate((self.play, self.open, self.copy, self.export, self.delete)):
            found.addWidget(button, place // 3, place % 3)
        return found

    def _connect(self) -> None:
        session = self._session
        self.filter.textChanged.connect(lambda _: self.refresh())
        self.only_this.toggled.connect(lambda _: self.refresh())
        self.table.current_changed.connect(self._show_current)
        self.table.renamed.connect(lambda one, title: session.notes.write(lambda n, _: n.title_result(one, title)))
        self.table.play_wanted.connect(self.toggle_sound)
        self.table.delete_wanted.connect(self.delete_marked)
        self.table.open_wanted.connect(self.open_in_panel)
        self.note.left.connect(self.save_note)
        for button, act in (
            (self.play, self.toggle_sound), (self.open, self.open_in_panel), (self.copy, self.copy_command),
            (self.delete, self.delete_marked),
        ):  # fmt: skip
            button.clicked.connect(lambda _=False, act=act: act())
        self.sound.changed.connect(self._show_sound)
        self.sound.failed.connect(session.notices.warning)
        session.notes.changed.connect(self._notes_changed)
        session.study_closing.connect(self._leave)
        session.closing.connect(self._close)

    def _notes_changed(self) -> None:
        """Most changes are stars and names, and the list need not be made anew."""
        notes = self._session.notes.now
        if self._seen[0] is not notes.results or self._seen[1] != notes.key:
            self.refresh()

    def _show_current(self) -> None:
        """Another result is the current one, or the same one was edited."""
        one = self.table.current()
        now = "" if one is None else one.id
        if now != self._shown:
            self.save_note()
            self._shown, self.result = now, None
            self._show_result(None)
            if one is not None and not one.contents.problem:
                self._session.notes.perform(
                    lambda notes: notes.steering_result(now), lambda found: self._read(now, found)
                )
        if not self.note.document().isModified():
            self._set_note("" if one is None else one.note)
        if one is not None and one.contents.problem:
            self.told.setText(f"This result cannot be shown: {one.contents.problem}")
        self._enable()

    def _read(self, id_: str, result: SteeringResult) -> None:
        if id_ == self._shown:
            self._show_result(result)

    def _show_result(self, result: SteeringResult | None) -> None:
        self.result = result
        self.answers.show_result(result)
        self.told.setText("" if result is None else _told(result))
        self._show_sound()
        self._enable()

    def _set_note(self, text: str) -> None:
        if self.note.toPlainText() != text:
            self.note.setPlainText(text)
        self.note.document().setModified(False)

    def _enable(self) -> None:
        for button in (self.play, self.open, self.copy):
            button.setEnabled(self.result is not None)
        self.delete.setEnabled(bool(self.table.marked()))
        self.export.setEnabled(bool(self.table.results))
        self.note.setEnabled(bool(self._shown))

    def _show_sound(self) -> None:
        mine = self.result is not None and self.sound.clip == self.result.clip
        playing = mine and self.sound.playing
        reading = mine and self.sound.reading
        self.play.setText("&Pause" if playing else "Reading …" if reading else "&Play")
        self.answers.set_lit(playing)

    def _change_ending(self, kind: str) -> None:
        """Another format was chosen in the dialog."""
        if self.dialog is not None and self.dialog.selectedFiles():
            ending = kind.partition("*")[2].rstrip(")")
            self.dialog.selectFile(Path(self.dialog.selectedFiles()[0]).with_suffix(ending).name)

    def _leave(self) -> None:
        self.save_note()
        self.sound.leave()

    def _close(self) -> None:
        self.save_note()
        self.sound.close()


def _told(result: SteeringResult) -> str:
    """What was asked, under which settings."""
    sound = result.clip.record or result.clip.path
    return "\n".join((
        f"{result.values() or 'nothing overridden'}; {result.ranking} ({result.layer})",
        settings_line(result),
        f"{sound}: {result.prompt}" if result.prompt else sound,
    ))  # fmt: skip


def _command(result: SteeringResult, study: Study) -> str:
    ids = {key: name for name, key in reversed(sae_keys(study).items())}
    return reproducing_command(result, study.root, ids.get(result.sae, ""))[1]
