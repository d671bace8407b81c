"""The canvas by its pixels, and what it says when it is pointed at."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
from gui.waiting import until
from PySide6.QtCore import QEvent, QObject, QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QImage, QPaintEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from ard_gui.services.clip_media import Media, media_of
from ard_gui.services.mel_pictures import RATE, detail
from ard_gui.theme import apply_theme, colours
from ard_gui.views.axis_ticks import height_of, hertz_at, round_ticks, seconds_texts, seconds_ticks, tick_texts
from ard_gui.views.canvas import ClipCanvas
from ard_gui.views.canvas_paint import paint
from ard_gui.views.canvas_picture import Trace, trace_columns

Make = Callable[..., ClipCanvas]


def tone(hertz: float, seconds: float = 1.0) -> Media:
    wave = np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE).astype(np.float32)
    return media_of(wave, RATE, f"tone {hertz}")


@pytest.fixture
def make(application: QApplication) -> Iterator[Make]:
    made: list[ClipCanvas] = []

    def build(media: Media | None = None, width: int = 500, height: int = 200) -> ClipCanvas:
        canvas = ClipCanvas()
        made.append(canvas)
        canvas.resize(width, height)
        canvas.set_media(media)
        canvas.show()
        return canvas

    yield build
    for one in made:
        one.close()
        one.deleteLater()


def picture(canvas: ClipCanvas) -> QImage:
    return canvas.grab().toImage()


def brightness(image: QImage, x: int, y: int) -> int:
    return image.pixelColor(x, y).lightness()


def point(canvas: ClipCanvas, seconds: float) -> QPoint:
    return QPoint(round(canvas.scene.x_of(seconds, canvas.plot)), canvas.plot.center().y())


def drag(canvas: ClipCanvas, first: float, last: float, button: Qt.MouseButton = Qt.MouseButton.LeftButton) -> None:
    QTest.mousePress(canvas, button, pos=point(canvas, first))
    middle = point(canvas, (first + last) / 2)
    end = point(canvas, last)
    for at in (middle, end):
        QTest.mouseMove(canvas, at)
    QTest.mouseRelease(canvas, button, pos=end)


def wheel(canvas: ClipCanvas, seconds: float, notches: int, keys: Qt.KeyboardModifier) -> QWheelEvent:
    at = QPointF(point(canvas, seconds))
    event = QWheelEvent(
        at, canvas.mapToGlobal(at), QPoint(), QPoint(0, 120 * notches), Qt.MouseButton.NoButton, keys,
        Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(canvas, event)
    return event


@pytest.mark.parametrize("hertz", [500.0, 1000.0, 4000.0])
def test_tone_lights_the_row_of_its_frequency_on_the_hertz_axis(make: Make, hertz: float) -> None:
    canvas = make(tone(hertz))
    image, plot = picture(canvas), canvas.plot
    column = [brightness(image, plot.center().x(), y) for y in range(plot.top(), plot.bottom() + 1)]
    expected = plot.height() * (1 - height_of(hertz))
    assert int(np.argmax(column)) == pytest.approx(expected, abs=2)
    assert hertz_at(height_of(hertz)) == pytest.approx(hertz)


def test_sound_that_begins_late_is_dark_before(make: Make) -> None:
    wave = np.concatenate([np.zeros(RATE), np.random.default_rng(0).normal(0, 1, RATE)]).astype(np.float32)
    canvas = make(media_of(wave, RATE, "late"))
    image = picture(canvas)
    y = canvas.plot.center().y()
    assert brightness(image, point(canvas, 0.9).x(), y) < 5
    assert brightness(image, point(canvas, 1.1).x(), y) > 60


def test_trace_steps_at_its_seconds_and_at_its_height(make: Make) -> None:
    canvas = make(media_of(np.zeros(RATE, np.float32), RATE, "silence"))
    canvas.set_traces([("rain", "#00ff00", [0.25, 0.5], [0.5, 0.75], [1.0, 2.0])], 2.0)
    image, plot = picture(canvas), canvas.plot

    def highest(seconds: float) -> int:
        """Lowest y of pure green in the pixel column of a moment; the plot's end if there is none."""
        x = point(canvas, seconds).x()
        rows = (y for y in range(plot.top(), plot.bottom() + 1) if image.pixelColor(x, y).green() > 200)
        return next(rows, plot.bottom() + 1)

    assert highest(0.2) == plot.bottom() + 1
    assert highest(0.4) == pytest.approx(plot.bottom() + 1 - 0.96 * plot.height() / 2, abs=1.5)
    assert highest(0.6) == pytest.approx(plot.bottom() + 1 - 0.96 * plot.height(), abs=1.5)
    assert highest(0.8) == plot.bottom() + 1


