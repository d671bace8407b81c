"""Fields for settings: each writes into the form as it is edited, and shows what the form says of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QComboBox, QGridLayout, QLabel, QLineEdit, QToolButton, QWidget

from ard_gui.state.event import Event
from ard_gui.state.setting_list import all_settings, read_value, shown
from ard_gui.views.flow import FlowLayout
from ard_gui.views.new_study.chips import Chips
from ard_gui.views.plain_text import tip
from ard_gui.views.sentence import Sentence


class Values(Protocol):
    """What fields write into: a form for a new study, or wishes for an existing one."""

    changed: Event[()]

    def value(self, dotted: str) -> Any: ...

    def set(self, dotted: str, value: Any) -> object: ...


Locked = Callable[[], Sequence[Any]]


class TextField(QLineEdit):
    """One value as text; what cannot be used is written all the same, and told by the form."""

    def __init__(self, values: Values, dotted: str, hint: str = "") -> None:
        super().__init__()
        self._values, self._setting = values, all_settings()[dotted]
        self.setPlaceholderText(hint)
        self.textEdited.connect(self._write)
        self.follow()

    def follow(self) -> None:
        """Show the form's value, unless the text means it already."""
        value = self._values.value(self._setting.dotted)
        if read_value(self._setting, self.text()) != value or not self.text():
            self.setText(shown(value))
            self.setCursorPosition(0)

    def _write(self, text: str) -> None:
        self._values.set(self._setting.dotted, read_value(self._setting, text))


class ChoiceField(QComboBox):
    """One of several values; a value that is none of them is shown too."""

    def __init__(self, values: Values, dotted: str, told: Mapping[Any, str] | None = None) -> None:
        super().__init__()
        self._values, self._dotted = values, dotted
        self._told = told or {}
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(12)
        self.offer(all_settings()[dotted].choices or tuple(self._told))
        self.activated.connect(lambda _: self._values.set(self._dotted, self.currentData()))

    def offer(self, choices: Sequence[Any], told: Mapping[Any, str] | None = None) -> None:
        """What can be chosen, each with a few words beside it."""
        self._told = self._told if told is None else told
        self.clear()
        for one in choices:
            self._add(one)
        self.follow()

    def follow(self) -> None:
        """Show the form's value."""
        value = self._values.value(self._dotted)
        found = self.findData(value)
        if found < 0:
            self._add(value)
            found = self.count() - 1
        self.setCurrentIndex(found)

    def _add(self, value: Any) -> None:
        words = self._told.get(value, "")
        self.addItem(f"{shown(value)} – {words}" if words else shown(value), value)
        self.setItemData(self.count() - 1, tip(words), Qt.ItemDataRole.ToolTipRole)


class ListField(Chips):
    """Several values as chips; `locked` gives those that stay."""

    def __init__(
        self, values: Values, dotted: str, name: str, usual: Sequence[Any] = (), locked: Locked = lambda: ()
    ) -> None:
        setting = all_settings()[dotted]
        super().__init__(name, lambda text: list(read_value(setting, text)), usual)
        self._form, self._dotted, self._stays = values, dotted, locked
        self.edited.connect(lambda found: values.set(dotted, [*locked(), *found]))
        self.follow()

    def follow(self) -> None:
        """Show the form's values."""
        locked = list(self._stays())
        self.show_values([one for one in self._form.value(self._dotted) if one not in locked], locked)


class TickField(QWidget):
    """Several values of few: a box for each; `locked` gives those that stay."""

    def __init__(
        self, values: Values, dotted: str, choices: Sequence[str], told: Mapping[str, str], locked: Locked = lambda: ()
    ) -> None:
        super().__init__()
        self._values, self._dotted, self._told, self._stays = values, dotted, told, locked
        self.boxes: dict[str, QCheckBox] = {}
        self._flow = FlowLayout(self, 12, 4)
        self.offer(choices)

    def offer(self, choices: Sequence[str]) -> None:
        """The values that can be ticked."""
        for one in choices:
            if one not in self.boxes:
                box = self.boxes[one] = QCheckBox(one)
                box.setToolTip(tip(self._told.get(one, "")))
                box.clicked.connect(self._write)
                self._flow.addWidget(box)
        self.follow()

    def follow(self) -> None:
        """Tick the form's values."""
        there = list(self._values.value(self._dotted))
        unknown = [str(one) for one in there if one not in self.boxes]
        if unknown:
            self.offer(unknown)
        for one, box in self.boxes.items():
            box.setChecked(one in there)
            box.setEnabled(one not in self._stays())
        usable = [box for box in self.boxes.values() if box.isEnabled()]
        if usable:
            self.setFocusProxy(usable[0])

    def _write(self) -> None:
        self._values.set(self._dotted, [one for one, box in self.boxes.items() if box.isChecked()])


