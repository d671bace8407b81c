"""The form for a new study: five short sections, what it will cost beside them, and the two ways to make it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QMessageBox,
    QPushButton,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from ard_gui.services.command_answer import CommandAnswer
from ard_gui.services.draft_estimate import DraftEstimate
from ard_gui.services.worker import Failure
from ard_gui.session import Session
from ard_gui.state.form_sections import FOLDER, SECTIONS, by_section, section_of, summary
from ard_gui.state.study_form import StudyForm, folder_problem
from ard_gui.state.study_wish import StudyWish
from ard_gui.views.estimate_panel import EstimatePanel
from ard_gui.views.new_study.recipe_section import RecipeSection
from ard_gui.views.new_study.section_lines import KIND, TOLD, SectionLines
from ard_gui.views.new_study.sections import DescribeSection, LayerSection, ModelSection, Section, SoundSection
from ard_gui.views.paths import FolderField
from ard_gui.views.plain_text import tip
from ard_gui.views.sentence import Sentence
from backend.study.folder import Study

SIZE = (1160, 800)
NAV_LETTERS, PANEL_LETTERS = 24, 40


class NewStudy(QDialog):
    """Nothing is written before one of its buttons is pressed.

    Parameters
    ----------
    sounds : list of Path
        Folders of sound to begin with.

    Signals
    -------
    made(Path, bool)
        The study's folder, and whether all of its stages are to be run.
    """

    made = Signal(object, bool)

    def __init__(self, window: QWidget, session: Session, sounds: list[Path]) -> None:
        super().__init__(window)
        self.setWindowTitle("New study")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(min(SIZE[0], window.width()), min(SIZE[1], window.height()))
        self._session = session
        self.form = StudyForm([{"path": str(one)} for one in sounds])
        self.folder = FolderField("Folder of the new study", "a new folder")
        self.folder_told = Sentence(kind="bad", name="What is wrong with the folder")
        self.model = ModelSection(self.form, session)
        self.sounds = SoundSection(self.form, session)
        self.layers = LayerSection(self.form)
        self.recipe = RecipeSection(self.form)
        self.describe = DescribeSection(self.form)
        self.sections: dict[str, Section] = dict(
            zip(SECTIONS, (self.model, self.sounds, self.layers, self.recipe, self.describe), strict=True)
        )
        self.nav, self._pages = QListWidget(), QStackedWidget()
        self.panel = EstimatePanel(DraftEstimate(session.worker, parent=self))
        self.note = Sentence(kind="bad", name="What came of it")
        self.show_toml = QPushButton("Show as study.&toml …")
        self.only_make, self.make = QPushButton("&Only make"), QPushButton("&Make and run")
        self._making, self._open = False, True
        self._estimated: StudyWish | None = None
        self._answer = CommandAnswer(self)
        self._build()
        self._connect()
        self._answer.ask(["choices", "--json"])
        self._follow()
        self.folder.setFocus()

    def show_section(self, name: str) -> None:
        """Show one of `SECTIONS`."""
        self.nav.setCurrentRow(SECTIONS.index(name))

    def _build(self) -> None:
        self.nav.setAccessibleName("Sections of the form")
        self.nav.setItemDelegate(SectionLines(self.nav))
        self.nav.setUniformItemSizes(True)
        self.nav.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        for name, page in self.sections.items():
            QListWidgetItem(name, self.nav)
            self._pages.addWidget(page)
        self.nav.currentRowChanged.connect(self._pages.setCurrentIndex)
        middle = QHBoxLayout()
        middle.addWidget(self.nav)
        middle.addWidget(self._pages, 1)
        middle.addWidget(self.panel)
        layout = QVBoxLayout(self)
        layout.addLayout(self._folder_row())
        layout.addWidget(self.folder_told)
        layout.addLayout(middle, 1)
        layout.addWidget(self.note)
        layout.addLayout(self._buttons())
        self.nav.setCurrentRow(0)
        for button in self.findChildren(QPushButton):
            # Enter in a field takes what is in it; it must neither make the study nor open another window
            button.setAutoDefault(False)
        self.theme_changed()

    def theme_changed(self) -> None:
        """The text size may be another."""
        letter = self.fontMetrics().averageCharWidth()
        self.nav.setFixedWidth(min(letter * NAV_LETTERS, self.width() // 5))
        self.panel.setFixedWidth(min(letter * PANEL_LETTERS, self.width() * 3 // 10))

    def _folder_row(self) -> QHBoxLayout:
        row = QHBoxLayout()
        label = QLabel("Study &folder")
        label.setBuddy(self.folder)
        row.addWidget(label)
        row.addWidget(self.folder, 1)
        return row

    def _buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.addWidget(self.show_toml)
        row.addStretch(1)
        cancel = QPushButton("Cancel")
        cancel.clicked.connect(self.reject)
        for button in (cancel, self.only_make, self.make):
            row.addWidget(button)
        return row

    def _connect(self) -> None:
        self.folder.line.textChanged.connect(lambda _: self._look_at_folder())
        self.form.changed.connect(self._follow)
        self._answer.answered.connect(self._offer)
        self._answer.failed.connect(lambda text: self.note.tell(f"What can be chosen could not be listed: {text}"))
        self.recipe.all_wanted.connect(self.all_settings)
        self.show_toml.clicked.connect(self._show_toml)
        self.only_make.clicked.connect(lambda: self._make(run=False))
        self.make.clicked.connect(self._ask_and_make)

    # what the form says

    def _offer(self, choices: dict[str, Any]) -> None:
        self.model.offer(choices)
        self.recipe.offer(choices)
        self.describe.offer(choices)
        self.form.learn(choices=choices)

    def _look_at_folder(self) -> None:
        folder = self.folder.text()
        self.form.set_place(folder=folder)
        self.form.learn(folder_problem="")

        def found(problem: str) -> None:
            if folder == self.form.folder:
                self.form.learn(folder_problem=problem)

        if folder:
            self._session.worker.run(lambda: folder_problem(folder), found)

    def _follow(self) -> None:
        problems, cautions = self.form.problems(), self.form.cautions()
        for section in self.sections.values():
            section.show_problems(problems, cautions)
        wrong, minded, told = by_section(problems), by_section(cautions), summary(self.form)
        self.folder_told.tell(self.form.folder_problem)
        for row, name in enumerate(SECTIONS):
            self._show_in_nav(self.nav.item(row), name, told[name], wrong.get(name, []), minded.get(name, []))
        for button in (self.make, self.only_make):
            button.setEnabled(not problems and not self._making)
            button.setToolTip(tip("Still wanted:", *problems.values()) if problems else "")
        self._estimate(problems)

    def _show_in_nav(self, item: QListWidgetItem, name: str, told: str, wrong: list[str], minded: list[str]) -> None:
        item.setText(f"{name} !" if wrong or minded else name)
        item.setData(TOLD, told)
        item.setData(KIND, "bad" if wrong else "warning" if minded else "")
        item.setToolTip(tip(*wrong, *minded, told))
        item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{name}: {told}" if told else name)
        item.setData(Qt.ItemDataRole.AccessibleDescriptionRole, " ".join([*wrong, *minded]))

    def _estimate(self, problems: dict[str, str]) -> None:
        """The folder and its name change nothing in what a run takes."""
        usable = not {place for place in problems if section_of(place) != FOLDER}
        wish = self.form.wish() if usable else None
        before, self._estimated = self._estimated, wish
        if wish is None:
            if before is not None or self.panel.estimate is not None:
                self.panel.draft(None)
        elif before is None or wish.words()[2:] != before.words()[2:]:
            uuid = self.form.uuid
            self.panel.draft(lambda: wish.text(uuid))

    # what can be opened from it

    def all_settings(self) -> None:
        """Every setting in a list of its own."""
        from ard_gui.views.new_study.all_settings import AllSettings

        AllSettings(self, self.form).open()

    def _show_toml(self) -> None:
        from ard_gui.views.new_study.toml_dialog import TomlDialog

        wish, uuid = self.form.wish(), self.form.uuid

        def show(text: str) -> None:
            if self._open:
                TomlDialog(self, text, wish.command()).open()

        self._session.worker.run(
            lambda: wish.text(uuid), show, lambda failure: show(f"# There is none yet: {failure.text}")
        )

    # making it

    def _ask_and_make(self) -> None:
        """Make and run; asked once more where it is known that the run will not come to its end."""
        estimate = self.panel.estimate
        told = [*([estimate.short] if estimate is not None and estimate.short else []), *self.form.cautions().values()]
        if not told:
            self._make(run=True)
            return
        box = QMessageBox(QMessageBox.Icon.Warning, "Make and run?", "\n\n".join(told), parent=self)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setInformativeText("The run will probably fail. What it has finished by then is kept.")
        box.setObjectName("ask-once-more")
        anyway = box.addButton("Make and run all the same", QMessageBox.ButtonRole.AcceptRole)
        box.setDefaultButton(box.addButton(QMessageBox.StandardButton.Cancel))
        anyway.clicked.connect(lambda: self._make(run=True))
        box.open()

    def _make(self, *, run: bool) -> None:
        wish, uuid, self._making = self.form.wish(), self.form.uuid, True
        self.note.tell("Making the study …", "muted")
        self._follow()

        def made(study: Study) -> None:
            self._making = False
            if self._open:
                self.made.emit(study.root, run)
                self.close()

        self._session.worker.run(lambda: wish.make(uuid), made, self._not_made)

    def _not_made(self, failure: Failure) -> None:
        self._making = False
        if self._open:
            self.note.tell(failure.text, "bad")
            self._look_at_folder()

    def done(self, result: int) -> None:
        """Every way to close ends here."""
        self._open = False
        self._answer.close()
        self.panel.close_estimate()
        self.model.part.close()
        self.sounds.part.close()
        super().done(result)
