"""Preferences: every change holds at once and is kept."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QFormLayout,
    QGroupBox,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from ard_gui.state.preferences import Preferences
from ard_gui.theme import THEMES, row_height
from ard_gui.views.plain_text import tip

BOXES = (
    ("autoplay", "Play each clip as soon as it is chosen"),
    ("loop", "Loop"),
    ("only_active", "Play only where the feature is active"),
    ("match_loudness", "Play all clips equally loud"),
)
DEVICES = ("", "silent")
PREFIX_TOLD = (
    "Put before python for extraction and training, e.g. torchrun --nproc-per-node 2 --no-python, or srun … on several "
    "nodes. It is your own and never read from a study: a study from elsewhere must not be able to run a command."
)


class PreferencesDialog(QDialog):
    """Shows the values in use, also when something else changes them."""

    def __init__(self, window: QWidget, preferences: Preferences) -> None:
        super().__init__(window)
        self.setWindowTitle("Preferences")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(min(680, window.width()), min(720, window.height()))
        self._preferences = preferences
        self._fields: dict[str, Callable[[Any], object]] = {}
        body = QWidget()
        column = QVBoxLayout(body)
        for group in (self._look(), self._person(), self._listening(), self._pictures(), self._runs(), self._sounds()):
            column.addWidget(group)
        column.addStretch(1)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QScrollArea.Shape.NoFrame)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setWidget(body)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        self.reset = buttons.addButton("&Reset all", QDialogButtonBox.ButtonRole.ResetRole)
        self.reset.setToolTip("Recent studies and folders of sound stay.")
        self.reset.clicked.connect(preferences.reset)
        buttons.rejected.connect(self.close)
        for button in (*buttons.buttons(), self.forget):
            # Enter in a field keeps what is in it; it must not close the dialog.
            if isinstance(button, QPushButton):
                button.setAutoDefault(False)
        layout = QVBoxLayout(self)
        layout.addWidget(area, 1)
        layout.addWidget(buttons)
        for name in self._fields:
            self._show(name)
        ended = preferences.changed.connect(self._show)
        self.finished.connect(lambda _: ended())

    def _look(self) -> QGroupBox:
        self.theme = QComboBox()
        self.theme.addItems(THEMES)
        self.theme.currentTextChanged.connect(lambda text: self._set("theme", text))
        self.text_size = QDoubleSpinBox()
        self.text_size.setRange(5.5, 32)
        self.text_size.setDecimals(1)
        self.text_size.setSingleStep(0.5)
        self.text_size.setSuffix(" pt")
        self.text_size.setSpecialValueText("as the system")
        self.text_size.setToolTip("The lowest value means the system's size.")
        self.text_size.setKeyboardTracking(False)
        self.text_size.valueChanged.connect(lambda value: self._set("font_points", 0.0 if value < 6 else value))
        self._fields["theme"] = self.theme.setCurrentText
        self._fields["font_points"] = lambda value: self.text_size.setValue(value or self.text_size.minimum())
        return _group("Look", ("&Theme", self.theme), ("Text &size", self.text_size))

    def _person(self) -> QGroupBox:
        self.author = QLineEdit()
        self.author.setMaxLength(200)
        self.author.setPlaceholderText("your login name")
        self.author.setToolTip("Signs notes and ratings from the next study that is opened.")
        self.author.editingFinished.connect(lambda: self._set("author", self.author.text().strip()))
        self._fields["author"] = self.author.setText
        return _group("You", ("&Author", self.author))

    def _listening(self) -> QGroupBox:
        self.device = QComboBox()
        self.device.setEditable(True)
        self.device.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.device.addItems(DEVICES)
        self.device_name = QLineEdit()
        self.device_name.setPlaceholderText("the system's")
        self.device_name.setAccessibleName("Name of the output device")
        self.device.setLineEdit(self.device_name)
        self.device.setToolTip('Name of the output device; empty for the system\'s, "silent" for none.')
        self.device_name.editingFinished.connect(lambda: self._set("device", self.device.currentText().strip()))
        self.device.activated.connect(lambda _: self._set("device", self.device.currentText().strip()))
        self.latency = _number(-1000, 1000, 5, " ms")
        self.latency.setToolTip("Added to the playhead's delay, where it runs ahead of what you hear or behind it.")
        self.latency.valueChanged.connect(lambda value: self._set("latency_ms", value))
        self._fields["device"] = self.device.setEditText
        self._fields["latency_ms"] = self.latency.setValue
        rows: list[tuple[str, QWidget]] = [("Output &device", self.device), ("Latency &offset", self.latency)]
        self.boxes = {name: QCheckBox(text) for name, text in BOXES}
        for name, box in self.boxes.items():
            box.toggled.connect(lambda on, name=name: self._set(name, on))
            self._fields[name] = box.setChecked
            rows.append(("", box))
        return _group("Listening", *rows)

    def _pictures(self) -> QGroupBox:
        self.range = _number(20, 120, 5, " dB")
        self.range.valueChanged.connect(lambda value: self._set("range_db", value))
        self._fields["range_db"] = self.range.setValue
        return _group("Spectrograms", ("Dynamic &range", self.range))

    def _runs(self) -> QGroupBox:
        self.notify = QCheckBox("Tell me when a run of more than a minute ends")
        self.notify.toggled.connect(lambda on: self._set("notify_runs", on))
        self.prefix = QLineEdit()
        self.prefix.setMaxLength(2000)
        self.prefix.setPlaceholderText("none: one process")
        self.prefix.editingFinished.connect(self._set_prefix)
        told = QLabel(PREFIX_TOLD)
        told.setWordWrap(True)
        self._fields["notify_runs"] = self.notify.setChecked
        self._fields["launch_prefix"] = self.prefix.setText
        return _group("Runs", ("", self.notify), ("Launch &prefix", self.prefix), ("", told))

    def _set_prefix(self) -> None:
        """Quotation marks that are not closed cannot be kept: nobody could tell what is to be run."""
        try:
            shlex.split(self.prefix.text(), posix=os.name != "nt")
        except ValueError as error:
            self.prefix.setToolTip(f"This is no command line: {error}. The one before is kept.")
            self.prefix.setText(self._preferences.values.launch_prefix)
            return
        self.prefix.setToolTip("")
        self._set("launch_prefix", self.prefix.text().strip())

    def _sounds(self) -> QGroupBox:
        self.roots = QTableWidget(0, 2)
        self.roots.setAccessibleName("Folders of sound on this machine")
        self.roots.setHorizontalHeaderLabels(("Folder in a study", "Where it lies here"))
        self.roots.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.roots.verticalHeader().hide()
        self.roots.verticalHeader().setDefaultSectionSize(row_height(self))
        self.roots.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.roots.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.roots.setTabKeyNavigation(False)
        self.roots.setMinimumHeight(6 * row_height(self))
        told = QLabel("File › Find moved sounds adds to this list.")
        told.setWordWrap(True)
        self.forget = QPushButton("&Forget the chosen one")
        self.forget.clicked.connect(self._forget_root)
        self._fields["roots"] = self._list_roots
        group = QGroupBox("Folders of sound")
        layout = QVBoxLayout(group)
        for widget in (told, self.roots, self.forget):
            layout.addWidget(widget)
        return group

    def _list_roots(self, roots: dict[str, str]) -> None:
        self.roots.setRowCount(len(roots))
        for row, pair in enumerate(roots.items()):
            for column, text in enumerate(pair):
                item = QTableWidgetItem(text)
                item.setToolTip(tip(text))
                self.roots.setItem(row, column, item)
        self.forget.setEnabled(bool(roots))

    def _forget_root(self) -> None:
        item = self.roots.item(self.roots.currentRow(), 0)
        if item is not None:
            roots = self._preferences.values.roots
            self._set("roots", {root: path for root, path in roots.items() if root != item.text()})

    def _set(self, name: str, value: Any) -> None:
        self._preferences.set(name, value)

    def _show(self, name: str) -> None:
        if name in self._fields:
            self._fields[name](getattr(self._preferences.values, name))


def _number(low: float, high: float, step: float, suffix: str) -> QDoubleSpinBox:
    field = QDoubleSpinBox()
    field.setRange(low, high)
    field.setSingleStep(step)
    field.setDecimals(0)
    field.setSuffix(suffix)
    field.setKeyboardTracking(False)
    return field


def _group(title: str, *rows: tuple[str, QWidget]) -> QGroupBox:
    group = QGroupBox(title)
    form = QFormLayout(group)
    form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.ExpandingFieldsGrow)
    for label, field in rows:
        if label:
            field.setAccessibleName(label.replace("&", ""))
        form.addRow(label, field)
    return group
