"""Steering in the real window with the real built-in model: drag, see the answers, stop, lose the engine, go on."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import replace

import pytest
from gui.waiting import until
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from ard_gui.main_window import MainWindow
from ard_gui.services.concept_sets import concept_sets
from ard_gui.session import Session
from ard_gui.views.steering.feature_slider import FeatureSlider
from ard_gui.views.steering.panel import SteeringPanel
from backend.study.folder import Study
from builders.steered_study import steered_study

Make = Callable[..., MainWindow]
LEFT = Qt.MouseButton.LeftButton
SECONDS = 120.0
CONDITIONS = ("original", "reconstructed", "steered")


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return steered_study(tmp_path_factory.mktemp("steered"))


def answered(session: Session) -> bool:
    """Every condition shows its complete answer to what is asked now."""
    answers = session.answers
    return not answers.busy and all(
        answers.is_present(name) and answers.tracks[name].answer is not None for name in CONDITIONS
    )


def drag(slider: FeatureSlider, *amounts: float) -> None:
    """Press the handle and move it; the button stays down."""
    points = [QPoint(round(slider.x_of(amount)), slider.ground.center().y()) for amount in (slider.amount, *amounts)]
    QTest.mousePress(slider, LEFT, pos=points[0])
    for point in points[1:]:
        QTest.mouseMove(slider, point)


def text(panel: SteeringPanel, condition: str) -> str:
    return panel.answers.panes[condition].text.toPlainText()


def test_slider_is_dragged_and_the_engine_is_stopped_lost_and_started_again(make_window: Make, study: Study) -> None:
    window = make_window(study)
    session = window.session
    window.actions_table["steering.run"].trigger()
    panel = window.view("steering")
    assert isinstance(panel, SteeringPanel)
    until(lambda: session.steering.now.sound is not None and bool(session.steering.now.prompt))
    ranking, server = session.ranking, session.model_server
    assert ranking is not None
    assert server is not None
    feature = int(ranking.columns["support"].argmax())
    session.selection.choose(feature)
    session.steering.set_follows(False)
    window.actions_table["steering.with_feature"].trigger()
    session.steering.set_settings(mode="delta", tokens=24)
    window.actions_table["steering.run"].trigger()
    until(lambda: answered(session), SECONDS)
    assert text(panel, "original")
    before = session.answers.tracks["steered"]
    slider = panel.rows.rows[str(feature)].slider

    # dragged: no more than one request waits, and what is shown never claims to be of another value
    drag(slider, 1.5, 2.0, 2.5, 3.0, 3.5)
    assert not session.answers.is_present("steered")
    assert not panel.answers.panes["steered"].veil.isHidden()
    until(lambda: session.answers.is_present("steered"), SECONDS)
    assert panel.answers.panes["steered"].first.text().startswith("First token")
    QTest.mouseRelease(slider, LEFT)
    until(lambda: answered(session), SECONDS)
    moved = session.answers.tracks["steered"]
    assert moved.request.overrides == session.steering.now.overrides
    assert slider.amount == pytest.approx(3.5)
    assert moved.first is not None
    assert before.first is not None
    assert (moved.first.kl or 0.0) > (before.first.kl or 0.0)
    assert moved.first.displacement != before.first.displacement

    # back to a value that was answered before: at once, from memory
    session.steering.set_amount(str(feature), 1.0)
    assert session.answers.is_present("steered")
    assert session.answers.tracks["steered"].answer == before.answer

    # stopped, and on
    drag(slider, 2.0)
    QTest.mouseRelease(slider, LEFT)
    QTest.keyClick(panel, Qt.Key.Key_Escape)
    assert not session.answers.busy
    assert session.answers.doing == "stopped"

    # the engine is killed: the window says why, everything is kept, and it starts again by a button
    setup, pid = session.steering.now, server.pid
    os.kill(pid, signal.SIGKILL)
    until(lambda: session.answers.engine.startswith("gone"), SECONDS)
    assert "SIGKILL" in panel.status.trouble.text()
    assert panel.status.again.isVisible()
    QTest.mouseClick(panel.status.again, LEFT)
    until(lambda: answered(session), SECONDS)
    assert session.steering.now == setup
    assert server.pid not in (0, pid)
    assert not panel.status.again.isVisible()

    # saved, read back, and written as a command
    window.actions_table["steering.save"].trigger()
    until(lambda: len(session.notes.now.results) == 1)
    saved = session.notes.now.results[0].contents
    assert saved.answers["steered"] == session.answers.tracks["steered"].text
    assert saved.features[0].maximum == pytest.approx(float(ranking.columns["max"][feature]))
    QApplication.clipboard().clear()
    window.actions_table["steering.copy_command"].trigger()
    until(lambda: "ard steer" in QApplication.clipboard().text())
    assert f"--feature {feature}=" in QApplication.clipboard().text()

    # another window on the same study has everything where it was
    window.close()
    assert window.session.ended(30)
    again = make_window(study)
    until(lambda: again.session.steering.ranking == ranking.name)
    kept = again.session.steering
    assert replace(kept.now, sound=None) == replace(setup, sound=None)
    assert kept.now.sound == setup.sound
    assert kept.prompts[0] == setup.prompt


def test_the_shipped_sae_brings_a_set_for_every_concept_that_was_chosen_for_it(study: Study) -> None:
    sets = {one.name: one for one in concept_sets(study, study.feature_ids()[0], 2048)}
    assert {"music", "woman", "English"} <= set(sets)
    assert (len(sets["man"].pairs), sets["man"].pairs[0][0]) == (4, 424)
    assert sets["man"].settings == {"mode": "delta", "positions": "audio", "decode": "off"}
    assert sets["man"].told.endswith("shifted 40 of 40 clips that it was chosen on")
