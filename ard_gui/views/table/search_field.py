"""The search field: words that must occur, or a text whose meaning is looked for."""

from __future__ import annotations

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLineEdit, QSizePolicy, QWidget

WORDS, MEANING = 0, 1
PAUSE_MS = 400
NO_EMBEDDER = "Searching by meaning needs a text embedder, and none is at hand."


class SearchField(QWidget):
    """Words are searched at every letter, meaning after Return or a pause: it asks a model.

    Signals
    -------
    words_changed(str)
    meaning_changed(str)
        "" when there is nothing to look for any more.
    """

    words_changed = Signal(str)
    meaning_changed = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.mode = QComboBox()
        self.mode.setAccessibleName("What the search looks for")
        self.mode.addItems(["Words", "Meaning"])
        self.field = QLineEdit()
        self.field.setClearButtonEnabled(True)
        self.field.setAccessibleName("Search features")
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(PAUSE_MS)
        self._pause.timeout.connect(self._ask_meaning)
        self.field.textEdited.connect(self._edited)
        self.field.returnPressed.connect(self._ask_meaning)
        # The clear button counts as no edit.
        self.field.textChanged.connect(lambda text: None if text else self._cleared())
        self.mode.currentIndexChanged.connect(self._mode_changed)
        self.field.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.field, 1)
        row.addWidget(self.mode)
        self.offer_meaning(False)
        self._describe()

    def offer_meaning(self, offered: bool, why_not: str = NO_EMBEDDER) -> None:
        """Let the search look for meaning, or say why it cannot."""
        self.mode.setEnabled(offered)
        self.mode.setToolTip("Search for words, or for meaning" if offered else why_not)
        if not offered and self.mode.currentIndex() == MEANING:
            self.mode.setCurrentIndex(WORDS)

    def show_query(self, text: str, meaning: str) -> None:
        """Show what is searched; the person's own typing is left alone."""
        if text and not meaning:
            self._set(WORDS, text)
        elif meaning and not text:
            self._set(MEANING, meaning)
        elif not self._pause.isActive():
            self._set(self.mode.currentIndex(), text if self.mode.currentIndex() == WORDS else meaning)

    def _set(self, mode: int, text: str) -> None:
        if mode == self.mode.currentIndex() and text.strip() == self.field.text().strip():
            return
        for one in (self.mode, self.field):
            one.blockSignals(True)
        self.mode.setCurrentIndex(mode)
        self.field.setText(text)
        for one in (self.mode, self.field):
            one.blockSignals(False)
        self._describe()

    def _edited(self, text: str) -> None:
        if self.mode.currentIndex() == WORDS:
            self.words_changed.emit(text)
        else:
            self._pause.start()

    def _cleared(self) -> None:
        self._pause.stop()
        (self.words_changed if self.mode.currentIndex() == WORDS else self.meaning_changed).emit("")

    def _ask_meaning(self) -> None:
        if self.mode.currentIndex() == MEANING:
            self._pause.stop()
            self.meaning_changed.emit(self.field.text().strip())

    def _mode_changed(self, mode: int) -> None:
        """What was typed is now looked for the other way."""
        self._pause.stop()
        text = self.field.text()
        (self.meaning_changed if mode == WORDS else self.words_changed).emit("")
        self._set(mode, text)
        if text:
            (self.words_changed if mode == WORDS else self.meaning_changed).emit(text)
        self._describe()

    def _describe(self) -> None:
        by_words = self.mode.currentIndex() == WORDS
        self.field.setPlaceholderText(
            "Search names, captions, tags, notes …" if by_words else "Describe a sound, then press Return …"
        )
        self.field.setToolTip(
            "Every word must occur in the name, the explanation, a caption, or your own name, tags or note."
            if by_words
            else "Orders the features by how close their names are in meaning."
        )
