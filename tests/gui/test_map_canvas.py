"""The map's picture, colours, mouse and keys, on points whose places are known."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QImage, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from ard_gui.views.map_canvas import PALETTE, MapCanvas
from ard_gui.views.map_colouring import by_category, by_number, faded, number_scale, pixel, plain
from ard_gui.views.map_geometry import View, inside, nearest, towards
from ard_gui.views.map_raster import draw_points, mixed

WHITE, RED, BLUE = 0xFFFFFFFF, 0xFFFF0000, 0xFF0000FF
NAN = float("nan")


@pytest.fixture
def canvas(application: QApplication) -> Iterator[MapCanvas]:
    """Five points: the corners of a square and its middle."""
    made = MapCanvas()
    made.resize(500, 500)
    made.set_points(np.array([-1.0, 1, 1, -1, 0]), np.array([-1.0, -1, 1, 1, 0]))
    made.show()
    QTest.qWaitForWindowExposed(made)
    yield made
    made.close()
    made.deleteLater()


def heard(canvas: MapCanvas, name: str) -> list:
    found: list = []
    getattr(canvas, name).connect(found.append)
    return found


def at(canvas: MapCanvas, feature: int) -> QPoint:
    return canvas.plot.place_of(feature).toPoint()


def picture(canvas: MapCanvas) -> QImage:
    QApplication.processEvents()
    return canvas.plot.grab().toImage()


def colour_of(canvas: MapCanvas, feature: int) -> str:
    return QColor(picture(canvas).pixel(at(canvas, feature))).name()


# pixels


def test_disc_of_one_pixel_is_where_the_point_is() -> None:
    found = draw_points(5, 4, WHITE, np.array([2.5]), np.array([1.5]), np.array([RED], np.uint32), 1.0)
    assert found.shape == (4, 5)
    assert found[1, 2] == RED
    assert np.argwhere(found != WHITE).min(axis=0).tolist() == [0, 1]
    assert np.argwhere(found != WHITE).max(axis=0).tolist() == [2, 3]


def test_later_points_cover_earlier_ones_and_rims_mix() -> None:
    colours = np.array([RED, BLUE], np.uint32)
    found = draw_points(20, 20, WHITE, np.array([8.5, 10.5]), np.array([10.5, 10.5]), colours, 4.0)
    assert found[10, 10] == BLUE
    assert found[10, 5] == RED
    assert WHITE not in found[10, 5:14]


def test_half_of_each_colour_is_the_mean_of_every_channel() -> None:
    found = mixed(np.array([0xFF204060], np.uint32), np.array([0xFF6080FF], np.uint32), 0.5)
    assert int(found[0]) == 0xFF4060AF


@given(
    st.lists(st.tuples(st.floats(-1e3, 1e3) | st.just(NAN), st.floats(-1e3, 1e3) | st.just(float("inf"))), max_size=30),
    st.floats(0.5, 9),
)
def test_points_anywhere_never_leave_the_picture(places: list[tuple[float, float]], radius: float) -> None:
    x, y = np.array([p[0] for p in places], float), np.array([p[1] for p in places], float)
    found = draw_points(17, 9, WHITE, x, y, np.full(len(x), RED, np.uint32), radius)
    assert found.shape == (9, 17)
    out = (x < -radius - 2) | (x > 19 + radius) | (y < -radius - 2) | (y > 11 + radius) | ~np.isfinite(x + y)
    if out.all():
        assert (found == WHITE).all()


# colours


def test_numbers_run_over_the_bar_and_the_missing_are_grey() -> None:
    found = by_number(np.array([0.0, 1, NAN, 2]), "m", PALETTE)
    grey, scale = pixel(PALETTE["missing"]), number_scale(PALETTE["ground"])
    assert found.colour.tolist() == [scale[0], scale[128], grey, scale[-1]]
    assert found.order[0] == 2
    assert (found.missing, found.ticks[1]) == (1, (0.5, "1"))


def test_values_beyond_the_middle_99_percent_are_marked_at_the_ends() -> None:
    found = by_number(np.concatenate([np.arange(1000.0), [1e9]]), "x", PALETTE)
    assert (found.ticks[0][1], found.ticks[2][1]) == ("≤ 5", "≥ 995")
    assert found.colour[1000] == found.scale[-1]


def test_logarithmic_scale_puts_ten_between_one_and_hundred_and_leaves_zero_out() -> None:
    found = by_number(np.array([1.0, 10, 100, 0, -5]), "support", PALETTE, log=True)
    assert [text for _, text in found.ticks] == ["1", "10", "100"]
    assert found.missing == 2
    assert found.colour[1] == found.scale[128]


@pytest.mark.parametrize("values", [[], [NAN, NAN], [3.0, 3.0]])
def test_columns_without_spread_have_a_colour(values: list[float]) -> None:
    found = by_number(np.array(values), "m", PALETTE)
    assert len(found.colour) == len(found.order) == len(values)
    assert found.ticks == (((0.5, "3"),) if 3.0 in values else ())


@pytest.mark.parametrize(("ground", "most"), [("#ffffff", 0), ("#101010", 255)])
def test_largest_values_stand_out_from_the_ground(ground: str, most: int) -> None:
    def away(colour: int) -> float:
        return abs(sum(int(colour) >> shift & 0xFF for shift in (0, 8, 16)) / 3 - (255 - most))

    scale = number_scale(ground)
    assert away(scale[-1]) > away(scale[0])
    assert len(scale) == 256


def test_ten_commonest_categories_have_colours_and_the_rest_share_one() -> None:
    labels = [f"c{i:02d}" for i in range(12) for _ in range(20 - i)] + [""] * 7
    found = by_category(labels, "label", PALETTE)
    assert [label for label, _, _ in found.entries] == [f"c{i:02d}" for i in range(10)] + ["other (2)"]
    assert [count for _, _, count in found.entries] == [*range(20, 10, -1), 10 + 9]
    assert len({colour for _, colour, _ in found.entries}) == 11
    assert found.missing == 7
    assert found.colour[-1] == pixel(PALETTE["missing"])
    assert found.order[:7].tolist() == list(range(len(labels) - 7, len(labels)))


def test_faded_is_half_way_from_ground_to_missing() -> None:
    assert faded({"ground": "#ffffff", "missing": "#c9cbcd"}) == 0xFFE4E5E6
    assert plain(2, PALETTE).colour.tolist() == [pixel(PALETTE["point"])] * 2


# geometry


def test_view_shows_every_point_and_zoom_keeps_the_place_under_the_pointer() -> None:
    x, y = np.array([-3.0, 5, NAN]), np.array([0.0, 2, 1])
    view = View.of(x, y, 400, 300)
    px, py = view.pixels(x, y, 400, 300)
    assert (px[:2].min(), px[:2].max()) == pytest.approx((14, 386))
    assert py[0] > py[1]
    bigger = view.zoomed(3.0, px[1], py[1], 400, 300).pixels(x, y, 400, 300)
    assert (bigger[0][1], bigger[1][1]) == pytest.approx((px[1], py[1]))
    assert bigger[0][1] - bigger[0][0] == pytest.approx(3 * (px[1] - px[0]))
    assert view.moved(10, -5).pixels(x, y, 400, 300)[0][0] == pytest.approx(px[0] + 10)


@pytest.mark.parametrize("values", [[], [NAN], [2.0], [2.0, 2.0]])
def test_view_of_no_spread_is_finite(values: list[float]) -> None:
    view = View.of(np.array(values), np.array(values), 300, 200)
    assert np.isfinite([view.x, view.y, view.scale]).all()
    assert view.scale > 0


def test_nearest_respects_distance_and_mask() -> None:
    px, py = np.array([0.0, 10, 12]), np.array([0.0, 0, 0])
    assert nearest(px, py, 11.5, 0, 5) == 2
    assert nearest(px, py, 11.5, 0, 5, np.array([True, True, False])) == 1
    assert nearest(px, py, 50, 0, 5) == -1
    assert nearest(np.empty(0), np.empty(0), 0, 0, 5) == -1


def test_step_takes_the_nearest_in_its_quarter() -> None:
    px, py = np.array([0.0, 30, 5, -4, 8]), np.array([0.0, 0, -40, 0, 9])
    assert towards(px, py, 0, 0, 1, 0) == 1
    assert towards(px, py, 0, 0, -1, 0) == 3
    assert towards(px, py, 0, 0, 0, -1) == 2
    assert towards(px, py, 0, 0, 0, 1) == 4
    assert towards(px, py, 30, 0, 1, 0) == -1
    assert towards(px, py, 0, 0, 1, 0, np.array([True, False, True, True, True])) == -1


def test_points_inside_a_concave_line_are_found() -> None:
    corners = np.array([(0, 0), (10, 0), (10, 10), (5, 4), (0, 10)], float)
    px, py = np.array([5.0, 5, 1, 12, NAN]), np.array([2.0, 8, 8, 5, 1])
    assert inside(px, py, corners).tolist() == [True, False, True, False, False]


# the widget


def test_points_are_painted_in_their_colours(canvas: MapCanvas) -> None:
    assert colour_of(canvas, 4) == PALETTE["point"]
    canvas.colour_by_category(["a", "a", "b", "", "a"], "kind")
    assert [colour_of(canvas, k) for k in (0, 2, 3)] == [PALETTE["category0"], PALETTE["category1"], PALETTE["missing"]]
    canvas.set_palette({"ground": "#101010", "category0": "#ff00ff"})
    assert colour_of(canvas, 1) == "#ff00ff"
    assert QColor(picture(canvas).pixel(120, 60)).name() == "#101010"


def test_what_is_not_kept_is_faded_and_still_found_by_the_pointer(canvas: MapCanvas) -> None:
    canvas.set_kept(np.array([True, False, True, True, True]))
    assert colour_of(canvas, 1) == QColor.fromRgba(faded(PALETTE)).name()
    assert colour_of(canvas, 0) == PALETTE["point"]
    assert canvas.plot.feature_at(canvas.plot.place_of(1)) == 1
    canvas.set_kept(None)
    assert colour_of(canvas, 1) == PALETTE["point"]


def test_pointer_over_a_point_is_told_once_and_leaving_it_too(canvas: MapCanvas) -> None:
    hovered = heard(canvas, "hovered")
    QTest.mouseMove(canvas.plot, at(canvas, 2))
    QTest.mouseMove(canvas.plot, at(canvas, 2) + QPoint(2, 1))
    QTest.mouseMove(canvas.plot, at(canvas, 2) + QPoint(-60, 60))
    assert hovered == [2, -1]


def test_click_chooses_the_point_under_it_and_nothing_beside(canvas: MapCanvas) -> None:
    chosen = heard(canvas, "chosen")
    QTest.mouseClick(canvas.plot, Qt.MouseButton.LeftButton, pos=at(canvas, 3) + QPoint(3, 0))
    QTest.mouseClick(canvas.plot, Qt.MouseButton.LeftButton, pos=at(canvas, 3) + QPoint(60, 90))
    assert chosen == [3]


def drag(canvas: MapCanvas, path: list[QPoint], modifier: Qt.KeyboardModifier) -> None:
    QTest.mousePress(canvas.plot, Qt.MouseButton.LeftButton, modifier, path[0])
    for place in path[1:]:
        QTest.mouseMove(canvas.plot, place)
    QTest.mouseRelease(canvas.plot, Qt.MouseButton.LeftButton, modifier, path[-1])


def around(canvas: MapCanvas, feature: int, far: int = 40) -> list[QPoint]:
    return [at(canvas, feature) + QPoint(x, y) for x, y in ((-far, -far), (far, -far), (far, far), (-far, far))]


def test_line_drawn_with_shift_gives_the_features_inside(canvas: MapCanvas) -> None:
    lassoed, chosen = heard(canvas, "lassoed"), heard(canvas, "chosen")
    drag(canvas, around(canvas, 4), Qt.KeyboardModifier.ShiftModifier)
    assert [one.tolist() for one in lassoed] == [[4]]
    canvas.set_lasso(True)
    left = [at(canvas, 3) + QPoint(-9, -9), at(canvas, 4) + QPoint(30, 0), at(canvas, 0) + QPoint(-9, 30)]
    drag(canvas, left, Qt.KeyboardModifier.NoModifier)
    assert sorted(lassoed[1].tolist()) == [0, 3, 4]
    assert chosen == []


def test_lasso_is_given_up_by_escape(canvas: MapCanvas) -> None:
    lassoed = heard(canvas, "lassoed")
    path = around(canvas, 4)
    QTest.mousePress(canvas.plot, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ShiftModifier, path[0])
    for place in path[1:]:
        QTest.mouseMove(canvas.plot, place)
    QTest.keyClick(canvas.plot, Qt.Key.Key_Escape)
    QTest.mouseRelease(canvas.plot, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, path[-1])
    assert lassoed == []


def test_drag_moves_the_map_and_home_brings_it_back(canvas: MapCanvas) -> None:
    before = at(canvas, 4)
    drag(canvas, [QPoint(100, 100), QPoint(130, 100), QPoint(160, 140)], Qt.KeyboardModifier.NoModifier)
    assert at(canvas, 4) - before == QPoint(60, 40)
    QTest.keyClick(canvas.plot, Qt.Key.Key_Home)
    assert at(canvas, 4) == before


def test_wheel_zooms_at_the_pointer(canvas: MapCanvas) -> None:
    place, apart = canvas.plot.place_of(2), canvas.plot.place_of(2) - canvas.plot.place_of(4)
    wheel = QWheelEvent(
        place, canvas.plot.mapToGlobal(place), QPoint(), QPoint(0, 120), Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(canvas.plot, wheel)
    assert (canvas.plot.place_of(2) - place).manhattanLength() < 1e-6
    now = canvas.plot.place_of(2) - canvas.plot.place_of(4)
    assert now.x() / apart.x() == pytest.approx(1.25)


def test_arrows_walk_over_the_points_and_return_chooses(canvas: MapCanvas) -> None:
    hovered, chosen = heard(canvas, "hovered"), heard(canvas, "chosen")
    canvas.set_current(4)
    canvas.setFocus()
    QTest.keyClick(canvas.plot, Qt.Key.Key_Return)
    for key in (Qt.Key.Key_Up, Qt.Key.Key_Left, Qt.Key.Key_Down, Qt.Key.Key_Return):
        QTest.keyClick(canvas.plot, key)
    assert hovered[0] in (2, 3)
    assert chosen == [hovered[-1]]
    assert chosen[0] in (0, 4)


def test_arrow_to_a_point_out_of_sight_brings_it_into_sight(canvas: MapCanvas) -> None:
    canvas.set_current(0)
    for _ in range(12):
        QTest.keyClick(canvas.plot, Qt.Key.Key_Plus)
    canvas.plot.move_by(*(QPointF(250, 250) - canvas.plot.place_of(0)).toTuple())
    QTest.keyClick(canvas.plot, Qt.Key.Key_Right)
    assert canvas.plot.mark == 1
    assert canvas.plot.rect().contains(at(canvas, 1))
    QTest.keyClick(canvas.plot, Qt.Key.Key_Minus)
    assert canvas.plot.view.scale < canvas.plot.view.whole * 1.25**12


def test_current_feature_is_ringed(canvas: MapCanvas) -> None:
    before = picture(canvas)
    canvas.set_current(4)
    ring, wanted = QColor(picture(canvas).pixel(at(canvas, 4) + QPoint(8, 0))), QColor(PALETTE["current"])
    assert abs(ring.red() - wanted.red()) + abs(ring.green() - wanted.green()) < 40
    canvas.set_current(99)
    assert picture(canvas) == before


def test_legend_says_what_the_colours_mean(canvas: MapCanvas) -> None:
    canvas.colour_by_number(np.array([1.0, 2, 3, 4, NAN]), "support, clips")
    assert canvas.legend.accessibleDescription() == "support, clips, from 1 to 4, no value  1"
    long = "rain " * 60
    canvas.colour_by_category([long, long, "<b>b</b>", "", "x"], "label")
    QApplication.processEvents()
    assert canvas.legend.height() >= canvas.legend.fontMetrics().height()
    rect, text, _ = canvas.legend._places[1]
    assert (text, canvas.legend.text_at(rect.center())) == (f"{long}  2", f"{long}  2")
    assert rect.right() < canvas.legend.width()
    canvas.colour_plainly()
    QApplication.processEvents()
    assert canvas.legend.height() == 0


def test_legend_takes_more_lines_where_it_is_narrow(canvas: MapCanvas) -> None:
    canvas.colour_by_category(["speech", "music", "animal", "nature", "machine"], "label")
    canvas.resize(900, 500)
    QApplication.processEvents()
    wide = canvas.legend.height()
    canvas.resize(230, 500)
    QApplication.processEvents()
    assert canvas.legend.height() > wide


def test_columns_of_another_length_and_unknown_colours_are_refused(canvas: MapCanvas) -> None:
    with pytest.raises(ValueError, match="3 values for 5 points"):
        canvas.colour_by_number(np.zeros(3), "m")
    with pytest.raises(ValueError, match="unknown colours: sky"):
        canvas.set_palette({"sky": "#0000ff"})
    with pytest.raises(ValueError, match="one length"):
        canvas.set_points(np.zeros(2), np.zeros(3))


def test_map_of_no_features_is_empty_and_keys_do_nothing(canvas: MapCanvas) -> None:
    canvas.set_points(np.empty(0), np.empty(0))
    chosen, lassoed = heard(canvas, "chosen"), heard(canvas, "lassoed")
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Return, Qt.Key.Key_Plus, Qt.Key.Key_Home):
        QTest.keyClick(canvas.plot, key)
    QTest.mouseClick(canvas.plot, Qt.MouseButton.LeftButton, pos=QPoint(50, 50))
    drag(canvas, [QPoint(9, 9), QPoint(90, 9), QPoint(90, 90), QPoint(9, 90)], Qt.KeyboardModifier.ShiftModifier)
    assert chosen == []
    assert [one.tolist() for one in lassoed] == [[]]
    assert picture(canvas).pixelColor(50, 50).name() == PALETTE["ground"]


def test_sixty_five_thousand_points_are_one_picture(canvas: MapCanvas) -> None:
    dice = np.random.default_rng(0)
    canvas.set_points(dice.normal(size=65536), dice.normal(size=65536))
    canvas.colour_by_number(dice.normal(size=65536), "m")
    before = picture(canvas)
    canvas.plot.zoom(2.0)
    assert picture(canvas) != before
    QTest.mouseMove(canvas.plot, at(canvas, 77))
    assert (canvas.plot.place_of(canvas.plot.mark) - canvas.plot.place_of(77)).manhattanLength() < 10