def test_lane_below_marks_the_active_part(make: Make) -> None:
    canvas = make(tone(1000))
    canvas.set_traces([("rain", "#00ff00", [0.25], [0.5], [1.0])], 2.0)
    image, y = picture(canvas), canvas.plot.bottom() + 4
    assert image.pixelColor(point(canvas, 0.3).x(), y) == QColor("#00ff00")
    assert image.pixelColor(point(canvas, 0.6).x(), y) != QColor("#00ff00")


def test_token_without_a_time_is_told_and_not_drawn(make: Make) -> None:
    trace = Trace("", "#fff", np.array([np.nan, 0.5]), np.array([np.nan, 0.6]), np.array([9.0, 1.0]))
    assert trace_columns(trace, 0, 1, 10).tolist() == [0, 0, 0, 0, 0, 1, 0, 0, 0, 0]
    canvas = make(tone(1000))
    bare = picture(canvas)
    canvas.set_traces([("", "#00ff00", [np.nan], [np.nan], [1.0])], 1.0)
    with_note = picture(canvas)
    y = canvas.plot.top() + 8
    row = [with_note.pixelColor(x, y) != bare.pixelColor(x, y) for x in range(canvas.plot.left(), 300)]
    assert any(row)


def test_column_shows_the_strongest_of_its_tokens_and_a_short_token_is_never_lost() -> None:
    start = np.arange(1000) / 1000
    value = np.zeros(1000)
    value[437], value[438] = 3.0, 2.0
    trace = Trace("", "#fff", start, start + 0.001, value)
    assert trace_columns(trace, 0.0, 1.0, 10).tolist() == [0, 0, 0, 0, 3, 0, 0, 0, 0, 0]


class PaintedWidths(QObject):
    """Remembers how many pixel columns of a widget each of its paint events covers."""

    def __init__(self, widget: QWidget) -> None:
        super().__init__(widget)
        self.found: list[int] = []
        widget.installEventFilter(self)

    def eventFilter(self, _watched: QObject, event: QEvent) -> bool:  # noqa: N802
        if isinstance(event, QPaintEvent):
            self.found.append(event.rect().width())
        return False


def test_playhead_stands_at_its_second_and_repaints_only_its_columns(make: Make) -> None:
    canvas = make(media_of(np.zeros(RATE, np.float32), RATE, "silence"))
    canvas.set_playhead(0.25)
    assert picture(canvas).pixelColor(point(canvas, 0.25)) == QColor(colours().playhead)
    QTest.qWaitForWindowExposed(canvas)
    painted = PaintedWidths(canvas)
    QApplication.processEvents()
    painted.found.clear()
    canvas.set_playhead(0.75)
    until(lambda: bool(painted.found))
    assert max(painted.found) < canvas.width()
    canvas.set_playhead(0.76)
    painted.found.clear()
    until(lambda: bool(painted.found))
    assert max(painted.found) <= 14
    canvas.set_playhead(0.75)
    image = picture(canvas)
    assert image.pixelColor(point(canvas, 0.75)) == QColor(colours().playhead)
    assert image.pixelColor(point(canvas, 0.25)) != QColor(colours().playhead)
    canvas.set_playhead(None)
    assert picture(canvas).pixelColor(point(canvas, 0.75)) != QColor(colours().playhead)


