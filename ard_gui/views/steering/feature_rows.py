"""The steered features: a slider, an absolute value, bypass and removal for each; sets have one slider for all."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QFrame,
    QGridLayout,
    QLabel,
    QScrollArea,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)  # fmt: skip

from ard_gui.services.activation_histogram import Activations, activations
from ard_gui.services.study_reading import OpenRanking
from ard_gui.session import Session
from ard_gui.state.steering_rows import HIGHEST, Row, covered
from ard_gui.theme import colours
from ard_gui.views.elided import ElidedLabel
from ard_gui.views.glyphs import GlyphButton
from ard_gui.views.plain_text import tip
from ard_gui.views.steering.feature_slider import FeatureSlider
from backend.export.wording import number

ACTIVATIONS = "activations of a steered feature"
LISTED = 12
SHORTEST, TALLEST = 1.5, 3.4
"""Rows that are seen at least and at most before the list scrolls."""
EMPTY = "No feature yet. Add one here, or press W on a feature in the table."


class FeatureRow(QFrame):
    """One slider and what belongs to it.

    Signals
    -------
    about_to_move(), moved(amount: float), let_go()
        As the slider's.
    value_given(value: float)
        Typed, absolute.
    bypassed(on: bool)
    removed()
    """

    about_to_move = Signal()
    moved = Signal(float)
    let_go = Signal()
    value_given = Signal(float)
    bypassed = Signal(bool)
    removed = Signal()

    def __init__(self, row: Row) -> None:
        super().__init__()
        self.row = row
        self._shown: object = None
        self.on, self.name, self.times = QCheckBox(), ElidedLabel(), QLabel()
        self.value, self.slider = QDoubleSpinBox(), FeatureSlider()
        self.remove = GlyphButton("remove", "Remove", "Remove this slider", focus=True)
        self._build()
        self._connect()

    def _build(self) -> None:
        self.on.setToolTip("Whether it is used; without the tick it is left out for now")
        self.value.setDecimals(2 if self.row.is_set else 4)
        self.value.setRange(-HIGHEST, HIGHEST)
        self.value.setKeyboardTracking(False)
        self.value.setStepType(QDoubleSpinBox.StepType.AdaptiveDecimalStepType)
        self.value.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.times.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        layout = QGridLayout(self)
        layout.setContentsMargins(2, 2, 2, 2)
        layout.setHorizontalSpacing(4)
        layout.setVerticalSpacing(1)
        for column, widget in enumerate((self.on, self.name, self.times, self.value, self.remove)):
            layout.addWidget(widget, 0, column)
        layout.addWidget(self.slider, 1, 0, 1, 5)
        layout.setColumnStretch(1, 1)

    def _connect(self) -> None:
        self.slider.about_to_move.connect(self.about_to_move)
        self.slider.moved.connect(self.moved)
        self.slider.let_go.connect(self.let_go)
        self.value.valueChanged.connect(self._typed)
        self.on.toggled.connect(lambda on: self.bypassed.emit(not on))
        self.remove.clicked.connect(self.removed)

    def _typed(self, value: float) -> None:
        self.about_to_move.emit()
        self.value_given.emit(value)
        self.let_go.emit()

    def show_row(self, row: Row, name: str, *, negative: bool, hidden: tuple[int, ...], off: bool) -> None:
        """Show another state of the row.

        Parameters
        ----------
        name : str
            What the feature is called.
        hidden : tuple of int
            Features whose value comes from another row.
        off : bool
            Every row is bypassed.
        """
        shown = (row, name, negative, hidden, off, colours())
        if shown == self._shown:
            return
        self._shown, self.row = shown, row
        called = f"set {row.name}" if row.is_set else f"feature {row.feature}{f': {name}' if name else ''}"
        self.name.setText(f"{row.name} ({len(row.pairs)} features)" if row.is_set else f"{row.feature} {name}".strip())
        self.name.set_colour(colours().muted if row.bypass or off else "")
        self.name.set_tip(_told(row, hidden))
        self.times.setText(f"{row.amount:.3g}×" if row.relative else "")
        with QSignalBlocker(self.on), QSignalBlocker(self.value):
            self.on.setChecked(not row.bypass)
            self.value.setMinimum(-HIGHEST if negative else 0.0)
            self.value.setValue(row.value)
        self.value.setSuffix("×" if row.is_set else "")
        self.slider.show_amount(row.amount, relative=row.relative, negative=negative)
        for widget in (self.slider, self.value):
            widget.setEnabled(not row.bypass and not off)
        self._name(called)

    def _name(self, called: str) -> None:
        row = self.row
        unit = "multiples of its largest value" if row.relative else "its own units"
        self.on.setAccessibleName(f"Use {called}")
        self.value.setAccessibleName(f"{'Amount' if row.is_set else 'Absolute value'} of {called}")
        self.value.setToolTip("Multiples of the stored values" if row.is_set else "The value itself, in its own units")
        self.slider.setAccessibleName(f"Value of {called} in {unit}")
        self.slider.setAccessibleDescription(f"{row.amount:.3g}{' times' if row.relative else ''}")
        self.remove.setAccessibleName(f"Remove {called}")
        self._tip_slider()

    def _tip_slider(self) -> None:
        row, found = self.row, self.slider.activations
        unit = "" if row.is_set else f" = {number(row.value)}"
        bars = f"Bars: {found.told}." if found is not None and found.counts.any() else ""
        keys = "← → a step, Page ↑ ↓ more, Home 0, End the far end; double click: 1×, as when it was added."
        largest = (
            f"1× is the largest value on the probing set, {number(row.pairs[0][1])}."
            if row.relative and not row.is_set else ""
        )  # fmt: skip
        self.slider.setToolTip(tip(f"{row.amount:.3g}{'×' if row.relative else ''}{unit}", largest, bars, keys))

    def show_activations(self, found: Activations) -> None:
        self.slider.show_activations(found)
        self._tip_slider()


class FeatureRows(QScrollArea):
    """All rows of the session's setup, in its order."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session, self._state = session, session.steering
        self._known: dict[tuple[int, int], Activations] = {}
        self.rows: dict[str, FeatureRow] = {}
        self.empty = QLabel(EMPTY)
        self._inside = QWidget()
        self._layout = QVBoxLayout(self._inside)
        self._build()
        session.steering.changed.connect(self._changed)
        session.notes.changed.connect(self.refresh)
        session.reader.ready.connect(self._arrived)
        self.refresh()

    def _build(self) -> None:
        self.empty.setWordWrap(True)
        self.setWidget(self._inside)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setAccessibleName("Steered features")
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(2)
        self._layout.addWidget(self.empty)
        self._layout.addStretch(1)

    def _changed(self, part: str) -> None:
        if part in ("rows", "all"):
            self.refresh()
        elif part in ("values", "settings"):
            self._show_rows()

    def refresh(self) -> None:
        """Show the setup as it is."""
        setup = self._state.now
        wanted = {row.key for row in setup.rows}
        for key in [key for key in self.rows if key not in wanted]:
            gone = self.rows.pop(key)
            self._layout.removeWidget(gone)
            gone.hide()
            gone.deleteLater()
        for place, row in enumerate(setup.rows):
            shown = self.rows.get(row.key) or self._add(row)
            if self._layout.indexOf(shown) != place + 1:
                self._layout.insertWidget(place + 1, shown)
        self._show_rows()
        self.empty.setVisible(not setup.rows)
        self._read_next()
        self._fit()

    def _show_rows(self) -> None:
        """Show values, names and bypasses; a row that stays as it is costs nothing."""
        setup = self._state.now
        for row in setup.rows:
            self.rows[row.key].show_row(
                row, self.name_of(row.feature), negative=setup.settings.negative,
                hidden=covered(setup.rows, row), off=setup.bypass,
            )  # fmt: skip

    def name_of(self, feature: int) -> str:
        """What a feature is called; "" for a set."""
        return "" if feature < 0 else self._session.notes.feature(feature).name or self._session.automatic_name(feature)

    def focus_row(self, key: str) -> None:
        """Put the keyboard on a row's slider."""
        if key in self.rows:
            self.rows[key].slider.setFocus(Qt.FocusReason.OtherFocusReason)
            self.ensureWidgetVisible(self.rows[key])

    def _add(self, row: Row) -> FeatureRow:
        key, state = row.key, self._state
        made = FeatureRow(row)
        acts: tuple[tuple[Any, Callable[..., object]], ...] = (
            (made.about_to_move, lambda: self._session.answers.moved(key)),
            (made.moved, lambda amount: state.set_amount(key, amount)),
            (made.value_given, lambda value: state.set_value(key, value)),
            (made.bypassed, lambda on: state.set_bypass(key, on)),
            (made.removed, lambda: self._remove(key)),
            (made.let_go, state.settle),
        )
        for signal, act in acts:
            signal.connect(act)
        self.rows[key] = made
        return made

    def _remove(self, key: str) -> None:
        """The keyboard goes on to a neighbour."""
        keys = list(self.rows)
        place = keys.index(key)
        neighbour = [*keys[place + 1 :], *reversed(keys[:place])][:1]
        self._state.remove(key)
        for one in neighbour:
            self.focus_row(one)

    def _read_next(self) -> None:
        """Histograms come one after the other: the reader keeps only the newest request of a kind."""
        ranking = self._session.ranking
        if ranking is None:
            return
        for row in self.rows.values():
            feature = row.row.feature
            found = self._known.get((id(ranking), feature))
            if found is not None:
                if row.slider.activations is not found:
                    row.show_activations(found)
            elif 0 <= feature < self._session.features:
                maximum = float(ranking.columns["max"][feature])
                self._session.reader.ask(ACTIVATIONS, partial(_read, ranking, feature, maximum))
                return

    def _arrived(self, kind: str, result: Any) -> None:
        if kind == ACTIVATIONS and result[0] is self._session.ranking:
            ranking, found = result
            self._known = {key: one for key, one in self._known.items() if key[0] == id(ranking)}
            self._known[id(ranking), found.feature] = found
            self._read_next()

    def _fit(self) -> None:
        """As high as the rows, within limits; further rows are scrolled to."""
        one = next(iter(self.rows.values()), None)
        if one is None:
            self.setMinimumHeight(self.empty.heightForWidth(max(1, self.viewport().width())) + 4)
            self.setMaximumHeight(self.minimumHeight() * 2)
            return
        height = one.sizeHint().height() + self._layout.spacing()
        self.setMinimumHeight(round(height * min(len(self.rows), SHORTEST)))
        self.setMaximumHeight(round(height * min(len(self.rows), TALLEST)) + 4)


def _read(ranking: OpenRanking, feature: int, maximum: float) -> tuple[OpenRanking, Activations]:
    return ranking, activations(ranking.file, feature, maximum)


def _told(row: Row, hidden: tuple[int, ...]) -> str:
    """What a set consists of, and what is set elsewhere."""
    values = [f"{feature} = {number(value)}" for feature, value in row.values()[:LISTED]]
    more = f" and {len(row.pairs) - LISTED} more" if len(row.pairs) > LISTED else ""
    listed = ", ".join(values) + more if row.is_set else ""
    taken = f"Set by another row: {', '.join(map(str, hidden[:LISTED]))}." if hidden else ""
    return " ".join(part for part in (listed, taken) if part)