Field = TextField | ChoiceField | ListField | TickField


class Fields(QWidget):
    """Rows of a label, a field, a button that resets it, and what is wrong with it underneath.

    Parameters
    ----------
    usual : function or None
        A setting's value in the profile; with it, changed fields can be put back.
    """

    def __init__(self, values: Values, usual: Callable[[str], Any] | None = None) -> None:
        super().__init__()
        self._values, self._usual = values, usual
        self.fields: dict[str, QWidget] = {}
        self.resets: dict[str, QToolButton] = {}
        self.told: dict[str, Sentence] = {}
        self._labels: dict[str, QLabel] = {}
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setColumnStretch(1, 1)
        values.changed.connect(self.follow)

    def add(self, dotted: str, label: str, field: Field, about: str = "") -> None:
        """One more row; `about` says in words what the field means."""
        row = self._grid.rowCount()
        setting = all_settings()[dotted]
        named = self._labels[dotted] = QLabel(label)
        named.setBuddy(field)
        described = tip(about or setting.description, f"{dotted}: {setting.wanted}")
        for widget in (named, field):
            widget.setToolTip(described)
        field.setAccessibleName(label.replace("&", ""))
        field.setAccessibleDescription(about or setting.description)
        told = self.told[dotted] = Sentence(kind="bad", name=f"What is wrong: {label.replace('&', '')}")
        self.fields[dotted] = field
        self._grid.addWidget(named, row, 0)
        self._grid.addWidget(field, row, 1)
        if self._usual is not None:
            self._grid.addWidget(self._reset(dotted, label.replace("&", "")), row, 2)
        self._grid.addWidget(told, row + 1, 1, 1, 2)
        self.follow()

    def show_row(self, dotted: str, seen: bool) -> None:
        """Show a row or hide it, for fields that mean nothing beside others' values."""
        self.fields[dotted].setVisible(seen)
        self._labels[dotted].setVisible(seen)
        self.told[dotted].setVisible(seen and bool(self.told[dotted].text()))
        if dotted in self.resets:
            policy = self.resets[dotted].sizePolicy()
            policy.setRetainSizeWhenHidden(seen)
            self.resets[dotted].setSizePolicy(policy)
            self.resets[dotted].setVisible(seen and self._is_own(dotted))

    def show_problems(self, problems: Mapping[str, str], cautions: Mapping[str, str] | None = None) -> None:
        """Tell what is wrong under the field it is wrong in."""
        for dotted, told in self.told.items():
            problem = problems.get(dotted, "")
            told.tell(problem or (cautions or {}).get(dotted, ""), "bad" if problem else "warning")

    def follow(self) -> None:
        """Show the form's values."""
        for dotted, field in self.fields.items():
            assert isinstance(field, Field)
            field.follow()
            if self._usual is not None and dotted in self.resets:
                usual = self._usual(dotted)
                self.resets[dotted].setVisible(self._is_own(dotted) and not self._labels[dotted].isHidden())
                self.resets[dotted].setToolTip(tip(f"Changed from the profile. Back to: {shown(usual) or 'nothing'}"))

    def _is_own(self, dotted: str) -> bool:
        return self._usual is not None and self._values.value(dotted) != self._usual(dotted)

    def _reset(self, dotted: str, label: str) -> QToolButton:
        assert self._usual is not None
        usual = self._usual
        button = self.resets[dotted] = QToolButton()
        button.setText("changed ↺")
        button.setAutoRaise(True)
        button.setAccessibleName(f"Back to the profile's: {label}")
        button.clicked.connect(lambda: self._values.set(dotted, usual(dotted)))
        policy = button.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        button.setSizePolicy(policy)
        return button
