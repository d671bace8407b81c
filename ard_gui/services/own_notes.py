"""The person's own work on the open study, as the window sees it: read from memory, written on a thread of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal

from ard_gui.services.worker import Failure, Worker
from ard_gui.state.notices import Notices
from ard_gui.state.undo import Step, UndoStack
from backend.store.notes.changes import Change, Conflict
from backend.store.notes.keys import sae_key
from backend.store.notes.notes import Notes
from backend.store.notes.records import ClipNote, Entry, FeatureNote, NamedList
from backend.store.notes.saved_steering import SavedResult
from backend.study.folder import Study

LOOK_MS = 2000
Writing = Callable[[Notes, str], Change]
"""Is given the notes and the key of the shown SAE, on the notes' thread."""
Failed = Callable[[Failure], object]


@dataclass(frozen=True)
class Snapshot:
    """Everything noted that can be shown of one SAE.

    Attributes
    ----------
    key : str
        Of the SAE.
    features : mapping of feature to FeatureNote
        What did not change since the snapshot before is the same object.
    clips : mapping of feature to (mapping of clip key to ClipNote)
    lists : tuple of (NamedList, entries)
        Their entries may be of any SAE.
    queries : mapping of name to value
    results : tuple of SavedResult
        Saved steering results of every SAE, the newest first. `perform` reads the whole of one:
        ``notes.perform(lambda n: n.steering_result(id), done)``; `write` saves one: ``n.add_result(result, title)``.
    """

    key: str = ""
    features: Mapping[int, FeatureNote] = field(default_factory=dict)
    clips: Mapping[int, Mapping[str, ClipNote]] = field(default_factory=dict)
    lists: tuple[tuple[NamedList, tuple[Entry, ...]], ...] = ()
    queries: Mapping[str, Any] = field(default_factory=dict)
    results: tuple[SavedResult, ...] = ()


