"""The message bar at the top of the window: errors and warnings, never in the way."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QApplication, QFrame, QHBoxLayout, QLabel, QPushButton, QToolButton

from ard_gui.state.notices import Notice, Notices
from ard_gui.theme import colours
from ard_gui.views.plain_text import tip

LONGEST = 600
"""Letters shown; the rest is behind "All messages" and in the tool tip."""
SIGNS = {"info": "Note", "warning": "Warning", "error": "Error"}


class NoticeBar(QFrame):
    """Shows the newest error or warning until it is dismissed; hidden while there is none.

    Signals
    -------
    all_wanted()
        The person asks for all messages.
    """

    all_wanted = Signal()

    def __init__(self, notices: Notices) -> None:
        super().__init__()
        self.setAccessibleName("Message")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setAutoFillBackground(True)
        self._level = "info"
        self._waiting = 0
        self._offer: Callable[[], object] | None = None
        self.sign = QLabel()
        self.text = QLabel()
        self.text.setTextFormat(Qt.TextFormat.PlainText)
        self.text.setWordWrap(True)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.accept = QPushButton()
        self.accept.clicked.connect(self._accepted)
        self.more = QPushButton("All messages …")
        self.more.clicked.connect(self.all_wanted)
        self.dismiss = QToolButton()
        self.dismiss.setText("✕")
        self.dismiss.setAutoRaise(True)
        self.dismiss.setAccessibleName("Dismiss the message")
        self.dismiss.setToolTip("Dismiss")
        self.dismiss.clicked.connect(self.clear)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(12, 6, 8, 6)
        layout.addWidget(self.sign, 0, Qt.AlignmentFlag.AlignTop)
        layout.addWidget(self.text, 1, Qt.AlignmentFlag.AlignTop)
        for button in (self.accept, self.more, self.dismiss):
            layout.addWidget(button, 0, Qt.AlignmentFlag.AlignTop)
        self.hide()
        notices.added.connect(self._added)

    def offer(self, text: str, label: str, handler: Callable[[], object]) -> None:
        """Say something with a button beside it, which calls `handler` and ends the message."""
        self._offer = handler
        self.accept.setText(label)
        self._show("info", text)

    def clear(self) -> None:
        """Nothing more to say."""
        self._waiting, self._offer = 0, None
        self.hide()

    def _added(self, notice: Notice) -> None:
        if notice.level == "info":
            return
        self._waiting += 1
        self._offer = None
        self._show(notice.level, notice.text)

    def _show(self, level: str, text: str) -> None:
        self._level = level
        shown = text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
        self.sign.setText(SIGNS[level])
        self.text.setText(shown)
        self.text.setToolTip(tip(text) if shown != text else "")
        self.text.setAccessibleName(f"{SIGNS[level]}: {shown}")
        self.accept.setVisible(self._offer is not None)
        self.more.setText("Details …" if self._waiting < 2 else f"All {self._waiting} messages …")
        self.more.setVisible(self._offer is None)
        self.theme_changed()
        self.show()

    def _accepted(self) -> None:
        handler = self._offer
        self.clear()
        if handler is not None:
            handler()

    def theme_changed(self) -> None:
        """Colours and text size of the theme in use."""
        palette = QPalette(QApplication.palette())
        accent = {"error": colours().bad, "warning": colours().warning}.get(self._level, colours().plot)
        palette.setColor(QPalette.ColorRole.WindowText, accent)
        self.sign.setPalette(palette)
        font = QApplication.font()
        font.setBold(True)
        self.sign.setFont(font)
        own = QPalette()
        own.setColor(QPalette.ColorRole.Window, own.color(QPalette.ColorRole.AlternateBase))
        self.setPalette(own)
