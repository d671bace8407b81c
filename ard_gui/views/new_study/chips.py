"""Several values of one setting as chips: each can be taken away, more are typed in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QCompleter, QLabel, QLineEdit, QPushButton, QSizePolicy, QWidget

from ard_gui.state.setting_list import shown
from ard_gui.views.flow import FlowLayout

ENTRY_LETTERS, PADDING = 16, 20


class Chip(QPushButton):
    """As wide as its text: a button's style would make it as wide as any other."""

    def sizeHint(self) -> QSize:  # noqa: N802
        width = self.fontMetrics().horizontalAdvance(self.text().replace("&&", "&")) + PADDING
        return QSize(width, super().sizeHint().height())

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return self.sizeHint()


class Chips(QWidget):
    """Enter, a comma or leaving the field takes what was typed.

    Parameters
    ----------
    name : str
        What the values are, for those who cannot see the widget.
    read : function
        Text to values; also of what cannot be used, which is the setting's to say.
    usual : sequence
        Values that are proposed while typing.

    Signals
    -------
    edited(list)
        The values after somebody changed them, without the locked ones.
    """

    edited = Signal(list)

    def __init__(self, name: str, read: Callable[[str], list[Any]], usual: Sequence[Any] = ()) -> None:
        super().__init__()
        self._name, self._read = name, read
        self._values: list[Any] = []
        self._locked: list[Any] = []
        self.chips: list[QWidget] = []
        self.entry = QLineEdit()
        self.entry.setAccessibleName(f"Add: {name}")
        told = ", ".join(shown(one) for one in usual)
        self.entry.setPlaceholderText("add …")
        self.entry.setToolTip(f"Type a value and press Enter. Usual ones: {told}." if usual else "")
        self.entry.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        if usual:
            completer = QCompleter([shown(one) for one in usual], self.entry)
            completer.setCompletionMode(QCompleter.CompletionMode.PopupCompletion)
            self.entry.setCompleter(completer)
        self.entry.returnPressed.connect(self._take)
        self.entry.editingFinished.connect(self._take)
        self.entry.textEdited.connect(lambda text: self._take() if text.rstrip().endswith(",") else None)
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self._flow = FlowLayout(self, 4, 4)
        self._flow.addWidget(self.entry)
        self.setFocusProxy(self.entry)
        self.theme_changed()

    def values(self) -> list[Any]:
        """Those that can be taken away."""
        return list(self._values)

    def show_values(self, values: Sequence[Any], locked: Sequence[Any] = ()) -> None:
        """Show these; `locked` ones stand before them and stay."""
        if (list(values), list(locked)) == (self._values, self._locked) and self.chips:
            return
        self._values, self._locked = list(values), list(locked)
        for chip in self.chips:
            self._flow.removeWidget(chip)
            chip.hide()
            chip.deleteLater()
        self.chips = [self._standing(one) for one in self._locked] + [self._chip(one) for one in self._values]
        self._flow.removeWidget(self.entry)
        for chip in self.chips:
            self._flow.addWidget(chip)
            chip.show()
        self._flow.addWidget(self.entry)
        self._order_tabs()
        self.updateGeometry()

    def theme_changed(self) -> None:
        """The text size may be another."""
        self.entry.setFixedWidth(self.fontMetrics().averageCharWidth() * ENTRY_LETTERS)

    def _standing(self, value: Any) -> QWidget:
        label = QLabel(shown(value), self)
        label.setTextFormat(Qt.TextFormat.PlainText)
        label.setMargin(3)
        label.setToolTip("It is in the study already and stays.")
        return label

    def _chip(self, value: Any) -> QWidget:
        chip = Chip(f"{shown(value)}  ×".replace("&", "&&"), self)
        # Enter belongs to the field
        chip.setAutoDefault(False)
        chip.setToolTip("Take it away")
        chip.setAccessibleName(f"{self._name}: {shown(value)}, take it away")
        chip.clicked.connect(lambda: self._drop(value))
        return chip

    def _order_tabs(self) -> None:
        before: QWidget | None = None
        for one in (*self.chips, self.entry):
            if before is not None:
                QWidget.setTabOrder(before, one)
            before = one

    def _take(self) -> None:
        text = self.entry.text().strip().rstrip(",")
        if not text:
            return
        self.entry.clear()
        new = [one for one in self._read(text) if one not in (*self._locked, *self._values)]
        if new:
            self._show_and_tell([*self._values, *new])

    def _drop(self, value: Any) -> None:
        self._show_and_tell([one for one in self._values if one != value])
        self.entry.setFocus()

    def _show_and_tell(self, values: list[Any]) -> None:
        self.show_values(values, self._locked)
        self.edited.emit(values)