def test_click_asks_to_seek_and_drag_chooses_a_region(make: Make) -> None:
    canvas = make(tone(1000))
    sought: list[float] = []
    regions: list[object] = []
    canvas.seek_asked.connect(sought.append)
    canvas.region_changed.connect(lambda first, last: regions.append((first, last)))
    QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=point(canvas, 0.5))
    assert sought == [pytest.approx(0.5, abs=0.003)]
    drag(canvas, 0.6, 0.2)
    assert regions == [(pytest.approx(0.2, abs=0.003), pytest.approx(0.6, abs=0.003))]
    assert len(sought) == 1
    inside, outside = point(canvas, 0.4), point(canvas, 0.8)
    image = picture(canvas)
    assert image.pixelColor(inside) != image.pixelColor(outside)


def test_double_click_gives_the_region_up(make: Make) -> None:
    canvas = make(tone(1000))
    canvas.set_region((0.2, 0.4))
    said: list[tuple[object, object]] = []
    canvas.region_changed.connect(lambda first, last: said.append((first, last)))
    QTest.mouseDClick(canvas, Qt.MouseButton.LeftButton, pos=point(canvas, 0.3))
    assert said == [(None, None)]
    assert canvas.region is None


def test_wheel_zooms_about_the_cursor(make: Make) -> None:
    canvas = make(tone(1000, 2.0))
    wheel(canvas, 0.5, 3, Qt.KeyboardModifier.NoModifier)
    assert canvas.scene.last - canvas.scene.first == pytest.approx(2 / 1.25**3)
    x = canvas.plot.left() + canvas.plot.width() * 0.25
    assert canvas.scene.seconds_at(x, canvas.plot) == pytest.approx(0.5, abs=0.005)


def test_wheel_scrolls_the_list_where_it_does_not_zoom(make: Make) -> None:
    canvas = make(tone(1000, 2.0))
    canvas.wheel_zooms = False
    assert not wheel(canvas, 0.5, 1, Qt.KeyboardModifier.NoModifier).isAccepted()
    assert canvas.scene.last == 2.0
    assert wheel(canvas, 0.5, 1, Qt.KeyboardModifier.ControlModifier).isAccepted()
    assert canvas.scene.last - canvas.scene.first < 2.0


def test_keys_zoom_and_show_all_and_the_middle_button_pans(make: Make) -> None:
    canvas = make(tone(1000, 2.0))
    canvas.setFocus()
    for _ in range(4):
        QTest.keyClick(canvas, Qt.Key.Key_Plus)
    span = 2 / 1.25**4
    assert canvas.scene.last - canvas.scene.first == pytest.approx(span)
    QTest.keyClick(canvas, Qt.Key.Key_Minus)
    assert canvas.scene.last - canvas.scene.first == pytest.approx(span * 1.25)
    before = canvas.scene.first
    drag(canvas, 1.0, 0.8, Qt.MouseButton.MiddleButton)
    assert canvas.scene.first == pytest.approx(before + 0.2, abs=0.01)
    QTest.keyClick(canvas, Qt.Key.Key_0)
    assert (canvas.scene.first, canvas.scene.last) == (0.0, 2.0)


def test_view_never_leaves_the_clip(make: Make) -> None:
    canvas = make(tone(1000, 2.0))
    canvas.set_visible_seconds(-1.0, 0.5)
    assert (canvas.scene.first, canvas.scene.last) == (0.0, 1.5)
    canvas.set_visible_seconds(1.9, 2.9)
    assert (canvas.scene.first, canvas.scene.last) == (1.0, 2.0)
    canvas.set_visible_seconds(1.0, 1.0)
    assert canvas.scene.last - canvas.scene.first == pytest.approx(0.02)


