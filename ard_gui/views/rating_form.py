"""A new blind rating study: which methods, how many concepts, which seed (A-44)."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QFormLayout,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from ard_gui.services.rating_reading import rating_methods
from ard_gui.session import Session
from ard_gui.views.rating_steps import plain
from backend.store.notes.rating_book import RatingBook
from backend.store.notes.rating_plan import CONCEPTS, LISTEN_SECONDS, RatingPlan, plan

LARGEST_SEED = 2**31 - 1


class RatingForm(QDialog):
    """Draws the study and keeps it; stays open with the reason where it cannot.

    Signals
    -------
    made(key: str)
    """

    made = Signal(str)

    def __init__(self, parent: QWidget, session: Session) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("New blind rating study")
        self._session = session
        self.methods = QListWidget()
        self.methods.setAccessibleName("Methods to compare")
        self.concepts, self.seed, self.p = QSpinBox(), QSpinBox(), QSpinBox()
        self.listen = QDoubleSpinBox()
        self.trace = QCheckBox("Draw the activation trace (it may tell the methods apart)")
        self.name = QLineEdit()
        self.told = plain("Counting the named features …")
        self.buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
        )  # fmt: skip
        self._build()
        session.reader.ready.connect(self._arrived)
        session.reader.failed.connect(self._failed)
        assert session.overview is not None
        self._study = session.overview.study
        study = self._study
        session.reader.ask("rating-methods", lambda: rating_methods(study))

    def chosen(self) -> list[str]:
        """Ids of the checked methods."""
        rows = (self.methods.item(row) for row in range(self.methods.count()))
        return [row.data(Qt.ItemDataRole.UserRole) for row in rows if row.checkState() == Qt.CheckState.Checked]

    def make(self) -> None:
        """Draw it."""
        study, methods, author = self._study, self.chosen(), self._session.preferences.values.author
        asked: dict[str, Any] = {
            "concepts": self.concepts.value(), "seed": self.seed.value(), "p": self.p.value(),
            "listen_seconds": self.listen.value(), "trace": self.trace.isChecked(), "name": self.name.text(),
            "author": author,
        }  # fmt: skip
        self._ok(False)
        self.told.setText("Drawing the concepts …")
        self._session.reader.ask("rating-plan", lambda: plan(study, methods, **asked))

    def _build(self) -> None:
        for spin, low, high, value, name in (
            (self.concepts, 1, 100_000, CONCEPTS, "Concepts of each method"),
            (self.seed, 0, LARGEST_SEED, 0, "Seed"),
            (self.p, 0, 64, 0, "Clips per concept"),
        ):
            spin.setRange(low, high)
            spin.setValue(value)
            spin.setAccessibleName(name)
        self.p.setSpecialValueText("as features are ranked")
        self.listen.setRange(0, 600)
        self.listen.setSuffix(" s")
        self.listen.setValue(LISTEN_SECONDS)
        self.listen.setAccessibleName("Seconds of a clip that must be heard")
        self.name.setAccessibleName("Name of the rating study")
        self.name.setPlaceholderText("made from the settings")
        self.methods.itemChanged.connect(lambda _: self._count())
        self.concepts.valueChanged.connect(lambda _: self._count())
        self.buttons.accepted.connect(self.make)
        self.buttons.rejected.connect(self.reject)
        form = QFormLayout()
        for label, field in (
            ("&Methods", self.methods), ("&Concepts of each", self.concepts), ("&Seed", self.seed),
            ("Clips per concept (&p)", self.p), ("&Listen at least", self.listen), ("", self.trace),
            ("&Name", self.name),
        ):  # fmt: skip
            form.addRow(label, field)
        layout = QVBoxLayout(self)
        layout.addLayout(form)
        layout.addWidget(self.told)
        layout.addWidget(self.buttons)
        self.resize(560, 480)
        self._ok(False)

    def _arrived(self, kind: str, result: Any) -> None:
        if kind == "rating-methods":
            self._fill(result)
        elif kind == "rating-plan":
            self._keep(result)

    def _failed(self, kind: str, message: str) -> None:
        if kind in ("rating-methods", "rating-plan"):
            self.told.setText(message)
            self._ok(bool(self.chosen()))

    def _fill(self, found: list[tuple[str, int]]) -> None:
        self.methods.clear()
        for name, named in found:
            row = QListWidgetItem(f"{name}  ({named} named)" if named else f"{name}  (no names yet)")
            row.setData(Qt.ItemDataRole.UserRole, name)
            row.setData(Qt.ItemDataRole.UserRole + 1, named)
            row.setToolTip(row.text())
            if not named:
                row.setFlags(row.flags() & ~Qt.ItemFlag.ItemIsEnabled)
            row.setCheckState(Qt.CheckState.Checked if named else Qt.CheckState.Unchecked)
            self.methods.addItem(row)
        self._count()

    def _count(self) -> None:
        methods = len(self.chosen())
        total = methods * self.concepts.value()
        self._ok(methods > 0)
        self.told.setText(
            f"Each rater judges {total} concepts, in one random order." if methods
            else "Choose at least one method with names. Names are made by: ard describe"
        )  # fmt: skip

    def _keep(self, found: RatingPlan) -> None:
        def done(_change: object) -> None:
            self.made.emit(found.key)
            self.accept()

        self._session.notes.write(
            lambda notes, _: RatingBook(notes).add(found), done,
            lambda failure: self._failed("rating-plan", failure.text),
        )  # fmt: skip

    def _ok(self, enabled: bool) -> None:
        self.buttons.button(QDialogButtonBox.StandardButton.Ok).setEnabled(enabled)
