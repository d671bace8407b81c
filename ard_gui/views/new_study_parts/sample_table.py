"""The clips that were drawn from a folder of sound: Space plays one, ↑ and ↓ move."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from PySide6.QtCore import QRectF, Qt, Signal
from PySide6.QtGui import QIcon, QKeySequence, QPainter, QPalette, QPixmap, QShortcut
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

from ard_gui.theme import row_height
from ard_gui.views.glyphs import draw_glyph
from ard_gui.views.plain_text import tip

COLUMNS = ("clip", "seconds", "labels")
SHOWN_ROWS = 6


class SampleTable(QTableWidget):
    """Shows clips of a preview, one row each.

    Signals
    -------
    play_wanted(clip: dict)
        Space, Enter or a double click.

    Parameters
    ----------
    is_playing : function
        Whether a clip is heard now.
    """

    play_wanted = Signal(object)

    def __init__(self, is_playing: Callable[[Mapping[str, Any]], bool]) -> None:
        super().__init__(0, len(COLUMNS))
        self._is_playing = is_playing
        self._clips: list[Mapping[str, Any]] = []
        self.setAccessibleName("Clips to listen to")
        self.setHorizontalHeaderLabels(COLUMNS)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setAlternatingRowColors(True)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setWordWrap(False)
        self.setTabKeyNavigation(False)
        self.verticalHeader().hide()
        header = self.horizontalHeader()
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(2, QHeaderView.ResizeMode.Stretch)
        for key in (Qt.Key.Key_Space, Qt.Key.Key_Return, Qt.Key.Key_Enter):
            QShortcut(QKeySequence(key), self, self._want, context=Qt.ShortcutContext.WidgetShortcut)
        self.cellDoubleClicked.connect(lambda _row, _column: self._want())
        self.theme_changed()

    def show_clips(self, clips: Sequence[Mapping[str, Any]]) -> None:
        """Show these; the first one is chosen."""
        self._clips = list(clips)
        self.setRowCount(len(clips))
        for row, clip in enumerate(clips):
            labels = ", ".join(f"{name}={value}" for name, value in clip["labels"].items())
            more = " · ".join(one for one in (clip["caption"], labels) if one)
            start = "" if not clip["start"] else f"from {clip['start']:g} s"
            told = tip(clip["path"], clip["member"], start, more)
            seconds = "–" if clip["seconds"] is None else f"{clip['seconds']:.1f}"
            for column, text in enumerate((clip["record"], seconds, more)):
                item = QTableWidgetItem(" ".join(text.split()))
                item.setToolTip(told)
                if column == 1:
                    item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                self.setItem(row, column, item)
        if clips:
            self.setCurrentCell(0, 0)
        self.mark_playing()

    def current(self) -> Mapping[str, Any] | None:
        """The clip that the keyboard is at."""
        row = self.currentRow()
        return self._clips[row] if 0 <= row < len(self._clips) else None

    def mark_playing(self) -> None:
        """A sign at the clip that is heard."""
        for row, clip in enumerate(self._clips):
            item = self.item(row, 0)
            if item is not None:
                on = self._is_playing(clip)
                item.setIcon(self._sign() if on else QIcon())
                item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{clip['record']}, playing" if on else None)

    def theme_changed(self) -> None:
        """The text size or the colours may be others."""
        self.verticalHeader().setDefaultSectionSize(row_height(self))
        self.setMinimumHeight(SHOWN_ROWS * row_height(self))
        self.mark_playing()

    def _want(self) -> None:
        clip = self.current()
        if clip is not None:
            self.play_wanted.emit(clip)

    def _sign(self) -> QIcon:
        side, ratio = self.fontMetrics().height(), self.devicePixelRatioF()
        sign = QIcon()
        for mode, role in (
            (QIcon.Mode.Normal, QPalette.ColorRole.Text), (QIcon.Mode.Selected, QPalette.ColorRole.HighlightedText),
        ):  # fmt: skip
            pixmap = QPixmap(round(side * ratio), round(side * ratio))
            pixmap.setDevicePixelRatio(ratio)
            pixmap.fill(Qt.GlobalColor.transparent)
            painter = QPainter(pixmap)
            draw_glyph(painter, "play", QRectF(0, 0, side, side), self.palette().color(role))
            painter.end()
            sign.addPixmap(pixmap, mode)
        return sign
