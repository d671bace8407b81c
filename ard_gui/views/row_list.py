"""A list of rows of which only those on the screen have widgets; a widget that scrolls out becomes another row."""

from __future__ import annotations

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QAbstractScrollArea, QFrame, QWidget

from ard_gui.views.card_rows import Kind, Row, visible

GAP = 6


class RowList(QAbstractScrollArea):
    """Heirs say which rows there are, how high a kind of row is, and make and fill widgets.

    Attributes
    ----------
    rows : list of Row
    live : dict of row number to widget
        Of the rows that can be seen.
    """

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[Row] = []
        self.live: dict[int, QWidget] = {}
        self._spare: dict[Kind, list[QWidget]] = {"header": [], "card": [], "more": []}
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.verticalScrollBar().setSingleStep(40)

    def row_height(self, kind: Kind) -> int:
        """Pixels of a row, with the gap below a card."""
        raise NotImplementedError

    def lay_out(self) -> list[Row]:
        """The rows as they should be now."""
        raise NotImplementedError

    def make(self, kind: Kind) -> QWidget:
        """A new widget for rows of that kind."""
        raise NotImplementedError

    def fill(self, widget: QWidget, row: Row) -> None:
        """Let a widget show a row."""
        raise NotImplementedError

    def shown(self) -> None:
        """Other rows may be on the screen now."""

    def relay(self) -> None:
        """Rows have come, gone or changed: show them anew."""
        for number in list(self.live):
            self._release(number)
        self.rows = self.lay_out()
        self._show_rows()

    def row_of(self, widget: QWidget) -> Row:
        """The row that a widget shows now."""
        return self.rows[next(number for number, one in self.live.items() if one is widget)]

    def scroll_to(self, row: Row) -> None:
        """Bring a row onto the screen; the first card of a group brings its header along."""
        bar, page = self.verticalScrollBar(), self.viewport().height()
        top = row.top - (self.row_height("header") if row.kind == "card" and row.position == 0 else 0)
        if top < bar.value():
            bar.setValue(top)
        elif row.bottom > bar.value() + page:
            bar.setValue(min(top, row.bottom - page))

    def _show_rows(self) -> None:
        """Let exactly the rows on the screen have widgets, each at its place."""
        bar, size = self.verticalScrollBar(), self.viewport().size()
        bar.setPageStep(size.height())
        bar.setRange(0, max(0, (self.rows[-1].bottom if self.rows else 0) - size.height()))
        top = bar.value()
        wanted = visible(self.rows, top, top + size.height())
        for number in [one for one in self.live if one not in wanted]:
            self._release(number)
        for number in wanted:
            row = self.rows[number]
            widget = self.live.get(number) or self._take(number)
            gap = GAP if row.kind == "card" else 0
            widget.setGeometry(0, row.top - top, size.width(), row.height - gap)
            widget.show()
        self.shown()

    def _take(self, number: int) -> QWidget:
        row = self.rows[number]
        spare = self._spare[row.kind]
        widget = spare.pop() if spare else self.make(row.kind)
        self.live[number] = widget
        self.fill(widget, row)
        return widget

    def _release(self, number: int) -> None:
        widget = self.live.pop(number)
        widget.hide()
        self._spare[self.rows[number].kind].append(widget)

    def scrollContentsBy(self, _dx: int, _dy: int) -> None:  # noqa: N802
        self._show_rows()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self._show_rows()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.PaletteChange) and self.live:
            self.relay()
