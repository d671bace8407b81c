"""Sweep, code and A/B on a real study, with a real model server, in real widgets."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gui.fitting import clipped
from gui.test_accessible_names import nameless
from gui.waiting import until
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from ard_gui.actions import Actions
from ard_gui.services.playback.outputs import silent_output
from ard_gui.services.playback.player import Player
from ard_gui.services.playback.sound import Sound
from ard_gui.services.steered_sound import sound_of_clip
from ard_gui.session import Session
from ard_gui.state.answer_diff import answer_diff
from ard_gui.theme import apply_theme
from ard_gui.views.steering.blind import BlindView
from ard_gui.views.steering.code import CodeView
from ard_gui.views.steering.sweep import CHANGED, SweepView
from ard_gui.views.steering.sweep_table import ANSWER, MARKS
from backend.store.clips import ClipTable
from backend.store.notes.keys import sae_key
from backend.study.folder import Study
from builders.steering_results import toy_result

SECONDS = 60.0
NARROW = 380


@pytest.fixture(scope="module")
def session(
    application: QApplication, steering_study: Study, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Session]:
    """One session, and one server that has started, for all tests: loading the libraries takes seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ARD_HOME", str(tmp_path_factory.mktemp("home")))
        root = shutil.copytree(steering_study.root, tmp_path_factory.mktemp("steered") / "study")
        found = Session(player=Player(lambda _label, engine: silent_output("tests are silent", engine)))
        # the silent output's thread lives as long as the session
        found.player.play(Sound("silence", np.zeros(1600, np.float32), 16000))
        until(lambda: not found.player.playing)
        found.open_study(root)
        until(lambda: found.ranking is not None and found.notes.available)
        yield found
        found.close()
        assert found.ended(30)


@pytest.fixture(scope="module")
def homes(session: Session) -> Iterator[dict[str, QWidget]]:
    home = QWidget()
    kinds = {"sweep": SweepView, "code": CodeView, "blind": BlindView}
    found = {name: kind(session, Actions(home)) for name, kind in kinds.items()}
    for one in found.values():
        one.resize(520, 700)
    start_threads(session, found)
    yield found
    for one in (*found.values(), home):
        one.deleteLater()


def start_threads(session: Session, views: dict[str, QWidget]) -> None:
    """Have everything running that lives as long as the session: the model server, and threads that read."""
    with ClipTableOf(session) as table:
        sound = sound_of_clip(table[0])
    session.steering.set_follows(False)
    session.steering.set_sound(sound)
    session.answers.ask()
    assert session.overview is not None
    sweep = views["sweep"]
    assert isinstance(sweep, SweepView)
    # Qt keeps a widget of its own from the first picture of this kind on
    sweep.curves.show_curves((0.0,), {"a": (0.5,)}, {}, "value")
    until(lambda: sweep.curves.plot is not None)
    for name in ("code", "blind"):
        view = views[name]
        assert isinstance(view, (CodeView, BlindView))
        view.sound.toggle(sound, session.overview.study, {})
        until(lambda view=view: view.sound.playing)
        view.sound.leave()
    until(lambda: session.answers.is_present("original") and not session.answers.busy, SECONDS)


@pytest.fixture
def steered(session: Session) -> Iterator[int]:
    """A feature with a slider, on a clip of the study; the setup is as it was when the study was opened."""
    assert session.overview is not None
    assert session.ranking is not None
    session.answers.stop()
    session.steering.restore({})
    session.steering.ranking = session.ranking_name
    session.answers.live = False
    with ClipTableOf(session) as table:
        session.steering.set_follows(False)
        session.steering.set_sound(sound_of_clip(table[0]))
    feature = int(np.argmax(session.ranking.columns["max"]))
    session.steering.add_features([(feature, 4.0)])
    session.steering.set_settings(mode="delta", tokens=6, temperature=1.0, seed=3)
    yield feature
    session.answers.stop()
    until(lambda: session.model_server is not None and session.model_server.state in ("off", "ready"), SECONDS)


class ClipTableOf:
    """The clip table of the open study, for a moment."""

    def __init__(self, session: Session) -> None:
        assert session.overview is not None
        self._table = ClipTable(session.overview.study.clips())

    def __enter__(self) -> ClipTable:
        return self._table

    def __exit__(self, *_: object) -> None:
        self._table.close()


