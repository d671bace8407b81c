"""The window comes back as it was, per study; what is saved wrongly never keeps it from starting."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from gui.waiting import until
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ard_gui.app import main
from ard_gui.main_window import MainWindow
from ard_gui.services import window_state
from ard_gui.state.preferences import Preferences
from backend.study.folder import Study

Make = Callable[..., MainWindow]
NONSENSE = [b"", b"{", b"[1, 2]", b"\xff\xfe", b'{"version": 1}', b'{"version": 99, "theme": "dark"}', b'"text"']


def state_file(window: MainWindow) -> Path:
    assert window.session.overview is not None
    return window_state.place(window.session.overview.key)


def closed(window: MainWindow) -> None:
    window.close()
    assert window.session.ended(10)


def test_feature_query_and_panels_come_back(make_window: Make, tiny_study: Study) -> None:
    first = make_window(tiny_study)
    first.session.selection.choose(7)
    first.session.query.update(expression="support >= 0")
    first.actions_table["dock.concepts"].trigger()
    assert first.docks["concepts"].isHidden()
    closed(first)
    second = make_window(tiny_study)
    until(lambda: second.session.selection.feature == 7)
    assert second.session.query.value.expression == "support >= 0"
    assert second.docks["concepts"].isHidden()
    second.actions_table["view.reset"].trigger()
    assert second.docks["concepts"].isVisible()


def test_feature_that_is_named_wins_over_the_one_shown_last(make_window: Make, tiny_study: Study) -> None:
    first = make_window(tiny_study, 7)
    closed(first)
    second = make_window(tiny_study, 3)
    until(lambda: second.session.selection.feature == 3)


def test_sae_shown_last_is_shown_again(make_window: Make, tiny_study: Study, tmp_path: Path) -> None:
    study = Study(Path(shutil.copytree(tiny_study.root, tmp_path / "two")))
    (name,) = study.feature_ids()
    shutil.copytree(study.features(name), study.features(f"z{name}"))
    first = make_window(study)
    assert first.session.ranking_name == name
    first.session.open_ranking(f"z{name}")
    until(lambda: first.session.ranking_name == f"z{name}")
    closed(first)
    second = make_window(study)
    assert second.session.ranking_name == f"z{name}"


def test_state_is_kept_at_a_switch_of_studies_and_each_minute(make_window: Make, tiny_study: Study) -> None:
    window = make_window(tiny_study)
    file = state_file(window)
    window.session.selection.choose(4)
    window.keeper._minute.timeout.emit()
    until(lambda: file.exists() and json.loads(file.read_text())["feature"] == 4)
    window.session.selection.choose(6)
    window.session.close_study()
    until(lambda: json.loads(file.read_text())["feature"] == 6)


@pytest.mark.parametrize("content", NONSENSE)
def test_damaged_state_and_preferences_never_keep_the_window_from_starting(
    make_window: Make, tiny_study: Study, own_settings: Path, content: bytes
) -> None:
    first = make_window(tiny_study)
    file = state_file(first)
    closed(first)
    for path in (file, own_settings / "preferences.json"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    second = make_window(tiny_study)
    assert second.session.selection.feature == 0
    assert second.docks["concepts"].isVisible()


FIELDS = st.sampled_from(["version", "geometry", "docks", "ranking", "feature", "query", "columns"])
ANYTHING = st.one_of(
    st.none(), st.integers(), st.text(max_size=8), st.lists(st.integers(), max_size=3),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=3),
)  # fmt: skip


@given(st.dictionaries(FIELDS, ANYTHING, max_size=7))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
def test_any_json_is_read_as_a_state(tmp_path: Path, found: dict[str, object]) -> None:
    path = tmp_path / "state.json"
    path.write_text(json.dumps({"version": window_state.VERSION} | found))
    state = window_state.load(path)
    assert isinstance(state.feature, int)
    assert isinstance(state.query, dict)
    assert isinstance(state.docks, bytes)


def test_bad_layout_bytes_leave_the_usual_layout(make_window: Make, tiny_study: Study) -> None:
    first = make_window(tiny_study)
    file = state_file(first)
    closed(first)
    saved = json.loads(file.read_text())
    file.write_text(json.dumps(saved | {"docks": "AAAAAAAA", "geometry": "AAAA", "query": {"version": 1, "text": 5}}))
    second = make_window(tiny_study)
    assert second.docks["concepts"].isVisible()
    assert second.session.query.value.text == ""


def test_reset_forgets_layouts_and_preferences_but_not_the_recent_studies(
    own_settings: Path, application: object
) -> None:
    before = Preferences(own_settings / "preferences.json")
    before.set("theme", "dark")
    before.set("tour_seen", True)
    before.set("recent", ("/a/study",))
    before.save()
    window_state.save(window_state.place("some-key"), window_state.WindowState(feature=3))
    assert main(["--reset", "--theme", "light"], _close_windows) == 0
    assert not window_state.place("some-key").exists()
    after = Preferences(own_settings / "preferences.json")
    assert (after.values.theme, after.values.recent) == ("system", ("/a/study",))


def _close_windows() -> int:
    from PySide6.QtWidgets import QApplication

    for window in QApplication.topLevelWidgets():
        if isinstance(window, MainWindow):
            until(lambda: True)
            window.close()
            window.deleteLater()
    return 0


def test_closing_does_not_wait_for_long_reading_and_loses_no_saving(make_window: Make, tiny_study: Study) -> None:
    window = make_window(tiny_study)
    file = state_file(window)
    going, leave = threading.Event(), threading.Event()

    def long_reading() -> None:
        going.set()
        leave.wait(30)

    window.session.reader.ask("long", long_reading)
    until(going.is_set)
    window.session.selection.choose(2)
    before = time.monotonic()
    window.close()
    assert not leave.is_set(), "the reading was still going on when the window had closed"
    assert time.monotonic() - before < 25
    assert window.session.ended(10) is False
    assert json.loads(file.read_text())["feature"] == 2
    leave.set()


def test_what_was_asked_before_closing_is_answered_to_nobody(make_window: Make, tiny_study: Study) -> None:
    window = make_window(tiny_study)
    answers: list[object] = []
    window.session.reader.ready.connect(lambda *answer: answers.append(answer))
    for feature in range(20):
        window.session.selection.choose(feature)
    window.close()
    answers.clear()
    until(lambda: window.session.ended(0.01))
    assert answers == []
