"""Sound and spectrogram of the clips on the screen, made on threads of their own (Rule 2).

Who shows clips says which ones it wants, the most urgent first; what it no longer wants is dropped from the queue.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from PySide6.QtCore import QObject, Qt, Signal

from ard_gui.services.mel_pictures import Audio, MelPicture, detail, overview
from backend.errors import ArdError
from backend.store.clips import Clip

HIGHEST_RATE, LONG_RATE, LONG_SECONDS = 48000, 16000, 600.0
KEPT_BYTES = 256 * 2**20
THREADS = 2


@dataclass(frozen=True)
class Media:
    """One clip, ready to be seen and heard.

    Attributes
    ----------
    key : str
        Names the sound: two of one key have the same samples.
    wave : float32 [n]
        Mono.
    rate : int
        Hertz of `wave`: the file's own up to 48 kHz; 16 kHz for clips of more than 10 minutes.
    picture : MelPicture
        Of the whole clip.
    """

    key: str
    wave: Audio
    rate: int
    picture: MelPicture

    @property
    def seconds(self) -> float:
        return len(self.wave) / self.rate

    @property
    def size(self) -> int:
        """Bytes it holds."""
        return self.wave.nbytes + self.picture.db.nbytes


def media_of(wave: Audio, rate: int, key: str) -> Media:
    """Media of mono `wave` [n] that is no clip of a study: a recording, a file that was dropped on the window."""
    found = overview(wave, rate)
    assert found is not None
    return Media(key, wave, rate, found)


def located(clip: Clip, roots: Mapping[str, str]) -> Clip:
    """The clip with the root where it lies on this machine, by the person's map of moved folders."""
    return replace(clip, root=roots[clip.root]) if clip.root in roots else clip


def read_media(clip: Clip, stopped: Callable[[], bool] = lambda: False) -> Media | None:
    """Decode a clip and picture it; None if `stopped` said so. ArdError if it cannot be read."""
    path = Path(clip.root) / clip.path
    if not path.is_file():
        raise ArdError(
            "the sound is not there", path=path,
            todo=f"If the folder {clip.root} was moved, choose File › Find moved sounds.",
        )  # fmt: skip
    from backend.audio.load import load_wave  # decoders are loaded where clips are, after the window is there

    rate = min(clip.sample_rate, HIGHEST_RATE) if clip.sample_rate > 0 else LONG_RATE
    if math.isfinite(clip.duration) and clip.duration > LONG_SECONDS:
        rate = min(rate, LONG_RATE)
    wave = load_wave(clip, rate)
    if not len(wave):
        raise ArdError("the clip is shorter than one sample", path=path)
    found = overview(wave, rate, stopped)
    key = f"{path}\n{clip.member}\n{clip.start}\n{clip.end}"
    return None if found is None else Media(key, wave, rate, found)


@dataclass(frozen=True, eq=False)
class _Task:
    """A piece of work; `piece` is (start, end, columns) of a detail, None for the whole clip."""

    row: int
    clip: Clip
    period: int
    media: Media | None = None
    piece: tuple[float, float, int] | None = None


