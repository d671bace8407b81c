"""What the File and Edit menus take out of the window: exports, notes for colleagues, pictures of views."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QPixmap
from PySide6.QtWidgets import QApplication, QDockWidget, QFileDialog, QMainWindow, QWidget

from ard_gui.actions import Actions
from ard_gui.session import Session
from backend.store.notes.changes import Change
from backend.store.notes.exchange import export_notes, import_notes
from backend.store.notes.keys import sae_keys

if TYPE_CHECKING:
    from ard_gui.views.export_dialog import ExportDialog

IMAGE = "PNG images (*.png)"


class TakingAway:
    """Binds the actions; dialogs stand over `window`."""

    def __init__(self, session: Session, actions: Actions, window: QMainWindow) -> None:
        self._session, self._window = session, window
        self.dialog: ExportDialog | None = None
        actions.bind("file.export", self.export)
        actions.bind("file.export_notes", self._export_notes)
        actions.bind("file.import_notes", self._import_notes)
        actions.bind("edit.copy_image", self.copy_image)
        actions.bind("edit.save_image", self._save_image)

    def export(self) -> None:
        """Ask what is exported, and where to."""
        if self._session.ranking is None:
            self._session.notices.warning("There are no features to export: open a study first.")
            return
        from ard_gui.views.export_dialog import ExportDialog

        scopes, lists = self.scopes()
        self.dialog = ExportDialog(self._window, self._session, scopes, lists)
        self.dialog.show()

    def scopes(self) -> tuple[dict[str, tuple[int, ...]], dict[str, str]]:
        """What can be exported, by what it is called; and which of these are named lists."""
        session = self._session
        found: dict[str, tuple[int, ...]] = {}
        lists: dict[str, str] = {}
        marked, shown = session.selection.features, session.shown
        if len(marked) > 1:
            found[f"{len(marked)} marked features"] = marked
        for one, entries in session.notes.now.lists:
            features = tuple(entry.feature for entry in entries if entry.sae == session.notes.now.key)
            if features:
                name = f"list “{one.name}” ({len(features)})"
                found[name], lists[name] = features, one.key
        listed = next((name for name, key in lists.items() if key == session.query.value.listed), "")
        if listed:
            found = {listed: found[listed], **found}
        starred = tuple(k for k, note in session.notes.now.features.items() if note.star)
        if starred:
            found[f"{len(starred)} starred features"] = starred
        if len(shown):
            found[f"all {len(shown):,} features that the table shows"] = tuple(shown.tolist())
        if session.selection.feature >= 0:
            found[f"feature {session.selection.feature}"] = (session.selection.feature,)
        return found, lists

    def picture(self) -> QPixmap:
        """Of the view that has the focus: its dock, or the middle of the window."""
        widget: QWidget | None = QApplication.focusWidget()
        while widget is not None and not isinstance(widget, QDockWidget):
            widget = widget.parentWidget()
        found = widget.widget() if isinstance(widget, QDockWidget) else self._window.centralWidget()
        return (found or self._window).grab()

    def copy_image(self) -> None:
        """Put the picture on the clipboard."""
        QGuiApplication.clipboard().setPixmap(self.picture())
        self._window.statusBar().showMessage("Copied as an image", 4000)

    def _save_image(self) -> None:
        picture = self.picture()
        dialog = QFileDialog(self._window, "Save view as image", str(Path.home() / "view.png"), IMAGE)
        dialog.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        dialog.setDefaultSuffix("png")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.fileSelected.connect(lambda path: self.save_picture(picture, Path(path)))
        dialog.open()

    def save_picture(self, picture: QPixmap, path: Path) -> None:
        """Write a picture as PNG."""
        image = picture.toImage()

        def write() -> None:
            if not image.save(str(path)):
                raise OSError(f"{path} cannot be written")

        self._session.worker.run(
            write, lambda _: self._session.notices.info(f"The view was saved as {path}."),
            lambda failure: self._session.notices.error(failure.text, failure.details),
        )  # fmt: skip

    def _export_notes(self) -> None:
        if self._session.overview is None:
            return
        chosen, _ = QFileDialog.getSaveFileName(
            self._window, "Export your notes", str(Path.home() / "notes.json"), "*.json"
        )
        if chosen:
            study = self._session.overview.study
            self._session.notes.read(
                lambda notes, _: export_notes(notes, Path(chosen), saes=sae_keys(study)),
                lambda rows: self._session.notices.info(f"{rows} rows of notes were written to {chosen}."),
            )

    def _import_notes(self) -> None:
        if self._session.overview is None:
            return
        chosen, _ = QFileDialog.getOpenFileName(self._window, "Import notes", str(Path.home()), "*.json")
        if chosen:

            def imported(change: Change) -> None:
                self._session.notices.info(f"{len(change.rows)} fields were newer in {chosen}; undo takes them back.")

            self._session.notes.write(lambda notes, _: import_notes(notes, Path(chosen)), imported)