@pytest.fixture
def asked(session: Session, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """What the model server is asked from now on; it is asked all the same."""
    server, found = session.model_server, []
    assert server is not None
    ask = server.ask

    def noting(do: str, **fields: Any) -> int:
        found.append((do, fields))
        return ask(do, **fields)

    monkeypatch.setattr(server, "ask", noting)
    return found


@pytest.fixture
def sweep(homes: dict[str, QWidget], steered: int) -> Iterator[SweepView]:
    view = homes["sweep"]
    assert isinstance(view, SweepView)
    view.unit.setCurrentIndex(0)
    view.steps.setText("0, 4, 4000")
    view.words.clear()
    view.show()
    yield view
    view.sweep.stop()
    view.sweep.forget()
    view.hide()


@pytest.fixture
def code(homes: dict[str, QWidget], steered: int) -> Iterator[CodeView]:
    view = homes["code"]
    assert isinstance(view, CodeView)
    view.show()
    yield view
    view.hide()
    until(lambda: not view.code.doing, SECONDS)
    view.code.forget()
    view._started = False


@pytest.fixture
def blind(homes: dict[str, QWidget], steered: int) -> Iterator[BlindView]:
    view = homes["blind"]
    assert isinstance(view, BlindView)
    view.show()
    yield view
    view.new_test()
    view.hide()


def run(view: SweepView) -> None:
    """Press Start and wait for the end."""
    QTest.mouseClick(view.start, Qt.MouseButton.LeftButton)
    until(lambda: not view.sweep.running, SECONDS)
    assert view.sweep.problem == ""


def test_each_value_of_a_sweep_has_its_own_answer_beside_the_original(sweep: SweepView, steered: int) -> None:
    run(sweep)
    rows = sweep.rows()
    assert [row["condition"] for row in rows] == ["original", "reconstructed", "steered", "steered", "steered"]
    assert [row["overrides"] for row in rows[2:]] == [f"{steered}={value!r}" for value in (0.0, 4.0, 4000.0)]
    # delta moves the state by |v − z| times the feature's direction, which tells the values apart
    moved = [row["displacement"] for row in rows[3:]]
    assert 0 < moved[0] < moved[1]
    assert [row["survived"] for row in rows[2:]] == [(1.0,)] * 3
    assert sweep.note.text() == "3 of 3 values answered"
    for row, line in zip(rows, sweep.table.lines, strict=True):
        assert line.text.split() == row["answer"].split()
    last = sweep.table.item(4, ANSWER)
    assert last is not None
    assert last.data(MARKS) == answer_diff(rows[0]["answer"], sweep.table.lines[4].text).added
    assert last.data(MARKS)


def test_words_are_watched_and_later_words_cost_no_answers(
    sweep: SweepView, asked: list[tuple[str, dict[str, Any]]]
) -> None:
    run(sweep)
    own = [name for name in sweep.rows()[0] if name.startswith("p(")]
    assert own
    assert all(0 <= row[name] <= 1 for row in sweep.rows() for name in own)
    del asked[:]
    sweep.words.setText("hello, music")
    run(sweep)
    assert [(do, fields["max_new_tokens"], len(fields["values"])) for do, fields in asked] == [("sweep", 1, 3)]
    shares = [(row["p(hello)"], row["p(music)"]) for row in sweep.rows()]
    assert all(0 < share < 1 for both in shares for share in both)
    assert len(set(shares)) > 1
    until(lambda: sweep.curves.plot is not None)
    for at, word in enumerate(("hello", "music")):
        assert sweep.curves.curves[word].getData()[1].tolist() == pytest.approx([both[at] for both in shares[2:]])
    assert "hello" in sweep.curves.legend.text()


def test_a_stopped_sweep_goes_on_where_it_was(sweep: SweepView, asked: list[tuple[str, dict[str, Any]]]) -> None:
    sweep.steps.setText(", ".join(map(str, range(10))))
    QTest.mouseClick(sweep.start, Qt.MouseButton.LeftButton)
    assert sweep.start.text() == "S&top"
    until(lambda: any(line.text for line in sweep.table.lines[2:]), SECONDS)
    QTest.mouseClick(sweep.start, Qt.MouseButton.LeftButton)
    assert not sweep.sweep.running
    there = [row["step"] for row in sweep.rows() if row["condition"] == "steered"]
    assert 0 < len(there) < 10
    assert sweep.start.text() == "Con&tinue"
    del asked[:]
    run(sweep)
    again = [values[0] for _, fields in asked if fields["max_new_tokens"] > 1 for values in fields["values"]]
    assert sorted([*there, *again]) == list(range(10))


def test_return_on_a_value_moves_the_slider_there_in_one_step_of_undo(sweep: SweepView, session: Session) -> None:
    run(sweep)
    before = session.steering.now
    sweep.table.setCurrentCell(4, 0)
    sweep.table.setFocus()
    QTest.keyClick(sweep.table, Qt.Key.Key_Return)
    assert session.steering.now.rows[0].value == 4000.0
    until(lambda: session.answers.is_present("steered") and not session.answers.busy, SECONDS)
    assert session.answers.tracks["steered"].text == sweep.rows()[4]["answer"]
    assert session.answers.tracks["steered"].cached
    session.undo.undo()
    assert session.steering.now == before


def test_what_cannot_be_swept_is_said_and_nothing_is_asked(
    sweep: SweepView, session: Session, asked: list[tuple[str, dict[str, Any]]]
) -> None:
    session.steering.set_settings(mode="pre_topk")
    for text, said in (("", "at least one"), ("1, x", "no number"), ("-3", "below 0")):
        sweep.steps.setText(text)
        assert said in sweep.problem.text()
        assert not sweep.start.isEnabled()
    sweep.steps.setText("1")
    session.steering.clear()
    assert "Add a feature" in sweep.note.text()
    sweep.start_or_stop()
    assert asked == []


def test_a_sweep_ends_when_something_else_is_changed(sweep: SweepView, session: Session, steered: int) -> None:
    sweep.steps.setText(", ".join(map(str, range(30))))
    sweep.start_or_stop()
    session.steering.set_amount(str(steered), 3.0)
    running = [sweep.sweep.running]
    session.steering.set_prompt("another prompt")
    running.append(sweep.sweep.running)
    assert running == [True, False], "its own slider does not matter, the prompt does"
    assert sweep.problem.text() == CHANGED


def test_the_answers_of_a_sweep_are_copied_and_written(sweep: SweepView, session: Session, tmp_path: Path) -> None:
    run(sweep)
    sweep.copy_csv()
    copied = QApplication.clipboard().text()
    assert [row["step"] for row in csv.DictReader(io.StringIO(copied))] == ["", "", "0.0", "4.0", "4000.0"]
    sweep.write(tmp_path / "sweep")
    until(lambda: (tmp_path / "sweep.csv").is_file())
    assert (tmp_path / "sweep.csv").read_text() == copied


def test_the_code_before_and_after_is_that_of_the_sound(code: CodeView, session: Session, steered: int) -> None:
    assert code.table.isHidden()
    QTest.mouseClick(code.ask, Qt.MouseButton.LeftButton)
    until(lambda: code.code.present, SECONDS)
    found = code.code.code
    assert found is not None
    bar = next(bar for bar in found.bars if bar.overridden)
    assert (bar.feature, bar.after) == (steered, 4.0)
    assert code.seconds.text().startswith("0.00 to")
    assert code.told.text() == found.sentence(code._name_of)
    # the study's own analysis of the same sound knows the values before
    setup, traced = session.steering.now, []
    assert session.model_server is not None
    assert setup.sound is not None
    place = code.code._places.known(setup.sound)
    assert place is not None
    session.model_server.answered.connect(lambda _id, do, told: traced.append(told) if do == "trace" else None)
    features = [one.feature for one in found.bars]
    session.model_server.ask("trace", path=place.path, sae=session.ranking_name, features=features)
    until(lambda: bool(traced), SECONDS)
    values = {one["feature"]: dict(zip(one["token"], one["value"], strict=True)) for one in traced[0]["features"]}
    for one in found.bars:
        assert one.before == pytest.approx(values[one.feature].get(0, 0.0), rel=2e-3), (
            "activations are kept in half precision"
        )


def test_the_code_follows_the_slider_and_the_last_value_wins(
    code: CodeView, session: Session, steered: int, asked: list[tuple[str, dict[str, Any]]]
) -> None:
    code.ask_now()
    until(lambda: code.code.present, SECONDS)
    del asked[:]
    for step in range(1, 21):
        session.steering.set_amount(str(steered), step / 10)
    assert not code.table.isEnabled(), "what is shown belongs to another value"
    until(lambda: code.code.present, SECONDS)
    bars = {bar.feature: bar for bar in code.code.code.bars}  # type: ignore[union-attr]
    assert bars[steered].after == 8.0
    assert len([one for one in asked if one[0] == "code"]) == 2
    code.position.setValue(3)
    until(lambda: code.code.present, SECONDS)
    assert code.code.code is not None
    assert code.code.code.position == 3
    assert code.slider.value() == 3


def test_the_moment_of_a_token_is_played_and_a_row_leads_to_its_feature(code: CodeView, session: Session) -> None:
    code.ask_now()
    until(lambda: code.code.present, SECONDS)
    QTest.mouseClick(code.play, Qt.MouseButton.LeftButton)
    until(lambda: session.player.region is not None)
    first, last = code.code.code.seconds  # type: ignore[union-attr, misc]
    region = session.player.region
    assert region is not None
    assert region[0] <= first < last <= region[1]
    until(lambda: not session.player.playing)
    code.table.setCurrentCell(1, 0)
    code.table.setFocus()
    QTest.keyClick(code.table, Qt.Key.Key_Return)
    assert session.selection.feature == code.code.code.bars[1].feature  # type: ignore[union-attr]


def test_a_blind_test_tells_nothing_before_it_is_judged_and_the_share_afterwards(
    blind: BlindView, session: Session, steered: int, tmp_path: Path
) -> None:
    session.steering.set_amount(str(steered), 1000.0)
    blind.asking.count.setValue(3)
    blind.asking.seed.setValue(11)
    QTest.mouseClick(blind.asking.start, Qt.MouseButton.LeftButton)
    until(lambda: blind.answers.test is not None)
    test = blind.answers.test
    assert test is not None
    for _ in test.trials:
        until(lambda: test.current is None or test.current.ready, SECONDS)
        trial = test.current
        if trial is None:
            break
        assert blind.pages.currentWidget() is blind.judgement
        shown = [text.toPlainText().split() for text in blind.judgement.texts]
        assert shown == [text.split() for text in test.shown(trial)]
        words = " ".join(label.text() for label in (blind.judgement.place, blind.judgement.note))
        assert "original" not in words
        QTest.mouseClick(blind.judgement.buttons[trial.steered], Qt.MouseButton.LeftButton)
    assert blind.pages.currentWidget() is blind.result
    found = test.outcome()
    assert found.right == found.n >= 1
    assert blind.result.told.text() == test.sentence()
    blind.write(tmp_path / "judged.csv")
    until(lambda: (tmp_path / "judged.csv").is_file())
    rows = list(csv.DictReader(io.StringIO((tmp_path / "judged.csv").read_text())))
    assert [row["steered_is"] for row in rows] == [trial.steered for trial in test.trials]
    assert {row["mode"] for row in rows} == {"delta"}


def test_the_outcome_goes_into_the_note_of_a_saved_result(blind: BlindView, session: Session) -> None:
    assert session.overview is not None
    study = session.overview.study
    kept = toy_result(sae=sae_key(study, session.ranking_name), ranking=session.ranking_name)
    session.notes.write(lambda notes, _: notes.add_result(kept, "a test"))
    until(lambda: bool(session.notes.now.results))
    blind.start_test()
    until(lambda: blind.answers.test is not None)
    blind.end_test()
    blind.result.menu.aboutToShow.emit()
    (act,) = blind.result.menu.actions()
    act.trigger()
    until(lambda: session.notes.now.results[0].note != "")
    assert session.notes.now.results[0].note == blind.summary()
    assert "nothing was decided" in blind.summary()


def test_a_sound_that_is_gone_is_counted_and_the_test_goes_on(blind: BlindView, session: Session) -> None:
    assert session.overview is not None
    blind.asking.count.setValue(2)
    with ClipTableOf(session) as table:
        place = Path(table[5].root) / table[5].path
        sounds = [sound_of_clip(table[5]), sound_of_clip(table[6])]
    hidden = place.rename(place.with_suffix(".away"))
    try:
        blind._begin(sounds)
        test = blind.answers.test
        assert test is not None
        until(lambda: all(trial.texts or trial.problem for trial in test.trials), SECONDS)
    finally:
        hidden.rename(place)
    assert test.outcome().failed == 1
    assert "the sound" in next(trial.problem for trial in test.trials if trial.problem)


@pytest.mark.parametrize("points", [0.0, 14.0])
def test_the_tabs_are_readable_when_narrow(
    application: QApplication, homes: dict[str, QWidget], steered: int, points: float
) -> None:
    apply_theme(application, "light", points)
    try:
        for name, view in homes.items():
            view.show()
            view.resize(round(NARROW * max(1.0, points / 9)), 700)
            QApplication.processEvents()
            assert clipped(view) == [], name
            assert nameless(view) == [], name
            view.hide()
            view.resize(520, 700)
    finally:
        apply_theme(application, "light")
