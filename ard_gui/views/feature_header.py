"""The head of the feature page: which feature, what it is called and by whom, its numbers and its neighbours."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QEvent, QSize, Qt, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QToolButton, QVBoxLayout, QWidget

from ard_gui.actions import Actions
from ard_gui.services.feature_lines import ConceptLines, FeatureLines, Figure
from ard_gui.theme import colours
from ard_gui.views.elided import ElidedLabel
from ard_gui.views.figure_tile import FigureTile
from ard_gui.views.flow import FlowLayout
from ard_gui.views.glyphs import GlyphButton
from ard_gui.views.neighbour_chips import NeighbourChips
from ard_gui.views.score_histogram import ScoreHistogram
from backend.store.notes.records import FeatureNote

WIDE = 700
"""From this width on the histogram stands beside the numbers instead of below them."""

PARTS = (("scores", "Scores"), ("histogram", "Histogram"), ("neighbours", "Neighbours"))
BUTTONS = (
    # action, glyph, what it says, checkable
    ("judge.name", "edit", "Own name", False),
    ("judge.star", "star", "Star", True),
    ("judge.tags", "tag", "Tags", False),
    ("judge.note", "note", "Note", False),
    ("judge.not_monosemantic", "mixed", "Not monosemantic", True),
    ("judge.list", "list", "Add to a list", False),
    ("steering.with_feature", "steer", "Steer with this feature", False),
)
VISITS = (("go.back", "back", "Back"), ("go.forward", "forward", "Forward"), ("go.random", "random", "Random feature"))


class FeatureHeader(QWidget):
    """Shows `FeatureLines` and the person's own notes on the feature.

    Signals
    -------
    feature_asked(feature: int)
        A neighbour was chosen.
    behind_asked(Figure)
        Where a number comes from.
    parts_changed(tuple of str)
        Which of `PARTS` are shown.
    height_changed()
        It wants another height.
    """

    feature_asked = Signal(int)
    behind_asked = Signal(object)
    parts_changed = Signal(object)
    height_changed = Signal()

    def __init__(self, actions: Actions, parts: Sequence[str] = ("histogram", "neighbours")) -> None:
        super().__init__()
        self._actions = actions
        self.title, self.own = ElidedLabel("No feature chosen"), ElidedLabel()
        self.description, self.concept = ElidedLabel(lines=2), ElidedLabel()
        self.tiles: list[FigureTile] = []
        self.score_tiles: list[FigureTile] = []
        self.histogram, self.neighbours = ScoreHistogram(), NeighbourChips()
        self.parts: dict[str, QToolButton] = {}
        self.buttons: dict[str, GlyphButton] = {}
        self._figures, self._scores, self._left = QWidget(), QWidget(), QWidget()
        FlowLayout(self._figures)
        FlowLayout(self._scores)
        self._grid = QGridLayout()
        self._lines: FeatureLines | None = None
        self._build(parts)
        self.neighbours.asked.connect(self.feature_asked)

    def _build(self, parts: Sequence[str]) -> None:
        self._fit_title()
        for label, name in ((self.title, "Feature"), (self.own, "Own notes"), (self.concept, "Concept")):
            label.setAccessibleName(name)
        self.description.setAccessibleName("Explanation")
        top = QHBoxLayout()
        top.setSpacing(2)
        for id_, glyph, text in VISITS:
            top.addWidget(self._button(id_, glyph, text, checkable=False))
        top.addSpacing(4)
        top.addWidget(self.title, 1)
        for id_, glyph, text, checkable in BUTTONS:
            top.addWidget(self._button(id_, glyph, text, checkable=checkable))
        below = QHBoxLayout()
        below.addWidget(self.concept, 1)
        for name, text in PARTS:
            below.addWidget(self._part(name, text, name in parts))
        left = QVBoxLayout(self._left)
        left.setContentsMargins(0, 0, 0, 0)
        left.setSpacing(2)
        for widget in (self._figures, self._scores, self.neighbours):
            left.addWidget(widget)
        left.addStretch(1)
        self._grid.setSpacing(6)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 4, 6, 4)
        layout.setSpacing(2)
        layout.addLayout(top)
        for label in (self.own, self.description):
            layout.addWidget(label)
        layout.addLayout(below)
        layout.addLayout(self._grid)
        self._arrange()

    def _button(self, id_: str, glyph: str, text: str, *, checkable: bool) -> GlyphButton:
        """A button that stands for an action and looks as the action does."""
        key = self._actions.shortcut_text(id_)
        button = GlyphButton(glyph, text, f"{text} ({key})" if key else text, checkable=checkable, focus=True)
        action = self._actions[id_]

        def mirror() -> None:
            button.setEnabled(action.isEnabled())
            if checkable:
                button.setChecked(action.isChecked())

        def press() -> None:
            action.trigger()
            mirror()

        action.changed.connect(mirror)
        button.clicked.connect(press)
        mirror()
        self.buttons[id_] = button
        return button

    def _part(self, name: str, text: str, shown: bool) -> QToolButton:
        button = QToolButton()
        button.setText(text)
        button.setCheckable(True)
        button.setChecked(shown)
        button.setAutoRaise(True)
        button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        button.setAccessibleName(f"Show {text.lower()}")
        button.setToolTip(f"Show or hide: {text.lower()}")
        button.clicked.connect(self._parts_clicked)
        self.parts[name] = button
        return button

    def show_lines(self, lines: FeatureLines, own: FeatureNote) -> None:
        """Show another feature, or the same one with other notes."""
        self._lines = lines
        concept = lines.concept
        automatic = concept.title if concept is not None else ""
        name = own.name or automatic
        self.title.setText(f"Feature {lines.feature}{f': {name}' if name else ''}")
        whole = own.name or (concept.name if concept is not None else "")
        self.title.set_tip("" if whole in self.title.text() else whole)
        self.own.setText(_own_told(own, automatic))
        self.own.setVisible(bool(self.own.text()))
        self.description.setText(concept.description if concept is not None else "")
        self.description.setVisible(bool(self.description.text()))
        self.concept.setText(_told(concept))
        self.concept.set_colour(colours().muted)
        self.buttons["judge.star"].colour = colours().star
        self._fill(self._figures, self.tiles, lines.header)
        self._fill(self._scores, self.score_tiles, lines.scores)
        self.histogram.show_histogram(lines.histogram, lines.score)
        self.neighbours.show_neighbours(lines.near)
        self._arrange()

    def clear(self) -> None:
        """No feature is chosen."""
        self._lines = None
        self.title.setText("No feature chosen")
        for label in (self.own, self.description, self.concept):
            label.setText("")
        self._arrange()

    def _fill(self, parent: QWidget, tiles: list[FigureTile], figures: Sequence[Figure]) -> None:
        layout = parent.layout()
        assert layout is not None
        while len(tiles) < len(figures):
            tile = FigureTile(parent)
            tile.clicked.connect(self._behind(tile))
            tiles.append(tile)
            layout.addWidget(tile)
        for number, tile in enumerate(tiles):
            if number < len(figures):
                tile.show_figure(figures[number])
            tile.setVisible(number < len(figures))

    def _behind(self, tile: FigureTile) -> Callable[[], None]:
        return lambda: self.behind_asked.emit(tile.figure)

    def _parts_clicked(self) -> None:
        self._arrange()
        self.parts_changed.emit(tuple(name for name, button in self.parts.items() if button.isChecked()))

    def _arrange(self) -> None:
        """Show the wanted parts, the histogram beside or below the numbers."""
        there = self._lines is not None
        wanted = {name: button.isChecked() and there for name, button in self.parts.items()}
        has_scores = self._lines is not None and bool(self._lines.scores)
        self.parts["scores"].setEnabled(has_scores)
        self.parts["scores"].setToolTip("Show or hide: scores" if has_scores else "The features have no scores yet")
        self._left.setVisible(there)
        self._scores.setVisible(wanted["scores"] and has_scores)
        self.neighbours.setVisible(wanted["neighbours"])
        self.histogram.setVisible(wanted["histogram"])
        self._grid.removeWidget(self._left)
        self._grid.removeWidget(self.histogram)
        self._grid.addWidget(self._left, 0, 0)
        beside = self.width() >= WIDE
        place = (0, 1) if beside else (1, 0)
        self._grid.addWidget(self.histogram, *place, alignment=Qt.AlignmentFlag.AlignTop)
        self._grid.setColumnStretch(0, 3)
        self._grid.setColumnStretch(1, 1 if beside and wanted["histogram"] else 0)
        self.updateGeometry()
        self.height_changed.emit()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        if (event.oldSize().width() >= WIDE) != (event.size().width() >= WIDE):
            self._arrange()
        elif event.oldSize().width() != event.size().width():
            self.height_changed.emit()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self._fit_title()
            self.height_changed.emit()

    def _fit_title(self) -> None:
        font = self.font()
        font.setPointSizeF(font.pointSizeF() * 1.3)
        font.setBold(True)
        self.title.setFont(font)

    def height_at(self, width: int) -> int:
        """Pixels it needs at a width."""
        layout = self.layout()
        assert layout is not None
        return layout.totalHeightForWidth(width) if layout.hasHeightForWidth() else layout.totalSizeHint().height()

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return QSize(320, 60)


def _told(concept: ConceptLines | None) -> str:
    """What is wrong with the name, where it came from and how well it finds the clips."""
    if concept is None:
        return "Not described."
    found = f"Found by its name: {concept.detection}" if concept.title else ""
    source = f"Named by: {concept.origin}" if concept.origin and concept.title else ""
    return " · ".join(part for part in (concept.status, source, found) if part)


def _own_told(own: FeatureNote, automatic: str) -> str:
    """The automatic name beside one's own, tags, verdict and note in a line."""
    parts = (
        f"automatic name: {automatic or 'none'}" if own.name else "",
        f"tags: {own.tag_text}" if own.tags else "",
        own.verdict,
        f"note: {own.note}" if own.note else "",
    )
    return " · ".join(part for part in parts if part)
