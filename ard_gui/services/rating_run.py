"""One sitting of one rater: item after item, clips heard, label given, name revealed, rating kept (A-45)."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from PySide6.QtCore import QObject, QTimer, Signal

from ard_gui.services.clip_media import ClipMedia, Media
from ard_gui.services.even_listening import EvenListening
from ard_gui.services.own_notes import OwnNotes
from ard_gui.services.playback.player import Player
from ard_gui.services.playback.sound import Sound
from ard_gui.services.rating_reading import ClipTrace, RatingMaterial, rating_material
from ard_gui.services.reader import Reader
from ard_gui.services.worker import Failure
from ard_gui.state.heard_clips import HeardClips
from ard_gui.state.undo import Step, UndoStack
from backend.store.clips import Clip
from backend.store.notes.notes import Notes
from backend.store.notes.rating_book import ItemRating, Listened, RatingBook, next_item
from backend.store.notes.rating_plan import RatingItem, RatingPlan
from backend.study.folder import Study

OWNER = "rating"
LOOK_MS = 50
JUMP_SECONDS = 0.25
"""A playhead that is further ahead of the clock was moved, and what it passed was not heard."""
Stage = Literal["reading", "listen", "rate", "over", "left"]


@dataclass(frozen=True)
class Services:
    """What a sitting works with, all of them the session's."""

    reader: Reader
    notes: OwnNotes
    media: ClipMedia
    player: Player


