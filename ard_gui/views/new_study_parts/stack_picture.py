"""The stacks of a model as a picture in which layers are chosen: sound goes in at the bottom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from PySide6.QtCore import QEvent, QRectF, QSize, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFocusEvent,
    QFont,
    QFontMetricsF,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPalette,
    QPen,
)
from PySide6.QtWidgets import QSizePolicy, QToolTip, QWidget

from ard_gui.state.layer_choice import Block, LayerChoice, Stack
from ard_gui.theme import colours
from ard_gui.views.plain_text import tip

MARGIN, GAP, BETWEEN = 4.0, 3.0, 22.0
"""Pixels around everything, between blocks, and between stacks."""
NO_STACKS = "The layers are shown here when the model has been looked at."
STEPS = {
    Qt.Key.Key_Up: (0, 1), Qt.Key.Key_Down: (0, -1), Qt.Key.Key_Left: (-1, 0), Qt.Key.Key_Right: (1, 0),
    Qt.Key.Key_PageUp: (0, 8), Qt.Key.Key_PageDown: (0, -8),
}  # fmt: skip


class StackPicture(QWidget):
    """Blocks of every stack, numbered from the bottom; a click chooses one, Shift-click all up to it.

    Arrow keys, Home and End move, Space chooses, Shift with them chooses a range.

    Signals
    -------
    changed()
        Other layers are chosen.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._choice = LayerChoice()
        self._shares: dict[str, float] = {}
        self._under: Block | None = None
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Minimum, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Layers of the model")
        self._tell()

    def set_stacks(self, stacks: Sequence[Mapping[str, Any]]) -> None:
        """Show these stacks, as `ard inspect-model` tells them; layers that they lack are chosen no more."""
        before = self.layers()
        self._choice.set_stacks(stacks)
        self._refresh(before)

    def layers(self) -> list[str]:
        """Full names of the chosen layers, from the sound to the answer."""
        return self._choice.layers()

    def set_layers(self, layers: Sequence[str]) -> None:
        """Choose these: "decoder.3", or "3" and "last" of the usual stack."""
        before = self.layers()
        self._choice.set_layers(layers)
        self._refresh(before)

    def set_shares(self, shares: Mapping[str, float]) -> None:
        """Say of layers how large a share of the answers (0 to 1) can be steered there; empty for nothing."""
        self._shares = dict(shares)
        self._refresh(self.layers())

    def place_of(self, layer: str) -> QRectF:
        """Where a layer is drawn; an empty rectangle for one that is not there."""
        block = self._choice.block(layer)
        return QRectF() if block is None else self._places().get(block, QRectF())

    def _refresh(self, before: list[str]) -> None:
        self._tell()
        self.updateGeometry()
        self.update()
        if self.layers() != before:
            self.changed.emit()

    def _tell(self) -> None:
        self.setAccessibleDescription(self._choice.told())

    # sizes

    def _block(self) -> tuple[float, float]:
        """Width and height of a block."""
        metrics = QFontMetricsF(self.font())
        share = metrics.horizontalAdvance(" 100 %") if self._shares else 0.0
        return metrics.horizontalAdvance("000") + metrics.height() + share, metrics.height() + (
            8 if self._shares else 4
        )

    def _words(self, stack: Stack) -> tuple[str, ...]:
        return stack.name, f"d = {stack.d}", stack.rate

    def _width(self, stack: Stack) -> float:
        metrics = QFontMetricsF(self._bold())
        words = max(metrics.horizontalAdvance(one) for one in self._words(stack))
        return max(words, stack.columns * (self._block()[0] + GAP) - GAP)

    def _words_height(self) -> float:
        return 3 * QFontMetricsF(self.font()).height() + 6

    def _places(self) -> dict[Block, QRectF]:
        """Where each block is: the first column of a stack on the left, its first block at the bottom."""
        width, height = self._block()
        most = max((stack.rows for stack in self._choice.stacks), default=0)
        bottom = MARGIN + most * (height + GAP) - GAP
        left, places = MARGIN, {}
        for stack in self._choice.stacks:
            for number in range(stack.layers):
                column, row = divmod(number, stack.rows)
                top = bottom - row * (height + GAP) - height
                places[stack.name, number] = QRectF(left + column * (width + GAP), top, width, height)
            left += self._width(stack) + BETWEEN
        return places

    def sizeHint(self) -> QSize:  # noqa: N802
        stacks = self._choice.stacks
        metrics = QFontMetricsF(self.font())
        if not stacks:
            return QSize(round(metrics.averageCharWidth() * 30), round(3 * metrics.height() + 2 * MARGIN))
        width = sum(self._width(stack) + BETWEEN for stack in stacks) - BETWEEN + 2 * MARGIN
        rows = max(stack.rows for stack in stacks)
        height = rows * (self._block()[1] + GAP) + self._words_height() + 2 * MARGIN
        return QSize(round(width) + 1, round(height) + 1)

    def minimumSizeHint(self) -> QSize:  # noqa: N802
        return self.sizeHint()

    # drawing

    def paintEvent(self, _event: QPaintEvent) -> None:  # noqa: N802
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        palette = self.palette()
        if not self._choice.stacks:
            painter.setPen(palette.color(QPalette.ColorRole.PlaceholderText))
            painter.drawText(self.rect(), int(Qt.AlignmentFlag.AlignCenter) | Qt.TextFlag.TextWordWrap, NO_STACKS)
            self._draw_focus(painter, QRectF(self.rect()).adjusted(2, 2, -2, -2))
            return
        places = self._places()
        for block, place in places.items():
            self._draw_block(painter, block, place)
        self._draw_words(painter, places)
        if self._choice.at is not None:
            self._draw_focus(painter, places[self._choice.at].adjusted(-2, -2, 2, 2))

    def _draw_block(self, painter: QPainter, block: Block, place: QRectF) -> None:
        palette, chosen = self.palette(), block in self._choice.chosen
        ground = palette.color(QPalette.ColorRole.Highlight if chosen else QPalette.ColorRole.Base)
        ink = palette.color(QPalette.ColorRole.HighlightedText if chosen else QPalette.ColorRole.Text)
        edge = palette.color(QPalette.ColorRole.Text) if block == self._under else QColor(colours().line)
        painter.setPen(QPen(ground if chosen and block != self._under else edge, 1.2))
        painter.setBrush(ground)
        painter.drawRoundedRect(place, 3, 3)
        side = place.height()
        if chosen:
            # not by colour alone
            self._draw_tick(painter, QRectF(place.left(), place.top(), side, side), ink)
        painter.setPen(ink)
        text = place.adjusted(side, 0, -4, -3 if self._shares else 0)
        painter.drawText(text, int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft), str(block[1]))
        share = self._shares.get(f"{block[0]}.{block[1]}")
        if share is not None:
            flags = int(Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight)
            painter.drawText(text, flags, f"{100 * share:.0f} %")
            bar = QRectF(place.left() + 2, place.bottom() - 3.5, (place.width() - 4) * min(max(share, 0.0), 1.0), 2.5)
            painter.fillRect(bar, ink if chosen else QColor(colours().plot))

    def _draw_tick(self, painter: QPainter, box: QRectF, ink: QColor) -> None:
        painter.setPen(QPen(ink, 2.0, Qt.PenStyle.SolidLine, Qt.PenCapStyle.RoundCap, Qt.PenJoinStyle.RoundJoin))
        x, y, size = box.left(), box.top(), box.width()
        corner = x + 0.44 * size, y + 0.68 * size
        painter.drawLine(round(x + 0.28 * size), round(y + 0.52 * size), round(corner[0]), round(corner[1]))
        painter.drawLine(round(corner[0]), round(corner[1]), round(x + 0.72 * size), round(y + 0.32 * size))

    def _draw_words(self, painter: QPainter, places: Mapping[Block, QRectF]) -> None:
        """Below each stack what it is called, how wide it is, and how many tokens a second it has."""
        line = QFontMetricsF(self.font()).height()
        for stack in self._choice.stacks:
            if not stack.layers:
                continue
            first = places[stack.name, 0]
            for number, words in enumerate(self._words(stack)):
                painter.setFont(self.font() if number else self._bold())
                painter.setPen(QColor(colours().muted) if number else self.palette().color(QPalette.ColorRole.Text))
                painter.drawText(
                    QRectF(first.left(), first.bottom() + 4 + number * line, self._width(stack) + BETWEEN, line),
                    int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter), words,
                )  # fmt: skip
        painter.setFont(self.font())

    def _draw_focus(self, painter: QPainter, place: QRectF) -> None:
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(self.palette().color(QPalette.ColorRole.Text), 2.0))
            painter.drawRoundedRect(place, 4, 4)

    def _bold(self) -> QFont:
        font = QFont(self.font())
        font.setBold(True)
        return font

    # hands

    def _at(self, event: QMouseEvent | QHelpEvent) -> Block | None:
        point = event.position() if isinstance(event, QMouseEvent) else event.pos().toPointF()
        return next((block for block, place in self._places().items() if place.contains(point)), None)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        block = self._at(event)
        if block is None or event.button() != Qt.MouseButton.LeftButton:
            super().mousePressEvent(event)
            return
        before = self.layers()
        if event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self._choice.extend(block)
        else:
            self._choice.toggle(block)
        self._refresh(before)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802
        self._hover(self._at(event))

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802
        self._hover(None)
        super().leaveEvent(event)

    def _hover(self, block: Block | None) -> None:
        if block != self._under:
            self._under = block
            self.setCursor(Qt.CursorShape.ArrowCursor if block is None else Qt.CursorShape.PointingHandCursor)
            self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802
        key, at, before = Qt.Key(event.key()), self._choice.at, self.layers()
        shift = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
        target = None
        if key in STEPS:
            target = self._choice.move(*STEPS[key])
        elif key in (Qt.Key.Key_Home, Qt.Key.Key_End):
            target = self._choice.end(top=key == Qt.Key.Key_End)
        elif key == Qt.Key.Key_Space and at is not None:
            if shift:
                self._choice.extend(at)
            else:
                self._choice.toggle(at)
        else:
            super().keyPressEvent(event)
            return
        if target is not None and shift and target[0] == (at or target)[0]:
            self._choice.extend(target)
        elif target is not None:
            self._choice.go(target)
        self._refresh(before)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.Type.ToolTip:
            block = self._at(event)
            if block is None:
                QToolTip.hideText()
            else:
                QToolTip.showText(event.globalPos(), tip(self.sentence(block)), self)
            return True
        return super().event(event)

    def sentence(self, block: Block) -> str:
        """Everything about a block."""
        stack, layer = self._choice.stack(block[0]), f"{block[0]}.{block[1]}"
        tokens = "tokens at the words of the transcript" if stack.tokens_per_second is None else (
            f"{stack.tokens_per_second:g} tokens a second of sound"
        )  # fmt: skip
        share = self._shares.get(layer)
        steered = "" if share is None else f" {share:.0%} of the answers can be steered here."
        chosen = "Chosen." if block in self._choice.chosen else "Not chosen."
        return (
            f"{layer}: the output of block {block[1] + 1} of {stack.layers}, d = {stack.d}, {tokens}.{steered} {chosen}"
        )

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:  # noqa: N802
        super().focusOutEvent(event)
        self.update()

    def changeEvent(self, event: QEvent) -> None:  # noqa: N802
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.PaletteChange):
            self.updateGeometry()
            self.update()
