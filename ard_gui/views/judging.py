"""What the Judge menu does: stars, names, tags, notes, verdicts, lists; thumbs and ratings of clips."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtWidgets import QInputDialog, QWidget

from ard_gui.actions import Actions
from ard_gui.session import Session
from ard_gui.views.list_chooser import ListChooser
from ard_gui.views.tag_editor import TagEditor
from ard_gui.views.text_editor import TextEditor
from backend.store.notes.changes import Change
from backend.store.notes.notes import Notes

NOT_MONOSEMANTIC = "not monosemantic"
LONGEST_NAME = 300


class Judging:
    """Binds the actions to the session's notes; dialogs stand over `window`."""

    def __init__(self, session: Session, actions: Actions, window: QWidget) -> None:
        self._session, self._actions, self._window = session, actions, window
        actions.bind("judge.star", self._star)
        actions.bind("judge.name", self._name)
        actions.bind("judge.tags", self._tags)
        actions.bind("judge.note", self._note)
        actions.bind("judge.not_monosemantic", self._verdict)
        actions.bind("judge.list", self._list)
        for rating in range(1, 6):
            actions.bind(f"judge.rate{rating}", partial(self.rate, rating))
        actions.bind("judge.unrate", lambda: self.rate(None))
        actions.bind("judge.up", lambda: self._thumb(1))
        actions.bind("judge.down", lambda: self._thumb(-1))
        session.notes.changed.connect(self._mirror)
        session.selection.feature_changed.connect(lambda _: self._mirror())
        self._mirror()

    def features(self) -> tuple[int, ...]:
        """What is judged: the marked features if the shown one is among them, else the shown one."""
        selection = self._session.selection
        if selection.feature < 0:
            return ()
        return selection.features if selection.feature in selection.features else (selection.feature,)

    def star(self, feature: int) -> None:
        """Star a feature, or take its star away."""
        on = not self._session.notes.feature(feature).star
        self._write(lambda notes, sae: notes.set_star(sae, feature, on))

    def rate(self, rating: int | None) -> None:
        """Rate the current clip for the shown feature."""
        feature, clip = self._session.selection.feature, self._session.selection.clip_key
        if clip:
            self._write(lambda notes, sae: notes.set_rating(sae, feature, clip, rating))

    def _thumb(self, thumb: int) -> None:
        feature, clip = self._session.selection.feature, self._session.selection.clip_key
        if clip:
            wanted = 0 if self._session.notes.clip(feature, clip).thumb == thumb else thumb
            self._write(lambda notes, sae: notes.set_thumb(sae, feature, clip, wanted))

    def _star(self) -> None:
        features = self.features()
        on = not all(self._session.notes.feature(k).star for k in features)
        self._write(lambda notes, sae: notes.set_star(sae, features, on))

    def _verdict(self) -> None:
        features = self.features()
        marked = all(self._session.notes.feature(k).verdict == NOT_MONOSEMANTIC for k in features)
        verdict = "" if marked else NOT_MONOSEMANTIC
        self._write(lambda notes, sae: notes.set_verdict(sae, features, verdict))

    def _name(self) -> None:
        feature = self._session.selection.feature
        if feature < 0 or not self._session.notes.available:
            return
        now = self._session.notes.feature(feature).name
        dialog = QInputDialog(self._window)
        dialog.setWindowTitle(f"Own name of feature {feature}")
        dialog.setLabelText("Name (leave it empty to go back to the automatic one):")
        dialog.setTextValue(now)
        dialog.setMinimumWidth(480)
        dialog.textValueSelected.connect(
            lambda text: self._write(lambda notes, sae: notes.set_name(sae, feature, text[:LONGEST_NAME]))
        )
        dialog.open()

    def _note(self) -> None:
        feature = self._session.selection.feature
        if feature >= 0 and self._session.notes.available:
            now = self._session.notes.feature(feature).note
            editor = TextEditor(self._window, f"Note on feature {feature}", now)
            editor.chosen.connect(lambda text: self._write(lambda notes, sae: notes.set_note(sae, feature, text)))
            editor.open()

    def _tags(self) -> None:
        features = self.features()
        if features and self._session.notes.available:
            notes = self._session.notes
            there = set.intersection(*(set(notes.feature(k).tags) for k in features))
            editor = TagEditor(self._window, features, sorted(there), notes.tags())
            editor.added.connect(lambda tag: self._write(lambda n, sae: n.add_tag(sae, features, tag)))
            editor.removed.connect(lambda tag: self._write(lambda n, sae: n.remove_tag(sae, features, tag)))
            editor.open()

    def _list(self) -> None:
        features = self.features()
        if features and self._session.notes.available:
            chooser = ListChooser(self._window, [one for one, _ in self._session.notes.now.lists])
            chooser.chosen.connect(lambda key: self._add_to(key, features))
            chooser.named.connect(lambda name: self._add_to_new(name, features))
            chooser.open()

    def _add_to(self, key: str, features: tuple[int, ...]) -> None:
        self._write(lambda notes, sae: notes.add_entries(key, [(sae, k) for k in features]))

    def _add_to_new(self, name: str, features: tuple[int, ...]) -> None:
        def made(change: Change) -> None:
            self._add_to(change.list, features)

        self._session.notes.write(lambda notes, _sae: notes.create_list(name), made)

    def _write(self, writing: Callable[[Notes, str], Change]) -> None:
        if self._session.notes.available and self._session.selection.feature >= 0:
            self._session.notes.write(writing)

    def _mirror(self) -> None:
        """The menu's check marks say how the shown feature is judged."""
        note = self._session.notes.feature(self._session.selection.feature)
        self._actions["judge.star"].setChecked(note.star)
        self._actions["judge.not_monosemantic"].setChecked(note.verdict == NOT_MONOSEMANTIC)
