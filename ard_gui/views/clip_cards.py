"""The clips of a feature in groups of cards; one card is the current one, which the plain keys act on."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtWidgets import QWidget

from ard_gui.actions import Actions
from ard_gui.services.feature_lines import ClipGroup, ClipLine, FeatureLines
from ard_gui.session import Session
from ard_gui.views.card_headers import GroupHeader, MoreRow
from ard_gui.views.card_media import CardMedia
from ard_gui.views.card_rows import Kind, Row, group_key, laid_out
from ard_gui.views.clip_card import ClipCard, card_height
from ard_gui.views.row_list import GAP, RowList
from backend.store.clip_key import clip_key
from backend.store.notes.changes import Change
from backend.store.notes.notes import Notes

AHEAD = 4
"""Cards after the current one and below the last visible one that are made ready."""
AHEAD_AFTER_MS = 250
"""Not before the person rests: while features rush by, what is ahead would only be in the way."""
Place = tuple[int, int]


class ClipCards(RowList):
    """Signals.

    current_changed(ClipLine or None)
    play_asked()
        Play or pause the current clip.
    seek_asked(seconds: float), region_changed(start, end)
        On the current clip.
    features_asked(clip: int)

    Attributes
    ----------
    place : (group, position) or None
        Of the current card.
    """

    current_changed = Signal(object)
    play_asked = Signal()
    seek_asked = Signal(float)
    region_changed = Signal(object, object)
    features_asked = Signal(int)

    def __init__(self, session: Session, actions: Actions) -> None:
        super().__init__()
        self._session, self._notes = session, session.notes
        self.lines: FeatureLines | None = None
        self.groups: list[ClipGroup] = []
        self.place: Place | None = None
        self.media = CardMedia(session.media, self.cards, self)
        self._playing = -1
        self._folded: set[str] = set()
        self._whole: set[str] = set()
        self._wanting = QTimer(self)
        self._wanting.setSingleShot(True)
        self._wanting.timeout.connect(self._want)
        self._resting = QTimer(self)
        self._resting.setSingleShot(True)
        self._resting.setInterval(AHEAD_AFTER_MS)
        self._resting.timeout.connect(self._want_ahead)
        self.setAccessibleName("Clips")
        session.notes.changed.connect(self._show_judgements)
        session.preferences.changed.connect(self._preference_changed)
        self._bind(actions)

    def _bind(self, actions: Actions) -> None:
        actions.attach(self)
        handlers: dict[str, Callable[[], object]] = {
            "go.next_clip": lambda: self.step(1),
            "go.previous_clip": lambda: self.step(-1),
            "go.next_group": lambda: self.step_group(1),
            "go.previous_group": lambda: self.step_group(-1),
            "go.fold": self.fold_current,
            "go.more_clips": self.show_more,
            "go.clips": self.setFocus,
            "go.clip_features": self._ask_features,
            "view.zoom_in": lambda: self._zoom(0.8),
            "view.zoom_out": lambda: self._zoom(1.25),
            "view.zoom_all": self._show_all,
        }
        for id_, handler in handlers.items():
            actions.bind(id_, handler)

    @property
    def current(self) -> ClipLine | None:
        """The current clip."""
        return None if self.place is None else self._line(self.place)

    def show_lines(self, lines: FeatureLines) -> None:
        """Show another feature's clips from the top, or the same feature's again where the list stands."""
        again = self.lines is not None and self.lines.feature == lines.feature
        before = self.current
        self.lines, self.groups = lines, [one for one in lines.groups if one.lines or one.id != "quantile"]
        if not again:
            self.media.forget_views()
            self._whole.clear()
            self.verticalScrollBar().setValue(0)
        self.place = None
        self.relay()
        if again and before is not None:
            self.place = self._place_of(before.clip)
        self.place = self.place or next(iter(self._places()), None)
        self._chosen()

    def clear(self) -> None:
        """Show nothing."""
        self.lines, self.groups, self.place = None, [], None
        self.relay()
        self._chosen()

    def choose(self, place: Place) -> None:
        """Make a card the current one and scroll it into view."""
        if place != self.place:
            self.place = place
            self._chosen()
        row = next((one for one in self.rows if one.kind == "card" and (one.group, one.position) == place), None)
        if row is not None:
            self.scroll_to(row)

    def choose_clip(self, clip: int) -> None:
        """Make the first card of a clip the current one, if it has one."""
        place = self._place_of(clip)
        if place is not None:
            self.choose(place)

    def step(self, by: int) -> None:
        """To the next or the previous card that is not folded away."""
        places = self._places()
        at = places.index(self.place) + by if self.place in places else 0
        if 0 <= at < len(places):
            self.choose(places[at])

    def step_group(self, by: int) -> None:
        """To the first card of the next or the previous group that shows cards."""
        here = self.place[0] if self.place is not None else -1
        ahead = sorted({group for group, _ in self._places() if (group - here) * by > 0}, reverse=by < 0)
        if ahead:
            self.choose((ahead[0], 0))
            header = next(one for one in self.rows if one.kind == "header" and one.group == ahead[0])
            self.verticalScrollBar().setValue(header.top)

    def fold(self, group: int) -> None:
        """Fold or open a group. A current card that disappears hands over to the next one."""
        self._folded ^= {group_key(self.groups, group)}
        self.relay()
        places = self._places()
        if self.place not in places and places:
            before = self.place or (0, 0)
            self.place = next((one for one in places if one > before), places[-1])
            self._chosen()

    def fold_current(self) -> None:
        """Open all groups if any is folded, else fold that of the current card."""
        if self._folded:
            self._folded.clear()
            self.relay()
        elif self.place is not None:
            self.fold(self.place[0])

    def show_more(self, group: int = -1) -> None:
        """Show all clips of a group, that of the current card unless another is named."""
        if group < 0 and self.place is not None:
            group = self.place[0]
        if group >= 0:
            self._whole.add(group_key(self.groups, group))
            self.relay()

    def show_playhead(self, clip: int, seconds: float | None) -> None:
        """Where a clip is heard now; None where none is."""
        for card in self.cards():
            here = card.line is not None and card.line.clip == clip
            card.canvas.set_playhead(seconds if here else None)

    def show_playing(self, clip: int) -> None:
        """Which clip is heard; −1 for none."""
        self._playing = clip
        for card in self.cards():
            card.show_playing(card.line is not None and card.line.clip == clip)

    def cards(self) -> list[ClipCard]:
        """The cards on the screen, from top to bottom."""
        return [one for _, one in sorted(self.live.items()) if isinstance(one, ClipCard)]

    def current_card(self) -> ClipCard | None:
        """The widget of the current card while it is on the screen."""
        return next((one for one in self.cards() if one.is_current), None)

    def coming(self) -> list[ClipLine]:
        """The clips after the current one."""
        places = self._places()
        at = places.index(self.place) + 1 if self.place in places else 0
        return [self._line(place) for place in places[at : at + AHEAD]]

    def _line(self, place: Place) -> ClipLine:
        return self.groups[place[0]].lines[place[1]]

    def _places(self) -> list[Place]:
        """Of every card that is not folded away, in order."""
        return [(row.group, row.position) for row in self.rows if row.kind == "card"]

    def _place_of(self, clip: int) -> Place | None:
        return next((place for place in self._places() if self._line(place).clip == clip), None)

    def row_height(self, kind: Kind) -> int:
        line = self.fontMetrics().height()
        return {"header": line + 14, "more": line + 14, "card": card_height(self) + GAP}[kind]

    def lay_out(self) -> list[Row]:
        return laid_out(self.groups, self._folded, self._whole, self.row_height)

    def make(self, kind: Kind) -> QWidget:
        if kind == "header":
            header = GroupHeader(self.viewport())
            header.toggled.connect(lambda: self.fold(self.row_of(header).group))
            return header
        if kind == "more":
            more = MoreRow(self.viewport())
            more.asked.connect(lambda: self.show_more(self.row_of(more).group))
            return more
        card = ClipCard(self.viewport())
        self.media.attach(card)
        card.chosen.connect(partial(self._card_chosen, card))
        for signal in (card.play_asked, card.features_asked, card.canvas.seek_asked):
            signal.connect(partial(self._card_chosen, card))
        card.play_asked.connect(self.play_asked)
        card.features_asked.connect(self._ask_features)
        card.canvas.seek_asked.connect(self.seek_asked)
        card.thumbed.connect(partial(self._thumb, card))
        card.rated.connect(partial(self._rate, card))
        card.canvas.region_changed.connect(partial(self._region, card))
        return card

    def fill(self, widget: QWidget, row: Row) -> None:
        group = self.groups[row.group]
        if isinstance(widget, GroupHeader):
            widget.show_group(group, group_key(self.groups, row.group) in self._folded)
        elif isinstance(widget, MoreRow):
            widget.show_count(len(group.lines) - row.position, group.title)
        elif isinstance(widget, ClipCard) and self.lines is not None:
            line = group.lines[row.position]
            upper = float(self.lines.figures.get("max", line.max))
            near = {one.feature: one.name for one in self.lines.near}
            name = near.get(line.neighbour, "")
            widget.show_line(line, row.position + 1, group.title, self.lines.score, upper, name)
            widget.canvas.set_range_db(self._session.preferences.values.range_db)
            widget.set_current((row.group, row.position) == self.place)
            widget.show_playing(line.clip == self._playing)
            self._show_judgement(widget)
            self.media.show(widget)

    def shown(self) -> None:
        self._wanting.start(0)

    def _want(self) -> None:
        """What is on the screen, the current card first; a moment later what comes next."""
        current = [] if self.current is None else [self.current]
        self.media.want([*current, *(card.line for card in self.cards() if card.line is not None)])
        self._resting.start()

    def _want_ahead(self) -> None:
        seen = [card.line for card in self.cards() if card.line is not None]
        last = max((number for number in self.live), default=-1)
        below = [row for row in self.rows[last + 1 :] if row.kind == "card"][:AHEAD]
        current = [] if self.current is None else [self.current]
        self.media.want([*current, *seen, *self.coming(), *(self._line((one.group, one.position)) for one in below)])

    def _card_chosen(self, card: ClipCard, *_: object) -> None:
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        row = self.row_of(card)
        self.choose((row.group, row.position))

    def _chosen(self) -> None:
        for number, widget in self.live.items():
            if isinstance(widget, ClipCard):
                widget.set_current((self.rows[number].group, self.rows[number].position) == self.place)
        line = self.current
        clip, key = (-1, "") if line is None else (line.clip, _key(line))
        self._session.selection.choose_clip(clip, key)
        self._wanting.start(0)
        self.current_changed.emit(line)

    def _ask_features(self) -> None:
        if self.current is not None:
            self.features_asked.emit(self.current.clip)

    def _zoom(self, factor: float) -> None:
        card = self.current_card()
        if card is not None:
            card.canvas.zoom(factor)

    def _show_all(self) -> None:
        card = self.current_card()
        if card is not None:
            card.canvas.show_all()

    def _region(self, card: ClipCard, start: float | None, end: float | None) -> None:
        self._card_chosen(card)
        if card.line is not None:
            self.media.mark(card.line.clip, None if start is None or end is None else (start, end))
            self.region_changed.emit(start, end)

    def _preference_changed(self, name: str) -> None:
        if name == "range_db":
            for card in self.cards():
                card.canvas.set_range_db(self._session.preferences.values.range_db)
        elif name == "roots":
            for card in self.cards():
                self.media.show(card)
            self._wanting.start(0)

    def _show_judgements(self) -> None:
        for card in self.cards():
            self._show_judgement(card)

    def _show_judgement(self, card: ClipCard) -> None:
        if self.lines is not None and card.line is not None:
            key = _key(card.line)
            card.show_judgement(self._notes.clip(self.lines.feature, key), self._notes.available and bool(key))

    def _thumb(self, card: ClipCard, thumb: int) -> None:
        self._judge(card, lambda notes, sae, feature, key: notes.set_thumb(sae, feature, key, thumb))

    def _rate(self, card: ClipCard, rating: int | None) -> None:
        self._judge(card, lambda notes, sae, feature, key: notes.set_rating(sae, feature, key, rating))

    def _judge(self, card: ClipCard, write: Callable[[Notes, str, int, str], Change]) -> None:
        self._card_chosen(card)
        if self.lines is not None and card.line is not None:
            feature, key = self.lines.feature, _key(card.line)
            self._notes.write(lambda notes, sae: write(notes, sae, feature, key))
            # a click toggled the button; what it shows is what the notes say
            self._show_judgement(card)


def _key(line: ClipLine) -> str:
    """What judgements of a clip are kept under; "" where its sound is not known."""
    return clip_key(line.media) if line.media is not None else ""