class RatingRun(QObject):
    """Keeps everything at once; the name of an item is not to be had from here before its label is on the disk.

    Signals
    -------
    item_opened()
        Another item is there; its stage is "listen", or "rate" if its label was given in an earlier sitting.
    clip_changed(clip: int)
        A clip was read, could not be read, was heard a little more, or plays or not.
    revealed()
    rated()
        `rating` is another one.
    over()
        Every item is closed.
    failed(text: str)

    Attributes
    ----------
    stage : "reading", "listen", "rate", "over", or "left" after `leave`
    order, done : int
        Number of the present item, from 1; closed items of this rater.
    rating : ItemRating
        What this rater wrote about the present item, as it is on the disk.
    asked : int or None
        The rating as it was asked for last; a moment later it is on the disk.
    heard : HeardClips
    playing : int
        The clip that plays or was played last; −1 for none.
    comment : str
        Set it as it is typed; it is kept with the rating, and when the item or the sitting is left.
    undo : UndoStack
        Of the present item's rating only.
    """

    item_opened = Signal()
    clip_changed = Signal(int)
    revealed = Signal()
    rated = Signal()
    over = Signal()
    failed = Signal(str)

    def __init__(self, services: Services, study: Study, plan: RatingPlan, rater: str) -> None:
        super().__init__()
        self.plan, self.rater = plan, rater
        self.stage: Stage = "reading"
        self.order, self.done, self.playing = 0, 0, -1
        self.rating = ItemRating(0, rater)
        self.heard = HeardClips(0, plan.listen_seconds)
        self.comment, self.undo = "", UndoStack()
        self.asked: int | None = None
        self._services, self._study = services, study
        self._item: RatingItem | None = None
        self._material = RatingMaterial({}, {})
        self._replays: list[int] = []
        self._silent = self._busy = self._ended = False
        self._wish: tuple[int, float] | None = None
        self._opened_at = self._looked_at = self._heard_at = 0.0
        self._seconds = 0.0
        """Of the present stage of the present item, in earlier sittings."""
        self._even = EvenListening(services.player)
        self._tick = QTimer(self)
        self._tick.setInterval(LOOK_MS)
        self._tick.timeout.connect(self._look)
        services.reader.ready.connect(self._read)
        services.reader.failed.connect(self._unread)
        services.media.ready.connect(self._clip_read)
        services.media.failed.connect(self._clip_read)
        services.player.finished.connect(self._finished)
        services.player.changed.connect(self._playing_changed)

    @property
    def name(self) -> str:
        """The automatic name; "" while the label is not given."""
        return self._item.name if self._item is not None and self.rating.label is not None else ""

    @property
    def clips(self) -> int:
        """Clips of the present item."""
        return 0 if self._item is None else len(self._item.clips)

    def start(self) -> None:
        """Find the clips, then open the first item that is not closed."""
        study, plan = self._study, self.plan
        self._even.begin()
        self._services.reader.ask("rating", lambda: rating_material(study, plan))

    def leave(self) -> None:
        """Keep what the present item has so far and stop the sound; the sitting goes on in another one."""
        self._services.player.stop()
        self._tick.stop()
        self._services.media.want(OWNER, ())
        if self.stage == "listen" and any(self.heard.plays) and not self._busy:
            self._keep_listening()
        elif self.stage == "rate" and not self._busy:
            self._put(self.asked)
        self._even.end()
        self.stage = "left"

    def media(self, clip: int) -> Media | None:
        """A clip's sound and picture, if it has been read."""
        found = self._clip(clip)
        return None if found is None else self._services.media.find(found.index)

    def trace(self, clip: int) -> ClipTrace | None:
        """Where the feature is active in a clip, if the plan shows that."""
        return None if self._item is None else self._material.traces.get((self.order, self._item.clips[clip].clip))

    def is_playing(self, clip: int) -> bool:
        """Whether a clip sounds now."""
        return self.playing == clip and self._services.player.playing and self._is_ours()

    def position(self) -> float | None:
        """Second of the clip `playing` that is heard; None where it is at rest at its beginning."""
        player = self._services.player
        return player.position() if self._is_ours() and (player.playing or player.position() > 0) else None

    def play(self, clip: int, start: float = 0.0) -> None:
        """Play a clip from `start` on, as soon as it has been read."""
        if not 0 <= clip < self.clips or self.stage not in ("listen", "rate"):
            return
        media, found = self.media(clip), self._clip(clip)
        if media is None:
            self._wish = (clip, start)
            if found is not None:
                self._services.media.ask(found, OWNER)
            return
        self._wish, self._ended = None, False
        before, self.playing = self.playing, clip
        if self.stage == "listen":
            self.heard.began(clip)
        else:
            self._replays[clip] += 1
        player = self._services.player
        player.play(Sound(media.key, media.wave, media.rate), start)
        self._heard_at, self._looked_at = start, time.monotonic()
        self._tick.start()
        for one in {before, clip} - {-1}:
            self.clip_changed.emit(one)

    def toggle(self, clip: int) -> None:
        """Pause a clip, play it on, or play it from its beginning."""
        if clip == self.playing and self._is_ours() and not self._ended:
            self._services.player.toggle()
            self._heard_at, self._looked_at = self._services.player.position(), time.monotonic()
        else:
            self.play(clip)

    def give_label(self, label: str) -> None:
        """Keep the label for good; then the name is revealed."""
        if self.stage == "listen" and self.heard.complete and label.strip():
            listened = self._listened()
            self._write(
                lambda book, item: book.set_label(self.plan.key, item, self.rater, label, listened), self._labelled
            )

    def rate(self, rating: int | None) -> None:
        """Rate the name 0 to 5, or take the rating back with None; it can be undone until the next item."""
        before = self.asked
        if self.stage != "rate" or rating == before or self._busy:
            return
        said = "no rating" if rating is None else f"rating {rating}"
        self.undo.push(Step(said, lambda: self._put(before), lambda: self._put(rating)))
        self._put(rating)

    def go_on(self) -> None:
        """Close the item, which stands from now on, and open the next one."""
        if self.stage != "rate" or self.asked is None:
            return
        rating, comment, listened = self.asked, self.comment, self._listened()

        def close(book: RatingBook, item: int) -> ItemRating:
            book.set_rating(self.plan.key, item, self.rater, rating, comment, listened)
            return book.close(self.plan.key, item, self.rater)

        self._write(close, lambda _: self._open_next())

    def _put(self, rating: int | None) -> None:
        """Keep a rating; several may be on their way, in their order."""
        comment, listened, item = self.comment, self._listened(), self.order
        self.asked = rating

        def kept(found: ItemRating) -> None:
            self._take(found)
            self.rated.emit()

        def refused(failure: Failure) -> None:
            self.asked = self.rating.rating
            self.rated.emit()
            self.failed.emit(failure.text)

        self._services.notes.perform(
            lambda notes: RatingBook(notes).set_rating(self.plan.key, item, self.rater, rating, comment, listened),
            kept, refused,
        )  # fmt: skip

    def _keep_listening(self) -> None:
        """So that what was heard need not be heard again, whatever happens."""
        listened, item = self._listened(), self.order
        self._services.notes.perform(
            lambda notes: RatingBook(notes).keep_listening(self.plan.key, item, self.rater, listened),
            failed=self._refused,
        )

    def _write(self, writing: Callable[[RatingBook, int], Any], done: Callable[[Any], object] = lambda _: None) -> None:
        """One writing at a time: a second Enter while the first is on its way is dropped."""
        if self._busy or self._item is None:
            return
        item, self._busy = self._item.order, True

        def work(notes: Notes) -> Any:
            return writing(RatingBook(notes), item)

        def kept(result: Any) -> None:
            self._busy = False
            done(result)

        self._services.notes.perform(work, kept, self._refused)

    def _refused(self, failure: Failure) -> None:
        self._busy = False
        self.failed.emit(failure.text)

    def _take(self, found: ItemRating) -> None:
        if self._item is not None and found.item == self._item.order:
            self.rating = found

    def _labelled(self, found: ItemRating) -> None:
        self._take(found)
        self.stage = "rate"
        self._opened_at, self._seconds = time.monotonic(), 0.0
        self.revealed.emit()

    def _open_next(self) -> None:
        plan, rater = self.plan, self.rater
        self._services.player.stop()
        self._services.notes.perform(
            lambda notes: RatingBook(notes).of_rater(plan.key, rater), self._open, self._refused
        )  # fmt: skip

    def _open(self, written: dict[int, ItemRating]) -> None:
        self.undo.clear()
        self.done = sum(one.closed for one in written.values())
        order = next_item(self.plan, written)
        if order is None:
            self._item, self.stage = None, "over"
            self.over.emit()
            return
        self._item = item = self.plan.items[order - 1]
        self.order, self.playing, self._wish, self._ended = order, -1, None, False
        self.rating = now = written.get(order, ItemRating(order, self.rater))
        self.heard = HeardClips(len(item.clips), self.plan.listen_seconds, now.plays, now.heard)
        self._replays = list(now.replays) if len(now.replays) == len(item.clips) else [0] * len(item.clips)
        self._silent = now.silent
        self.stage = "listen" if now.label is None else "rate"
        self._opened_at = time.monotonic()
        self._seconds = now.label_seconds if self.stage == "listen" else now.rating_seconds
        self.comment, self.asked = now.comment, now.rating
        self._want(item)
        self.item_opened.emit()
        for clip in range(len(item.clips)):
            self._look_at_clip(clip)

    def _want(self, item: RatingItem) -> None:
        """The clips of this item first, then those of the next one."""
        near = self.plan.items[item.order - 1 : item.order + 1]
        found = [self._material.clips.get(clip.clip) for one in near for clip in one.clips]
        self._services.media.want(OWNER, [one for one in found if one is not None])

    def _clip(self, clip: int) -> Clip | None:
        return None if self._item is None else self._material.clips.get(self._item.clips[clip].clip)

    def _clip_read(self, row: int, _found: object) -> None:
        for clip in range(self.clips):
            found = self._clip(clip)
            if found is not None and found.index == row:
                self._look_at_clip(clip)

    def _look_at_clip(self, clip: int) -> None:
        found, media = self._clip(clip), self.media(clip)
        if media is not None:
            self.heard.lengths[clip] = media.seconds
        elif found is None or self._services.media.problem(found.index):
            self.heard.unplayable.add(clip)
        self.clip_changed.emit(clip)
        if media is not None and self._wish is not None and self._wish[0] == clip:
            self.play(*self._wish)

    def _is_ours(self) -> bool:
        media = self.media(self.playing) if 0 <= self.playing < self.clips else None
        return media is not None and media.key == self._services.player.key

    def _look(self) -> None:
        """Count what was heard since the last look."""
        player, now = self._services.player, time.monotonic()
        if not self._is_ours():
            self._tick.stop()
            return
        position = player.position()
        moved, passed = position - self._heard_at, now - self._looked_at
        if 0 < moved <= passed + JUMP_SECONDS:
            if self.stage == "listen" and not self._busy:
                before = self.heard.is_heard(self.playing)
                self.heard.sounded(self.playing, moved)
                if not before and self.heard.is_heard(self.playing):
                    self._keep_listening()
            self._silent = self._silent or self._even.nothing_heard
        self._heard_at, self._looked_at = position, now
        if not player.playing:
            self._tick.stop()
        self.clip_changed.emit(self.playing)

    def _finished(self, key: str) -> None:
        media = self.media(self.playing) if 0 <= self.playing < self.clips else None
        if media is not None and media.key == key:
            self._look()
            self._ended = True
            self.clip_changed.emit(self.playing)

    def _playing_changed(self) -> None:
        if 0 <= self.playing < self.clips:
            if self._services.player.playing and self._is_ours():
                self._tick.start()
            self.clip_changed.emit(self.playing)

    def _listened(self) -> Listened:
        seconds = round(self._seconds + time.monotonic() - self._opened_at, 2)
        if self.stage == "listen":
            heard = tuple(round(one, 2) for one in self.heard.seconds)
            return Listened(tuple(self.heard.plays), seconds, self._silent, heard)
        return Listened(tuple(self._replays), seconds, self._silent)

    def _read(self, kind: str, material: Any) -> None:
        if kind == "rating" and self.stage == "reading":
            self._material = material
            self._open_next()

    def _unread(self, kind: str, message: str) -> None:
        if kind == "rating":
            self.failed.emit(message)
