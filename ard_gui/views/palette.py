"""The command palette: type a few letters of a command, or the number of a feature."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QEvent, QObject, QRect, QSize, Qt, Signal
from PySide6.QtGui import QFont, QKeyEvent, QPainter, QPalette
from PySide6.QtWidgets import (
    QDialog,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from ard_gui.actions import Actions
from ard_gui.session import Session
from ard_gui.state.command_search import feature_number, ranked

ID, PLACES, KEYS, TIP = (Qt.ItemDataRole.UserRole + number for number in range(4))
FEATURE = "feature:"
WIDTH, SHOWN_ROWS, MARGIN = 620, 12, 8


class Palette(QDialog):
    """Lists the actions that can be used now; Enter runs the marked one, Escape closes.

    Parameters
    ----------
    recent : list of str
        Ids of the actions used, the last one first.
    """

    chosen = Signal(str)

    def __init__(self, window: QWidget, session: Session, actions: Actions, recent: list[str]) -> None:
        super().__init__(window, Qt.WindowType.Dialog | Qt.WindowType.FramelessWindowHint)
        self._session, self._actions, self._recent = session, actions, recent
        self.setWindowTitle("Commands")
        self.setAccessibleName("Commands")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.field = QLineEdit()
        self.field.setAccessibleName("Command or feature number")
        self.field.setPlaceholderText("Type a command, or the number of a feature")
        self.list = QListWidget()
        self.list.setAccessibleName("Commands found")
        self.list.setItemDelegate(CommandDelegate(self.list))
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.itemClicked.connect(lambda _: self._run())
        self.field.textChanged.connect(self.search)
        self.field.installEventFilter(self)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        layout.addWidget(self.field)
        layout.addWidget(self.list)
        self.search("")
        self._place(window)

    def search(self, typed: str) -> None:
        """Show what fits `typed`."""
        self.list.clear()
        number = feature_number(typed)
        if number is not None:
            self._add_feature(number)
        usable = [id_ for id_ in self._actions.usable() if id_ != "view.palette"]
        titles = {id_: _title(self._actions, id_) for id_ in usable}
        for id_, places in ranked(typed, [(id_, *title) for id_, title in titles.items()], self._recent):
            keys, tip = self._actions.all_shortcuts(id_), self._actions.entries[id_].tip
            self._add(id_, "".join(titles[id_]), places, keys, tip)
        if self.list.count():
            self.list.setCurrentRow(0)
        else:
            self._add("", "No command is called like this", (), "", "")

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802
        if watched is self.field and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            step = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1, Qt.Key.Key_PageDown: 10, Qt.Key.Key_PageUp: -10}
            if event.key() in step:
                self._move(step[Qt.Key(event.key())])
                return True
            if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
                self._run()
                return True
        return super().eventFilter(watched, event)

    def _move(self, by: int) -> None:
        last = self.list.count() - 1
        row = self.list.currentRow() + by
        if abs(by) == 1:
            row %= last + 1
        self.list.setCurrentRow(min(last, max(0, row)))

    def _run(self) -> None:
        item = self.list.currentItem()
        id_ = "" if item is None else str(item.data(ID))
        if not id_:
            return
        self.close()
        self.chosen.emit(id_)

    def _add_feature(self, number: int) -> None:
        there = number < self._session.features
        if there:
            self._add(f"{FEATURE}{number}", f"Go to feature {number}", (), "", "Show its page.")
        elif self._session.features:
            text = f"There is no feature {number}: {self._session.ranking_name} has {self._session.features}, from 0 on"
            self._add("", text, (), "", "")

    def _add(self, id_: str, text: str, places: tuple[int, ...], keys: str, tip: str) -> None:
        item = QListWidgetItem(text)
        item.setData(ID, id_)
        item.setData(PLACES, places)
        item.setData(KEYS, keys)
        item.setData(TIP, tip)
        item.setToolTip(tip)
        item.setData(Qt.ItemDataRole.AccessibleTextRole, ", ".join(part for part in (text, keys, tip) if part))
        if not id_:
            item.setFlags(Qt.ItemFlag.NoItemFlags)
        self.list.addItem(item)

    def _place(self, window: QWidget) -> None:
        width = min(max(WIDTH, self.fontMetrics().averageCharWidth() * 80), round(window.width() * 0.9))
        rows = min(SHOWN_ROWS, max(1, self.list.count()))
        height = rows * self.list.sizeHintForRow(0) + self.field.sizeHint().height() + 4 * MARGIN
        corner = window.mapToGlobal(window.rect().topLeft())
        self.setGeometry(corner.x() + (window.width() - width) // 2, corner.y() + window.height() // 8, width, height)


def _title(actions: Actions, id_: str) -> tuple[str, str]:
    entry = actions.entries[id_]
    return f"{_plain(entry.menu)}: ", _plain(actions[id_].text()).removesuffix("…").rstrip()


def _plain(text: str) -> str:
    return text.replace("&&", "\0").replace("&", "").replace("\0", "&")


class CommandDelegate(QStyledItemDelegate):
    """Draws a command with the letters found in bold, its tip below and its shortcuts at the right."""

    def sizeHint(self, option: Any, index: Any) -> QSize:  # noqa: N802
        return QSize(100, 2 * option.fontMetrics.height() + 8)

    def paint(self, painter: QPainter, option: Any, index: Any) -> None:
        row: Any = QStyleOptionViewItem(option)
        self.initStyleOption(row, index)
        text, row.text = row.text, ""
        style = row.widget.style()
        style.drawControl(QStyle.ControlElement.CE_ItemViewItem, row, painter, row.widget)
        area: QRect = row.rect.adjusted(10, 4, -10, -4)
        marked = bool(row.state & QStyle.StateFlag.State_Selected)
        role = QPalette.ColorRole.HighlightedText if marked else QPalette.ColorRole.Text
        faint = QPalette.ColorRole.HighlightedText if marked else QPalette.ColorRole.PlaceholderText
        palette: QPalette = row.palette
        painter.save()
        keys, tip = str(index.data(KEYS) or ""), str(index.data(TIP) or "")
        font: QFont = row.font
        painter.setFont(font)
        painter.setPen(palette.color(faint))
        top, bottom = Qt.AlignmentFlag.AlignTop, Qt.AlignmentFlag.AlignBottom
        painter.drawText(area, int(Qt.AlignmentFlag.AlignRight | top), keys)
        painter.drawText(area, int(Qt.AlignmentFlag.AlignLeft | bottom), _fitting(painter, tip, area.width()))
        painter.setPen(palette.color(role))
        room = area.width() - painter.fontMetrics().horizontalAdvance(keys) - 20
        _draw_letters(painter, area, text, set(index.data(PLACES) or ()), room)
        painter.restore()


def _fitting(painter: QPainter, text: str, width: int) -> str:
    return painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, width)


def _draw_letters(painter: QPainter, area: QRect, text: str, bold: set[int], room: int) -> None:
    """Draw runs of usual and bold letters one behind the other."""
    usual, strong = QFont(painter.font()), QFont(painter.font())
    strong.setBold(True)
    x, start = area.x(), 0
    while start < len(text):
        end = start + 1
        while end < len(text) and (end in bold) == (start in bold):
            end += 1
        painter.setFont(strong if start in bold else usual)
        run = _fitting(painter, text[start:end], area.x() + room - x)
        painter.drawText(QRect(x, area.y(), room, area.height()), int(Qt.AlignmentFlag.AlignTop), run)
        x += painter.fontMetrics().horizontalAdvance(run)
        start = end