class ClipMedia(QObject):
    """Media of the clips of the open study, by clip table row.

    Signals
    -------
    ready(row: int, Media)
        A clip that was asked for or wanted has been read.
    failed(row: int, text: str)
        It cannot be read; the text says where it was looked for and what to do.
    detail_ready(row: int, MelPicture)
        What `ask_detail` asked for last of this clip.

    Parameters
    ----------
    roots : function
        Gives the map of moved folders: named in the study → where it lies on this machine.
    limit : int
        Bytes of media that are kept, the last used ones; one clip is kept whatever its size.
    """

    ready = Signal(int, object)
    failed = Signal(int, str)
    detail_ready = Signal(int, object)
    _made = Signal(object, object, str)

    def __init__(self, roots: Callable[[], Mapping[str, str]] = dict, limit: int = KEPT_BYTES) -> None:
        super().__init__()
        self._roots, self._limit = roots, limit
        self._kept: OrderedDict[int, Media] = OrderedDict()
        self._held = 0
        self._problems: dict[int, str] = {}
        self._wanted: dict[str, dict[int, Clip]] = {}
        self._details: dict[int, _Task] = {}
        self._running: set[_Task] = set()
        self._period = 0
        self._open = True
        self._change = threading.Condition()
        self._made.connect(self._deliver, Qt.ConnectionType.QueuedConnection)
        self._threads = [
            threading.Thread(target=self._serve, name=f"clip-media-{i}", daemon=True) for i in range(THREADS)
        ]
        for thread in self._threads:
            thread.start()

    def find(self, row: int) -> Media | None:
        """The media of a clip if they are there now."""
        found = self._kept.get(row)
        if found is not None:
            self._kept.move_to_end(row)
        return found

    def problem(self, row: int) -> str:
        """Why a clip could not be read; "" if that is not known."""
        return self._problems.get(row, "")

    def ask(self, clip: Clip, owner: str = "") -> None:
        """Read one clip before everything else `owner` wants; what is there already is told again."""
        row = clip.index
        known = self.find(row)
        if known is not None:
            self._made.emit(_Task(row, clip, self._period), known, "")
            return
        self._problems.pop(row, None)
        with self._change:
            before = self._wanted.pop(owner, {})
            before.pop(row, None)
            # the last owner is served first
            self._wanted[owner] = {row: clip, **before}
            self._change.notify()

    def want(self, owner: str, clips: Sequence[Clip]) -> None:
        """All that `owner` wants, the most urgent first; what it wanted before and was not begun is dropped.

        Clips that are there, or known to be unreadable, are not told again.
        """
        missing = {one.index: one for one in clips if not self._known(one.index)}
        with self._change:
            self._wanted.pop(owner, None)
            if missing:
                self._wanted[owner] = missing
            self._change.notify_all()

    def ask_detail(self, clip: Clip, start: float, end: float, columns: int) -> None:
        """Picture the seconds `start` … `end` anew in `columns` columns; only the last wish for each clip counts."""
        media = self.find(clip.index)
        if media is None:
            return
        with self._change:
            task = _Task(clip.index, clip, self._period, media, (start, end, columns))
            self._details.pop(clip.index, None)
            self._details[clip.index] = task
            self._change.notify()

    def forget(self) -> None:
        """Another study is shown, or folders were found: drop everything, also what is being read."""
        self._kept.clear()
        self._held = 0
        self._problems.clear()
        with self._change:
            self._period += 1
            self._wanted.clear()
            self._details.clear()

    def close(self) -> None:
        """End the threads."""
        with self._change:
            self._open = False
            self._period += 1
            self._change.notify_all()
        for thread in self._threads:
            thread.join()

    def _known(self, row: int) -> bool:
        return self.find(row) is not None or row in self._problems

    def _serve(self) -> None:
        while True:
            with self._change:
                self._change.wait_for(lambda: not self._open or self._next() is not None)
                task = self._next()
                if not self._open or task is None:
                    return
                if task.piece is None:
                    self._running.add(task)
                else:
                    self._details.pop(task.row)
            if not self._do(task):
                with self._change:
                    self._running.discard(task)
                    # what was given up may be wanted again by now
                    self._change.notify()

    def _next(self) -> _Task | None:
        """The most urgent task that nobody works on: what is zoomed into, then the last owner's wishes."""
        if self._details:
            return next(reversed(self._details.values()))
        busy = {one.row for one in self._running if one.piece is None and one.period == self._period}
        for wishes in reversed(self._wanted.values()):
            for row, clip in wishes.items():
                if row not in busy:
                    return _Task(row, clip, self._period)
        return None

    def _do(self, task: _Task) -> bool:
        """Whether it was brought to an end, which `_deliver` then hears of."""
        try:
            result: Media | MelPicture | None
            if task.piece is not None and task.media is not None:
                start, end, columns = task.piece
                result = detail(task.media.wave, task.media.rate, start, end, columns, task.media.picture.loudest)
            else:
                result = read_media(located(task.clip, self._roots()), lambda: not self._is_wanted(task))
        except ArdError as error:
            self._made.emit(task, None, str(error))
        except Exception as error:
            # a fault of ours or of the disk: the card says so, the window lives on
            self._made.emit(task, None, f"Reading the clip failed: {type(error).__name__}: {error}")
        else:
            if result is None:
                return False
            self._made.emit(task, result, "")
        return True

    def _is_wanted(self, task: _Task) -> bool:
        with self._change:
            return task.period == self._period and any(task.row in wishes for wishes in self._wanted.values())

    def _deliver(self, task: _Task, result: Media | MelPicture | None, problem: str) -> None:
        with self._change:
            self._running.discard(task)
            if task.period != self._period:
                return
            if task.piece is None:
                for wishes in self._wanted.values():
                    wishes.pop(task.row, None)
        if isinstance(result, MelPicture):
            self.detail_ready.emit(task.row, result)
        elif isinstance(result, Media):
            self._keep(task.row, result)
            self.ready.emit(task.row, result)
        elif task.piece is None:
            self._problems[task.row] = problem
            self.failed.emit(task.row, problem)

    def _keep(self, row: int, media: Media) -> None:
        before = self._kept.pop(row, None)
        self._held += media.size - (before.size if before is not None else 0)
        self._kept[row] = media
        while self._held > self._limit and len(self._kept) > 1:
            self._held -= self._kept.popitem(last=False)[1].size
