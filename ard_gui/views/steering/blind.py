"""A/B: two answers side by side without saying which is steered, over many sounds; the share is told at the end."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QStackedWidget, QVBoxLayout, QWidget

from ard_gui.actions import Actions
from ard_gui.services.saved_sound import SavedSound
from ard_gui.services.steering_blind import BlindAnswers, drawn_sounds, sounds_of
from ard_gui.services.worker import Failure
from ard_gui.session import Session
from ard_gui.state.steering_blind import BlindTest, Verdict, setup_line
from ard_gui.state.steering_sweep import as_csv
from ard_gui.views.steering.blind_pages import SHOWN, Asking, Judgement, Result
from ard_gui.views.steering.study_ties import follow_study, places_of
from ard_gui.views.steering.sweep_lines import asked_told, overrides_told
from backend.store.notes.saved_steering import SavedResult
from backend.store.notes.steering import SteeredClip
from backend.study.atomic import write_text

OFFERED = 15


class BlindView(QWidget):
    """The session's present setup, judged blind on clips of the study."""

    def __init__(self, session: Session, actions: Actions) -> None:
        super().__init__()
        self._session, self._state = session, session.steering
        self.answers = BlindAnswers(places_of(session), session.answers)
        self.sound = SavedSound(session.media, session.player, self)
        self.asking, self.judgement, self.result = Asking(), Judgement(), Result()
        self.pages = QStackedWidget()
        self.dialog: QFileDialog | None = None
        self._drawing = self._ended = False
        for page in (self.asking, self.judgement, self.result):
            self.pages.addWidget(page)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.addWidget(self.pages)
        self.setFocusProxy(self.pages)
        self._connect()
        follow_study(session, self.answers)
        self._refresh()

    # a test

    def why_not(self) -> str:
        """Why no test can be started; "" if it can."""
        if self._session.overview is None:
            return "Open a study first."
        if not self._state.now.overrides:
            return "Set a feature first: its value is what is tested."
        if self.asking.source.currentData() == SHOWN and not self._shown_rows():
            return "No feature page is shown: choose a feature, or draw from the study."
        return ""

    def start_test(self) -> None:
        """Draw the sounds, then begin with the sliders as they are now."""
        overview, reason = self._session.overview, self.why_not()
        if reason or overview is None:
            self.asking.refuse(reason)
            return
        study, count, seed = overview.study, self.asking.count.value(), self.asking.seed.value()
        rows = self._shown_rows() if self.asking.source.currentData() == SHOWN else ()
        self._drawing = True
        self._session.worker.run(
            lambda: sounds_of(study, rows)[:count] if rows else drawn_sounds(study, count, seed),
            self._begin, self._not_drawn,
        )  # fmt: skip
        self._refresh()

    def judge(self, verdict: Verdict) -> None:
        """Take "A", "B" or "cannot tell" on the sound that is shown."""
        test = self.answers.test
        if test is not None and test.current is not None and test.current.ready:
            test.judge(verdict)
            self.sound.leave()
            self.answers.go_on()
            self._refresh()

    def end_test(self) -> None:
        """Judge no more; the result tells what was judged."""
        self._ended = True
        self.sound.leave()
        self.answers.stop()

    def new_test(self) -> None:
        """Back to the questions."""
        self.answers.stop()
        self.answers.test, self._ended = None, False
        self.asking.draw_seed()
        self._refresh()

    def summary(self) -> str:
        """The outcome with what was steered, as it goes into a note."""
        test, setup = self.answers.test, self.answers.setup
        if test is None or setup is None:
            return ""
        return f"{test.sentence()} Steered with {setup_line(setup.overrides)}; {setup.settings.summary()}."

    def write(self, path: Path) -> None:
        """Write every judgement as CSV."""
        test, setup, notices = self.answers.test, self.answers.setup, self._session.notices
        if test is None or setup is None:
            return
        asked = {**asked_told(setup, self.answers.sae), "overrides": overrides_told(setup)}
        path, text = path if path.suffix else path.with_suffix(".csv"), as_csv(test.rows(asked))
        self._session.worker.run(
            lambda: write_text(path, text),
            lambda _: notices.info(f"{len(test.trials)} judgements written to {path}"),
            lambda failure: notices.error(f"the judgements could not be written: {failure.text}", failure.details),
        )

    def add_to_note(self, saved: SavedResult) -> None:
        """Put the outcome behind the note of a saved result."""
        text = "\n".join(part for part in (saved.note, self.summary()) if part)
        self._session.notes.write(
            lambda notes, _: notes.note_result(saved.id, text),
            lambda _: self._session.notices.info(f"the result of the test is in the note of “{saved.heading}”"),
        )

    def toggle_sound(self) -> None:
        """Play the sound that is judged, or pause it."""
        test, overview = self.answers.test, self._session.overview
        if test is not None and test.current is not None and overview is not None:
            self.sound.toggle(test.current.sound, overview.study, self._session.preferences.values.roots)

    # the widget

    def _connect(self) -> None:
        session = self._session
        self.answers.changed.connect(self._refresh)
        self._state.changed.connect(lambda _: self._refresh())
        session.feature_read.connect(lambda _: self._refresh())
        session.study_closing.connect(self.sound.leave)
        session.closing.connect(self.sound.close)
        self.asking.begun.connect(self.start_test)
        self.asking.source.currentIndexChanged.connect(lambda _: self._refresh())
        self.judgement.judged.connect(self.judge)
        self.judgement.play_wanted.connect(self.toggle_sound)
        self.judgement.end_wanted.connect(self.end_test)
        self.result.export_wanted.connect(self._ask_for_file)
        self.result.again_wanted.connect(self.new_test)
        self.result.menu.aboutToShow.connect(self._offer_results)
        self.sound.changed.connect(self._show_sound)
        self.sound.failed.connect(session.notices.warning)

    def _shown_rows(self) -> tuple[int, ...]:
        """Clips on the page of the shown feature, each once, in its order."""
        lines = self._session.lines
        found = () if lines is None else (line.clip for group in lines.groups for line in group.lines)
        return tuple(dict.fromkeys(found))

    def _begin(self, sounds: list[SteeredClip]) -> None:
        self._drawing = self._ended = False
        asking = self.asking
        test = BlindTest(
            sounds, asking.reference.currentData(), asking.question.currentData(), asking.seed.value()
        )  # fmt: skip
        self.answers.begin(test, self._state.now, self._state.ranking)
        self._refresh()
        self.judgement.play.setFocus(Qt.FocusReason.OtherFocusReason)

    def _not_drawn(self, failure: Failure) -> None:
        self._drawing = False
        self._session.notices.error(failure.text, failure.details)
        self._refresh()

    def _refresh(self) -> None:
        test = self.answers.test
        if test is None:
            self.asking.refuse(self.why_not())
            self.asking.start.setEnabled(self.asking.start.isEnabled() and not self._drawing)
            self.pages.setCurrentWidget(self.asking)
            return
        trial = test.current
        if trial is None or self._ended:
            if self.pages.currentWidget() is not self.result:
                self.result.show_test(test)
                self.pages.setCurrentWidget(self.result)
            return
        self.judgement.show_trial(test, trial, self.answers.doing)
        self.pages.setCurrentWidget(self.judgement)

    def _show_sound(self) -> None:
        self.judgement.play.setText(
            "&Pause" if self.sound.playing else "Reading …" if self.sound.reading else "&Play"
        )  # fmt: skip

    def _offer_results(self) -> None:
        notes = self._session.notes.now
        self.result.menu.clear()
        for saved in [one for one in notes.results if one.sae == notes.key][:OFFERED]:
            self.result.menu.addAction(
                saved.heading.replace("&", "&&"), lambda saved=saved: self.add_to_note(saved)
            )  # fmt: skip
        if self.result.menu.isEmpty():
            self.result.menu.addAction("No steering result was saved yet").setEnabled(False)

    def _ask_for_file(self) -> None:
        self.dialog = QFileDialog(self, "Export the judgements", "", "CSV (*.csv)")
        self.dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        self.dialog.selectFile("ab-blind.csv")
        self.dialog.fileSelected.connect(lambda path: self.write(Path(path)))
        self.dialog.open()
