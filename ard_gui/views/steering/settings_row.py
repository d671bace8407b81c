"""How it is steered: one line that says it, and the controls behind that line, each with what it means."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtGui import QStandardItemModel
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QSpinBox,
    QToolButton,
    QVBoxLayout,
    QWidget,
)  # fmt: skip

from ard_gui.session import Session
from ard_gui.state.steering_settings import (
    CONDITION_TEXT,
    DECODE_TEXT,
    HOTTEST,
    KEEPS_ERROR,
    LAST_SEED,
    MODE_TEXT,
    MOST_TOKENS,
    POSITION_TEXT,
    PROFILE_TEXT,
    profile_of,
)  # fmt: skip
from ard_gui.theme import colours
from ard_gui.views.elided import ElidedLabel
from ard_gui.views.flow import FlowLayout
from ard_gui.views.plain_text import tip
from backend.store.notes.steering import CONDITIONS

OWN = "own"
ERROR_TIP = "What the SAE cannot reconstruct stays in the model's state: x + W_dec(z′ − z), not the decoded code."


class SettingsRow(QWidget):
    """Mode, positions, decoding, error term, sampling and shown conditions of the session's setup."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._state = session.steering
        self.fold, self.summary, self.sentence = QToolButton(), ElidedLabel(), QLabel()
        self.profile = _choices({**PROFILE_TEXT, OWN: "Settings of your own"}, "Profile")
        self.mode, self.positions = _choices(MODE_TEXT, "Mode"), _choices(POSITION_TEXT, "Positions")
        self.decode = _choices(DECODE_TEXT, "While decoding")
        self.error = QCheckBox("Keep the reconstruction error")
        self.tokens, self.temperature, self.seed = QSpinBox(), QDoubleSpinBox(), QSpinBox()
        self.conditions = {name: QCheckBox(name.capitalize()) for name in CONDITIONS}
        self._inside = QWidget()
        self._build()
        self._connect()
        self.refresh()

    def _build(self) -> None:
        self.fold.setText("Settings")
        self.fold.setCheckable(True)
        self.fold.setAutoRaise(True)
        self.fold.setArrowType(Qt.ArrowType.RightArrow)
        self.fold.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.fold.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.fold.setAccessibleName("Show the settings of steering")
        self.summary.setAccessibleName("Settings of steering")
        self.sentence.setWordWrap(True)
        self.sentence.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Minimum)
        self.sentence.setAccessibleName("What the settings mean")
        self.tokens.setRange(1, MOST_TOKENS)
        self.temperature.setRange(0.0, HOTTEST)
        self.temperature.setSingleStep(0.1)
        self.seed.setRange(0, LAST_SEED)
        for spin, name, told in (
            (self.tokens, "Longest answer in tokens", "An answer that does not end is cut here."),
            (self.temperature, "Temperature", "0: the most probable token at every step."),
            (self.seed, "Seed", "Of the draws; all conditions share them. Without temperature nothing is drawn."),
        ):
            spin.setAccessibleName(name)
            spin.setToolTip(told)
            spin.setKeyboardTracking(False)
        self.error.setToolTip(tip(ERROR_TIP))
        for name, box in self.conditions.items():
            box.setToolTip(tip(f"{name.capitalize()}: {CONDITION_TEXT[name]}."))
        self._lay_out()

    def _lay_out(self) -> None:
        inside = QVBoxLayout(self._inside)
        inside.setContentsMargins(8, 0, 0, 2)
        inside.setSpacing(3)
        choices, shown = QWidget(), QWidget()
        fields, boxes = FlowLayout(choices, 10, 3), FlowLayout(shown, 10, 3)
        for text, widget in (
            ("Pro&file", self.profile), ("&Mode", self.mode), ("&Positions", self.positions),
            ("&Decoding", self.decode), ("&Tokens", self.tokens), ("Temper&ature", self.temperature),
            ("See&d", self.seed),
        ):  # fmt: skip
            fields.addWidget(_labelled(text, widget))
        for box in self.conditions.values():
            boxes.addWidget(box)
        for one in (choices, self.error, shown, self.sentence):
            inside.addWidget(one)
        self._inside.hide()
        head = QHBoxLayout()
        head.addWidget(self.fold)
        head.addWidget(self.summary, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(head)
        layout.addWidget(self._inside)

    def _connect(self) -> None:
        state = self._state
        state.changed.connect(self._changed)
        self.fold.toggled.connect(self._folded)
        self.profile.activated.connect(lambda _: self._use_profile(str(self.profile.currentData())))
        for box, name in ((self.mode, "mode"), (self.positions, "positions"), (self.decode, "decode")):
            box.activated.connect(lambda _, box=box, name=name: state.set_settings(**{name: str(box.currentData())}))
        self.error.toggled.connect(lambda on: state.set_settings(add_error=on))
        for spin, name in ((self.tokens, "tokens"), (self.temperature, "temperature"), (self.seed, "seed")):
            spin.valueChanged.connect(lambda value, name=name: state.set_settings(**{name: value}))
        for one in self.conditions.values():
            one.toggled.connect(lambda _: self._choose_conditions())

    def _changed(self, part: str) -> None:
        if part in ("settings", "all"):
            self.refresh()

    def refresh(self) -> None:
        """Show the settings as they are."""
        now = self._state.now.settings
        values = ((self.profile, profile_of(now) or OWN), (self.mode, now.mode), (self.positions, now.positions),
                  (self.decode, now.decode))  # fmt: skip
        for place, mode in enumerate(MODE_TEXT):
            item = model.item(place) if isinstance(model := self.mode.model(), QStandardItemModel) else None
            if item is not None:
                item.setEnabled(mode in KEEPS_ERROR or not self._state.raw)
        for choice, value in values:
            choice.setCurrentIndex(choice.findData(value))
        with QSignalBlocker(self.tokens), QSignalBlocker(self.temperature), QSignalBlocker(self.seed):
            self.tokens.setValue(now.tokens)
            self.temperature.setValue(now.temperature)
            self.seed.setValue(now.seed)
        with QSignalBlocker(self.error):
            self.error.setChecked(now.keeps_error)
        self.error.setEnabled(now.mode not in KEEPS_ERROR)
        self.seed.setEnabled(now.temperature > 0)
        for name, box in self.conditions.items():
            with QSignalBlocker(box):
                box.setChecked(name in now.conditions)
        self.summary.setText(now.summary())
        self.summary.set_tip(now.sentence())
        self.summary.set_colour(colours().muted)
        self.sentence.setText(now.sentence())

    def theme_changed(self) -> None:
        self.summary.set_colour(colours().muted)

    def _folded(self, open_: bool) -> None:
        self.fold.setArrowType(Qt.ArrowType.DownArrow if open_ else Qt.ArrowType.RightArrow)
        self._inside.setVisible(open_)

    def _use_profile(self, name: str) -> None:
        if name == OWN:
            self.refresh()
        else:
            self._state.use_profile(name)

    def _choose_conditions(self) -> None:
        wanted = tuple(name for name, box in self.conditions.items() if box.isChecked())
        if wanted:
            self._state.set_settings(conditions=wanted)
        else:
            # one at least is shown
            self.refresh()


def _labelled(text: str, widget: QWidget) -> QWidget:
    """A control with its label, kept together where lines are broken."""
    found, label = QWidget(), QLabel(text)
    label.setBuddy(widget)
    row = QHBoxLayout(found)
    row.setContentsMargins(0, 0, 0, 0)
    row.addWidget(label)
    row.addWidget(widget, 1)
    return found


def _choices(told: Mapping[str, str], name: str) -> QComboBox:
    found = QComboBox()
    found.setAccessibleName(name)
    found.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
    found.setMinimumContentsLength(8)
    for place, (value, text) in enumerate(told.items()):
        found.addItem(value, value)
        found.setItemData(place, tip(f"{value}: {text}"), Qt.ItemDataRole.ToolTipRole)
    found.setToolTip(tip(*(f"{value}: {text}" for value, text in told.items())))
    return found
