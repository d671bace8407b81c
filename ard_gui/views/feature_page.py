"""One feature: its figures, its most and least representative clips, its neighbours."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QSplitter, QVBoxLayout, QWidget

from ard_gui.actions import Actions
from ard_gui.services.study_reading import ConceptLines, FeatureLines
from ard_gui.session import Session
from ard_gui.views.clip_list import ClipList
from ard_gui.views.features_table import shown

NEIGHBOURS = 8


class FeaturePage(QWidget):
    """Shows what `Session.feature_read` brings."""

    def __init__(self, session: Session, actions: Actions) -> None:
        super().__init__()
        self._session = session
        session.feature_read.connect(self.show_feature)
        self.feature = -1
        self.title = QLabel("No feature chosen")
        font = self.title.font()
        font.setPointSizeF(font.pointSizeF() * 1.4)
        font.setBold(True)
        self.title.setFont(font)
        self.title.setWordWrap(True)
        self.title.setTextFormat(Qt.TextFormat.PlainText)
        self.concept = QLabel()
        self.concept.setWordWrap(True)
        self.concept.setTextFormat(Qt.TextFormat.PlainText)
        self.concept.setAccessibleName("Concept")
        self.concept.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.figures = QLabel("Open a study and choose a feature on the left.")
        self.figures.setWordWrap(True)
        self.figures.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.neighbours = QLabel()
        self.neighbours.setWordWrap(True)
        self.neighbours.setAccessibleName("Nearest decoder directions")
        self.neighbours.linkActivated.connect(lambda link: session.selection.choose(int(link)))
        self.most = ClipList("Most representative clips")
        self.least = ClipList("Least representative clips")
        splitter = QSplitter(Qt.Orientation.Vertical)
        splitter.addWidget(self.most)
        splitter.addWidget(self.least)
        layout = QVBoxLayout(self)
        for widget in (self.title, self.concept, self.figures, self.neighbours):
            layout.addWidget(widget)
        layout.addWidget(splitter, 1)

    def show_feature(self, lines: FeatureLines) -> None:
        """Replace everything on the page."""
        self.feature = lines.feature
        concept = lines.concept
        name = f": {concept.title}" if concept is not None and concept.title else ""
        self.title.setText(f"Feature {lines.feature}{name}")
        self.concept.setText("" if concept is None else _told(concept))
        self.concept.setVisible(bool(self.concept.text()))
        figures = ((n, v.item() if isinstance(v, np.generic) else v) for n, v in lines.figures.items())
        self.figures.setText("   ".join(f"{name.replace('_', ' ')} {shown(value)}" for name, value in figures))
        links = (f'<a href="{k}">{k}</a> ({cosine:.2f})' for k, cosine in lines.neighbours[:NEIGHBOURS])
        self.neighbours.setText(f"Nearest directions (cosine): {', '.join(links)}" if lines.neighbours else "")
        self.most.show_lines(lines.most, lines.score)
        self.least.show_lines(lines.least, lines.score)


def _told(concept: ConceptLines) -> str:
    """Description, what is wrong with the name, where it came from and how well it finds the clips."""
    found = f"Found by its name: {concept.detection}" if concept.title else ""
    source = f"Named by: {concept.origin}" if concept.origin and concept.title else ""
    return "\n".join(part for part in (concept.description, concept.status, source, found) if part)
