"""Changes one setting of the study, and lets a failed request run again with it."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QLineEdit,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from ard_gui.services.setting_edit import Editable, checked, read_settings, write
from ard_gui.services.worker import Failure
from ard_gui.session import Session
from backend.errors import ArdError
from backend.study.settings import Settings

FIRST = ("extract.batch_clips", "train.batch_tokens", "retrieve.memory_mb")
"""What is changed most where a run failed for want of memory."""


class EditSetting(QDialog):
    """Signals: written(), study.toml has the new value."""

    written = Signal()

    def __init__(self, window: QWidget, session: Session, failed: str) -> None:
        super().__init__(window)
        self._session = session
        self.settings: Editable | None = None
        self.setWindowTitle("Retry with an edited setting")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.told, self.means, self.problem = (QLabel() for _ in range(3))
        self.key, self.value = QComboBox(), QLineEdit()
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.write = self.buttons.addButton("&Write and retry", QDialogButtonBox.ButtonRole.AcceptRole)
        self._build(failed)
        overview = session.overview
        if overview is not None:
            study = overview.study
            session.worker.run(lambda: read_settings(study), self._read, self._failed)

    def _build(self, failed: str) -> None:
        self.told.setText(failed)
        self.key.setEditable(True)
        self.key.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
        self.key.setAccessibleName("Setting")
        self.key.setMinimumContentsLength(28)
        edit = self.key.lineEdit()
        assert edit is not None
        edit.setAccessibleName("Setting")
        self.value.setAccessibleName("Value")
        self.problem.setAccessibleName("What is wrong with the value")
        for label in (self.told, self.means, self.problem):
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        form = QFormLayout()
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
        form.addRow("&Setting", self.key)
        form.addRow("&Value", self.value)
        layout = QVBoxLayout(self)
        layout.addWidget(self.told)
        layout.addLayout(form)
        layout.addWidget(self.means)
        layout.addWidget(self.problem)
        layout.addStretch(1)
        layout.addWidget(self.buttons)
        self.setMinimumWidth(self.fontMetrics().averageCharWidth() * 64)
        self.write.setEnabled(False)
        self.key.currentTextChanged.connect(self._key_chosen)
        self.value.textChanged.connect(lambda _: self._check())
        self.buttons.accepted.connect(self._write)
        self.buttons.rejected.connect(self.reject)

    def _read(self, found: Editable) -> None:
        self.settings = found
        keys = [one for one in FIRST if one in found.keys]
        self.key.addItems([*keys, *(one for one in found.keys if one not in keys)])
        self.key.setFocus()

    def _failed(self, failure: Failure) -> None:
        self.problem.setText(failure.text)
        self.write.setEnabled(self.settings is not None)

    def _key_chosen(self, key: str) -> None:
        if self.settings is not None:
            self.value.setText(self.settings.text(key))
            self.means.setText(meaning(key))
            self._check()

    def _check(self) -> None:
        found = self.settings
        if found is None:
            return
        try:
            checked(found, self.key.currentText(), self.value.text())
        except ArdError as error:
            self.problem.setText(str(error))
            self.write.setEnabled(False)
            return
        same = self.value.text() == found.text(self.key.currentText())
        self.problem.setText("This is the present value." if same else "")
        self.write.setEnabled(not same)

    def _write(self) -> None:
        found, key, text = self.settings, self.key.currentText(), self.value.text()
        if found is not None:
            self.write.setEnabled(False)
            self._session.worker.run(
                lambda: write(found, key, checked(found, key, text)), lambda _: self._done(), self._failed
            )

    def _done(self) -> None:
        self.written.emit()
        self.accept()


def meaning(key: str) -> str:
    """What a setting does, as study.toml says beside it; "" for one that is not there."""
    section, _, name = key.partition(".")
    field = Settings.model_fields.get(section)
    model = None if field is None else field.annotation
    fields = getattr(model, "model_fields", {})
    return str(fields[name].description or "") if name in fields else ""