def test_zoom_asks_for_a_finer_picture_and_shows_it(make: Make) -> None:
    """A click is a blur of 64 ms in the overview and of 32 ms in the detail."""
    wave = np.zeros(RATE, np.float32)
    wave[8000] = 1
    media = media_of(wave, RATE, "click")
    canvas = make(media)
    asked: list[tuple[float, float, int]] = []
    canvas.detail_asked.connect(lambda *what: asked.append(what))
    canvas.set_visible_seconds(0.45, 0.6)
    until(lambda: bool(asked))
    first, last, columns = asked[-1]
    assert first <= 0.45
    assert last >= 0.6
    blurred = picture(canvas)
    canvas.set_detail(detail(media.wave, media.rate, first, last, columns, media.picture.loudest))
    sharp = picture(canvas)
    y, dark = canvas.plot.center().y(), point(canvas, 0.478).x()
    assert brightness(blurred, dark, y) > brightness(sharp, dark, y)
    asked.clear()
    canvas.zoom(1.01)
    until(lambda: not canvas._detail.isActive())
    assert not asked


def test_text_stands_in_place_of_a_picture(make: Make) -> None:
    canvas = make()
    empty = picture(canvas)
    canvas.set_message("the sound is not there: /some/where.wav")
    assert picture(canvas) != empty
    assert canvas.told_at(canvas.plot.center().x(), canvas.plot.center().y()).endswith("/some/where.wav")


def test_pixel_tells_its_moment_pitch_and_activation(make: Make) -> None:
    canvas = make(tone(1000))
    canvas.set_traces([("", "#00ff00", [0.25], [0.5], [1.25])], 2.0)
    at = point(canvas, 0.3)
    assert canvas.told_at(at.x(), at.y()).endswith("z = 1.25")
    assert canvas.told_at(point(canvas, 0.7).x(), at.y()).endswith("not active here")


@pytest.mark.parametrize("seconds", [1 / RATE, 0.001, 600.0])
def test_shortest_and_longest_clips_are_drawn(make: Make, seconds: float) -> None:
    wave = np.random.default_rng(0).normal(0, 1, max(1, round(seconds * RATE))).astype(np.float32)
    canvas = make(media_of(wave, RATE, "x"))
    canvas.set_traces([("", "#00ff00", np.arange(200) / 1e3, np.arange(1, 201) / 1e3, np.ones(200))], 1.0)
    image = picture(canvas)
    sounding = canvas.plot.left() + (4 if seconds < 0.01 else canvas.plot.width() // 2)
    canvas.set_traces([], 1.0)
    assert picture(canvas) != image
    assert brightness(picture(canvas), sounding, canvas.plot.center().y()) > 60


def test_picture_has_every_pixel_of_a_screen_of_two_per_point(make: Make) -> None:
    canvas = make(tone(1000))
    fine = paint(canvas.size(), 2.0, canvas.scene, canvas.font(), canvas.palette(), colours())
    plot = canvas.plot
    column = [brightness(fine, 2 * plot.center().x(), y) for y in range(2 * plot.top(), 2 * plot.bottom())]
    assert int(np.argmax(column)) == pytest.approx(2 * plot.height() * (1 - height_of(1000)), abs=3)
    assert fine.width() == 2 * canvas.width()


def test_theme_change_is_seen_at_once(make: Make, application: QApplication) -> None:
    canvas = make(tone(1000))
    assert picture(canvas).pixelColor(3, canvas.height() - 4).lightness() > 200
    apply_theme(application, "dark")
    try:
        until(lambda: picture(canvas).pixelColor(3, canvas.height() - 4).lightness() < 60)
    finally:
        apply_theme(application, "light")


def test_ticks_are_round_and_their_texts_differ() -> None:
    assert round_ticks(0, 1, 5) == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    assert round_ticks(0.03, 0.031, 2) == pytest.approx([0.03, 0.0305, 0.031])
    assert tick_texts(round_ticks(0.03, 0.031, 2)) == ["0.0300", "0.0305", "0.0310"]
    assert round_ticks(1, 1, 5) == []
    assert seconds_texts(seconds_ticks(0, 600, 5)) == ["0:00", "2:00", "4:00", "6:00", "8:00", "10:00"]
    assert seconds_texts(round_ticks(130, 131, 2)) == ["2:10.0", "2:10.5", "2:11.0"]
