"""Every setting of a study with its meaning: searched, changed, put back to the profile's value."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor
from PySide6.QtWidgets import (
    QCheckBox,
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from ard_gui.state.setting_list import Setting, all_settings, shown
from ard_gui.state.study_form import StudyForm
from ard_gui.theme import colours
from ard_gui.views.new_study.fields import ChoiceField, TextField
from ard_gui.views.sentence import Sentence

TITLES = ("Setting", "Value", "Profile")
DOTTED = Qt.ItemDataRole.UserRole


class AllSettings(QDialog):
    """A list of all of them; the chosen one is edited underneath. Every change counts at once in the form."""

    def __init__(self, parent: QWidget, form: StudyForm) -> None:
        super().__init__(parent)
        self.setWindowTitle("All settings of the study")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(min(820, parent.width()), min(720, parent.height()))
        self._form = form
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search names and meanings")
        self.search.setAccessibleName("Search settings")
        self.search.setClearButtonEnabled(True)
        self.only_own = QCheckBox("only what is &changed from the profile")
        self.tree = QTreeWidget()
        self.tree.setAccessibleName("Settings")
        self.tree.setHeaderLabels(TITLES)
        self.items: dict[str, QTreeWidgetItem] = {}
        self.about, self.problem = Sentence(name="What it means"), Sentence(kind="bad", name="What is wrong")
        self.place = QVBoxLayout()
        self.field: TextField | ChoiceField | None = None
        self.back = QPushButton("Back to the &profile's")
        self.back.setAutoDefault(False)
        self.name = QLabel()
        self._build()
        self._fill()
        self._ended = form.changed.connect(self._follow)

    def choose(self, dotted: str) -> None:
        """Show one setting."""
        self.tree.setCurrentItem(self.items[dotted])
        self.tree.scrollToItem(self.items[dotted], QTreeWidget.ScrollHint.PositionAtCenter)

    def _build(self) -> None:
        self.tree.header().setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        self.tree.header().setStretchLastSection(False)
        self.tree.setUniformRowHeights(True)
        self.tree.currentItemChanged.connect(lambda now, _: self._edit(now))
        self.search.textChanged.connect(lambda _: self._find())
        self.only_own.toggled.connect(lambda _: self._find())
        self.back.clicked.connect(self._reset)
        self.name.setTextFormat(Qt.TextFormat.PlainText)
        top = QHBoxLayout()
        top.addWidget(self.search, 1)
        top.addWidget(self.only_own)
        line = QHBoxLayout()
        line.addWidget(self.name)
        line.addLayout(self.place, 1)
        line.addWidget(self.back)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.button(QDialogButtonBox.StandardButton.Close).setAutoDefault(False)
        buttons.rejected.connect(self.close)
        layout = QVBoxLayout(self)
        layout.addLayout(top)
        layout.addWidget(self.tree, 1)
        layout.addWidget(self.about)
        layout.addLayout(line)
        layout.addWidget(self.problem)
        layout.addWidget(buttons)

    def _fill(self) -> None:
        sections: dict[str, QTreeWidgetItem] = {}
        for dotted, one in all_settings().items():
            if one.section not in sections:
                head = sections[one.section] = QTreeWidgetItem(self.tree, [f"[{one.section}]"])
                head.setFirstColumnSpanned(True)
                head.setFlags(Qt.ItemFlag.ItemIsEnabled)
                head.setExpanded(True)
            item = self.items[dotted] = QTreeWidgetItem(sections[one.section], [one.key])
            item.setData(0, DOTTED, dotted)
        self._follow()
        self.tree.resizeColumnToContents(0)
        self.tree.setColumnWidth(2, self.fontMetrics().averageCharWidth() * 20)
        self.choose(next(iter(self.items)))

    def _follow(self) -> None:
        own = self._form.own
        for dotted, item in self.items.items():
            item.setText(1, shown(self._form.value(dotted)))
            item.setText(2, shown(self._form.usual(dotted)) if dotted in own else "")
            font = item.font(1)
            font.setBold(dotted in own)
            item.setFont(1, font)
            item.setForeground(2, QColor(colours().muted))
        self._tell()
        if self.only_own.isChecked():
            self._find()

    def _find(self) -> None:
        words = self.search.text().casefold().split()
        own = self._form.own
        for dotted, item in self.items.items():
            one = all_settings()[dotted]
            text = f"{dotted} {one.description}".casefold()
            item.setHidden(not all(word in text for word in words) or (self.only_own.isChecked() and dotted not in own))
        for head in {item.parent() for item in self.items.values()}:
            head.setHidden(all(head.child(row).isHidden() for row in range(head.childCount())))
        now = self.tree.currentItem()
        if now is None or now.isHidden():
            first = next((item for item in self.items.values() if not item.isHidden()), None)
            if first is not None:
                self.tree.setCurrentItem(first)

    def _setting(self) -> Setting | None:
        item = self.tree.currentItem()
        return all_settings().get(str(item.data(0, DOTTED))) if item is not None else None

    def _edit(self, item: QTreeWidgetItem | None) -> None:
        one = self._setting()
        if item is None or one is None:
            return
        if self.field is not None:
            self.place.removeWidget(self.field)
            self.field.hide()
            self.field.deleteLater()
        self.field = ChoiceField(self._form, one.dotted) if one.choices else TextField(self._form, one.dotted)
        self.field.setAccessibleName(f"Value of {one.dotted}")
        self.place.addWidget(self.field)
        self.name.setBuddy(self.field)
        QWidget.setTabOrder(self.tree, self.field)
        QWidget.setTabOrder(self.field, self.back)
        self._tell()

    def _tell(self) -> None:
        one = self._setting()
        if one is None or self.field is None:
            return
        self.name.setText(one.dotted)
        self.about.tell(f"{one.description} Write {one.wanted}.")
        problems = self._form.problems()
        self.problem.tell(problems.get(one.dotted, "") or problems.get(one.section, "") or problems.get("", ""))
        self.back.setEnabled(one.dotted in self._form.own)
        self.field.follow()

    def _reset(self) -> None:
        one = self._setting()
        if one is not None:
            self._form.reset(one.dotted)

    def done(self, result: int) -> None:
        """Every way to close ends here."""
        self._ended()
        super().done(result)
