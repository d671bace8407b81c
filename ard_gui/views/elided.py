"""A line of text that is cut with an ellipsis where it does not fit, and then told whole by a tool tip."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPalette, QResizeEvent
from PySide6.QtWidgets import QLabel, QSizePolicy, QWidget

from ard_gui.views.plain_text import tip


class ElidedLabel(QLabel):
    """Plain text on one line, or on `lines` lines that are wrapped.

    Parameters
    ----------
    mode : Qt.TextElideMode
        Where one line is cut; several lines are cut at the end.
    colour : QPalette.ColorRole
    """

    def __init__(
        self, text: str = "", parent: QWidget | None = None, *, lines: int = 1,
        mode: Qt.TextElideMode = Qt.TextElideMode.ElideRight,
    ) -> None:  # fmt: skip
        super().__init__(parent)
        self._lines, self._mode = lines, mode
        self._colour = ""
        self._tip = ""
        self.setTextFormat(Qt.TextFormat.PlainText)
        # a fixed height would be that of the width before the last one
        height = QSizePolicy.Policy.Fixed if lines == 1 else QSizePolicy.Policy.Preferred
        policy = QSizePolicy(QSizePolicy.Policy.Ignored, height)
        policy.setHeightForWidth(lines > 1)
        self.setSizePolicy(policy)
        self.setText(text)

    def setText(self, text: str) -> None:  # noqa: N802
        super().setText(" ".join(text.split()))
        self._retip()
        if self._lines > 1:
            self.updateGeometry()

    def set_tip(self, told: str) -> None:
        """A tool tip that is shown also where nothing is cut, below the whole text."""
        self._tip = told
        self._retip()

    def set_lines(self, lines: int) -> None:
        """At most so many lines from now on; only for a label that was made for several."""
        if lines != self._lines:
            self._lines = lines
            self._retip()
            self.updateGeometry()

    def set_colour(self, colour: str) -> None:
        """The text's colour; "" for the palette's."""
        self._colour = colour
        self.update()

    @property
    def shown(self) -> list[str]:
        """The lines as they stand there: no more than there is height for."""
        room = max(1, self.height() // self.fontMetrics().height())
        return self._broken(max(1, self.width()), min(self._lines, room))

    def _broken(self, width: int, most: int) -> list[str]:
        metrics, rest = self.fontMetrics(), self.text()
        lines: list[str] = []
        while rest and len(lines) < most - 1 and metrics.horizontalAdvance(rest) > width:
            cut = _fitting(rest, width, metrics.horizontalAdvance)
            if cut >= len(rest):
                break
            space = rest.rfind(" ", 0, cut + 1)
            at = space if space > 0 else cut
            lines.append(rest[:at].rstrip())
            rest = rest[at:].lstrip()
        mode = self._mode if self._lines == 1 else Qt.TextElideMode.ElideRight
        return [*lines, metrics.elidedText(rest, mode, width)] if rest else lines

    @property
    def is_cut(self) -> bool:
        return "".join(self.shown).replace(" ", "") != self.text().replace(" ", "")

    def _retip(self) -> None:
        parts = [self.text() if self.is_cut else "", self._tip]
        self.setToolTip(tip(*parts))

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        painter.setPen(self.palette().color(QPalette.ColorRole.WindowText))
        if self._colour:
            painter.setPen(self._colour)
        height = self.fontMetrics().height()
        for number, line in enumerate(self.shown):
            painter.drawText(0, number * height, self.width(), height, int(Qt.AlignmentFlag.AlignVCenter), line)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802
        super().resizeEvent(event)
        self._retip()
        if self._lines > 1 and event.size().width() != event.oldSize().width():
            # another width may need another number of lines
            self.updateGeometry()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        super().changeEvent(event)
        if event.type() == QEvent.Type.FontChange:
            self.updateGeometry()
            self._retip()

    def sizeHint(self) -> QSize:  # noqa: N802
        metrics = self.fontMetrics()
        return QSize(metrics.horizontalAdvance(self.text()) + 2, self.heightForWidth(self.width()))

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return QSize(20, self.fontMetrics().height())

    def hasHeightForWidth(self) -> bool:  # noqa: N802
        return self.sizePolicy().hasHeightForWidth()

    def heightForWidth(self, width: int) -> int:  # noqa: N802
        return self.fontMetrics().height() * max(1, len(self._broken(max(1, width), self._lines)))


def _fitting(text: str, width: int, advance: object) -> int:
    """How many leading characters of `text` fit into `width`, one at least."""
    assert callable(advance)
    low, high = 1, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if advance(text[:middle]) <= width:
            low = middle
        else:
            high = middle - 1
    return low