class OwnNotes(QObject):
    """Notes of the open study. What is written is on the disk before it is shown, and can be undone.

    Signals
    -------
    changed()
        `now` is another snapshot: something was written here, undone, or written by another window.
    opened(str)
        The notes can be used; the text says where they are kept.

    Attributes
    ----------
    now : Snapshot
    """

    changed = Signal()
    opened = Signal(str)

    def __init__(self, undo: UndoStack, notices: Notices) -> None:
        super().__init__()
        self.now = Snapshot()
        self._undo, self._notices = undo, notices
        self._worker = Worker("notes")
        self._notes: Notes | None = None
        self._state = -1
        self._last = Snapshot()  # the notes' thread's own
        self._study: Study | None = None
        self._sae = ""
        self._looking = QTimer(self)
        self._looking.setInterval(LOOK_MS)
        self._looking.timeout.connect(self._look)

    @property
    def available(self) -> bool:
        """Whether there are notes to write to."""
        return bool(self.now.key)

    def open(self, study: Study, author: str) -> None:
        """Use the notes of `study`; nothing is shown until `show` names an SAE."""
        self._study, self._sae = study, ""
        self._put(Snapshot())

        def opening() -> Notes:
            self._close_file()
            self._notes = Notes.open(study, author=author)
            return self._notes

        self._worker.run(opening, self._opened, self._failed)
        self._looking.start()

    def show(self, sae_id: str) -> None:
        """Read what was noted on the features of an SAE (or of raw units); until then there is nothing of another."""
        if sae_id != self._sae:
            self._put(replace(self.now, key="", features={}, clips={}))
        self._sae = sae_id
        self._refresh()

    def close_study(self) -> None:
        """No study is open."""
        self._looking.stop()
        self._study, self._sae = None, ""
        self._worker.run(self._close_file)
        self._put(Snapshot())

    def close(self) -> None:
        """Finish what is being written and end the thread."""
        self._looking.stop()
        self._worker.run(self._close_file)
        self._worker.close()

    def ended(self, seconds: float) -> bool:
        """After `close`: whether everything is written, waiting up to `seconds`."""
        return self._worker.close(seconds)

    def feature(self, k: int) -> FeatureNote:
        return self.now.features.get(k, FeatureNote(k))

    def clip(self, k: int, clip_key: str) -> ClipNote:
        return self.now.clips.get(k, {}).get(clip_key, ClipNote(clip=clip_key))

    def tags(self) -> tuple[str, ...]:
        """Every tag in use, in the order of letters."""
        found = {tag for note in self.now.features.values() for tag in note.tags}
        return tuple(sorted(found, key=lambda tag: (tag.casefold(), tag)))

    def write(
        self, writing: Writing, done: Callable[[Change], object] = lambda _: None, failed: Failed | None = None
    ) -> None:
        """Change something: ``notes.write(lambda n, sae: n.set_star(sae, 12, True))``; it becomes one step of undo.

        A failure is a message to the person, unless `failed` takes it.
        """

        def made(change: Change) -> None:
            if change:
                self._remember(change)
                self._refresh()
            done(change)

        key = self.now.key
        self._worker.run(lambda: writing(self._open_notes(), key), made, failed or self._failed)

    def perform(
        self, work: Callable[[Notes], Any], done: Callable[[Any], object] = lambda _: None, failed: Failed | None = None
    ) -> None:
        """Work that is no step of undo and shows in no snapshot, e.g. a blind rating; failures as in `write`."""
        self._worker.run(lambda: work(self._open_notes()), done, failed or self._failed)

    def read(self, reading: Callable[[Notes, str], Any], done: Callable[[Any], object]) -> None:
        """What is not in the snapshot, e.g. the history of a name."""
        key = self.now.key
        self._worker.run(lambda: reading(self._open_notes(), key), done, self._failed)

    def _remember(self, change: Change) -> None:
        latest = [change]

        def revert() -> None:
            def failed(failure: Failure) -> None:
                if isinstance(failure.error, Conflict):
                    self._undo.forget(step)
                self._failed(failure)

            def reverted(opposite: Change) -> None:
                latest[0] = opposite
                self._refresh()

            self._worker.run(lambda: self._open_notes().revert(latest[0]), reverted, failed)

        step = Step(change.label, revert, revert)
        self._undo.push(step)

    def _refresh(self) -> None:
        if self._study is not None and self._sae:
            study, sae_id = self._study, self._sae

            def read(found: Snapshot) -> None:
                if (self._study, self._sae) == (study, sae_id):
                    self._put(found)

            self._worker.run(lambda: self._snapshot(study, sae_id), read, self._failed)

    def _look(self) -> None:
        """Another window may have written."""

        def state() -> int:
            return self._notes.state() if self._notes is not None else self._state

        def seen(found: int) -> None:
            if found != self._state:
                self._state = found
                self._refresh()

        self._worker.run(state, seen, lambda failure: self._looking.stop())

    def _snapshot(self, study: Study, sae_id: str) -> Snapshot:
        notes, key = self._open_notes(), sae_key(study, sae_id)
        lists = tuple((one, tuple(notes.entries(one.key))) for one in notes.lists())
        before = self._last if self._last.key == key else Snapshot()
        known = self._last.results
        results = tuple(notes.saved_results(known={one.id: one.contents for one in known}))
        self._last = Snapshot(
            key, _same_where_equal(before.features, notes.features(key)), notes.all_clip_notes(key),
            before.lists if before.lists == lists else lists, notes.queries(),
            known if known == results else results,
        )  # fmt: skip
        return self._last

    def _put(self, snapshot: Snapshot) -> None:
        self.now = snapshot
        self.changed.emit()

    def _opened(self, notes: Notes) -> None:
        for message in notes.messages:
            self._notices.warning(message)
        self.opened.emit(notes.place)

    def _open_notes(self) -> Notes:
        if self._notes is None:
            raise RuntimeError("no notes are open")
        return self._notes

    def _close_file(self) -> None:
        if self._notes is not None:
            self._notes.close()
            self._notes = None

    def _failed(self, failure: Failure) -> None:
        self._notices.error(failure.text, failure.details)


def _same_where_equal(before: Mapping[int, FeatureNote], now: Mapping[int, FeatureNote]) -> dict[int, FeatureNote]:
    """`now` with the objects of `before` where they are equal, so that what changed is found without comparing."""
    return {k: before[k] if before.get(k) == one else one for k, one in now.items()}
