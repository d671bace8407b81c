"""The steering panel in the real window, on a study of a random model: everything that needs no answer of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from gui.fitting import clipped
from gui.test_accessible_names import nameless
from gui.waiting import until
from gui.walking import concepts
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from ard_gui.main_window import MainWindow
from ard_gui.services.concept_sets import concept_sets
from ard_gui.services.model_kind import model_told
from ard_gui.services.steering_answers import Answer, First, Place, Request, Track
from ard_gui.state.steering import Setup
from ard_gui.state.steering_rows import feature_row
from ard_gui.theme import apply_theme
from ard_gui.views.steering.add_feature import MARKED, NEIGHBOURS, SETS, SOUND, AddFeature
from ard_gui.views.steering.answers import AnswerPane, figures, warning
from ard_gui.views.steering.blind import BlindView
from ard_gui.views.steering.code import CodeView
from ard_gui.views.steering.panel import SteeringPanel
from ard_gui.views.steering.sweep import SweepView
from backend.store import effects
from backend.store.notes.steering import AnswerToken
from backend.study.atomic import read_json
from backend.study.folder import Study
from backend.study.manifest import write_manifest

Make = Callable[..., MainWindow]


def panel_of(window: MainWindow) -> SteeringPanel:
    window.show_dock("steering")
    found = window.view("steering")
    assert isinstance(found, SteeringPanel)
    return found


@pytest.fixture
def window(make_window: Make, tiny_study: Study) -> MainWindow:
    found = make_window(tiny_study)
    until(lambda: found.session.selection.clip >= 0)
    return found


def test_feature_of_the_table_gets_a_slider_by_one_key(window: MainWindow) -> None:
    session, table = window.session, concepts(window).table
    table.setFocus()
    QTest.keyClick(table, Qt.Key.Key_W)
    panel = panel_of(window)
    feature = session.selection.feature
    assert list(panel.rows.rows) == [str(feature)]
    row = panel.rows.rows[str(feature)]
    maximum = float(session.ranking.columns["max"][feature])  # type: ignore[union-attr]
    assert row.value.value() == pytest.approx(maximum, abs=1e-4)
    until(lambda: row.slider.activations is not None)
    assert row.slider.activations is not None
    assert row.slider.activations.counts.sum() > 0
    assert "Steer with this feature" in [
        one.text().replace("&", "") for one in concepts(window).menus.rows_menu().actions()
    ]


def test_sound_follows_the_current_clip_until_another_is_chosen(window: MainWindow, tiny_study: Study) -> None:
    session, panel = window.session, panel_of(window)
    until(lambda: session.steering.now.sound is not None)
    first = session.steering.now.sound
    window.actions_table["go.next_clip"].trigger()
    until(lambda: session.steering.now.sound != first)
    path = next((tiny_study.root.parent.parent).rglob("*.wav"), None) or tiny_study.toml.with_name("x.wav")
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    place, action = panel.rect().center(), Qt.DropAction.CopyAction
    button, key = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    entering = QDragEnterEvent(place, action, data, button, key)
    panel.dragEnterEvent(entering)
    assert entering.isAccepted()
    panel.dropEvent(QDropEvent(QPointF(place), action, data, button, key))
    assert session.steering.now.sound is not None
    assert (session.steering.now.sound.path, session.steering.follows) == (str(path), False)
    assert panel.source.name.text() == path.name
    panel.source.follow.click()
    until(lambda: session.steering.now.sound is not None and bool(session.steering.now.sound.record))


def test_features_are_added_by_number_name_neighbourhood_and_sound(window: MainWindow) -> None:
    session, panel = window.session, panel_of(window)
    until(lambda: session.steering.now.sound is not None)
    window.actions_table["steering.add_feature"].trigger()
    dialog = panel.dialog
    assert isinstance(dialog, AddFeature)
    QTest.keyClicks(dialog.search, "5")
    assert dialog.list.item(0).text().startswith("5")
    QTest.keyClick(dialog.search, Qt.Key.Key_Return)
    assert list(panel.rows.rows) == ["5"]
    QTest.keyClick(dialog.search, Qt.Key.Key_Return)
    assert "already" in dialog.note.text()
    dialog.search.setText("no such words")
    assert dialog.list.count() == 0
    assert not dialog.add.isEnabled()
    dialog.search.clear()
    dialog.close()
    panel.add_features(NEIGHBOURS)
    dialog = panel.dialog
    assert dialog is not None
    until(lambda: dialog.list.count() > 0)
    assert "cosine" in dialog.list.item(0).text()
    dialog.offer(SOUND)
    until(lambda: dialog.list.count() > 0)
    dialog.offer(MARKED)
    assert dialog.list.item(0).text().startswith(str(session.selection.feature))
    dialog.offer(SETS)
    assert "no sets" in dialog.note.text()
    dialog.close()


def put_sets(study: Study, sae: str, **sets: list[list[float]]) -> None:
    """Write the result of a search for features as `ard effects` does, for each concept."""
    weights = read_json(study.sae(sae) / "config.json")["weights_hash"]
    for target, features in sets.items():
        shares = {"value": 0.8, "count": 8, "n": 10, "low": 0.49, "high": 0.94}
        best = {"features": features, "times": 1.0, "how": "effect", "selection": shares, "held_out": shares}
        settings = {"label": "kind", "target": target, "mode": "delta", "positions": "prompt", "decode": "off"}
        path = study.features(sae) / f"effects-{target}.json"
        outputs = {"ranking": [], "tried": [], "sets": {"set": best | {"displacement": 1.0}}, "controls": []}
        write_manifest(
            path, stage="effects", fingerprint=target, settings=settings | {"prompt": ""}, inputs={"weights": weights},
            outputs=outputs, seconds=0.0, figures={},
        )  # fmt: skip
        effects.name(study, sae, path, f"kind={target}")


def test_stored_set_is_one_row_with_one_slider(window: MainWindow, tiny_study: Study) -> None:
    session, panel = window.session, panel_of(window)
    put_sets(tiny_study, session.ranking_name, dog=[[1, 2.0], [2, 4.0]], gone=[[10**6, 1.0]])
    panel.sets = concept_sets(tiny_study, session.ranking_name, session.features)
    assert [(one.name, one.told) for one in panel.sets] == [
        ("dog", "delta, positions prompt; shifted 8 of 10 held-out clips")
    ]
    panel.add_features(SETS)
    assert panel.dialog is not None
    panel.dialog.add_marked()
    panel.dialog.close()
    row = panel.rows.rows["set dog"]
    assert (session.steering.now.settings.mode, session.steering.now.settings.positions) == ("delta", "prompt")
    row.slider.setFocus()
    QTest.keyClick(row.slider, Qt.Key.Key_Right)
    assert session.steering.now.overrides == ((1, 2.2), (2, 4.4))
    window.actions_table["edit.undo"].trigger()
    assert session.steering.now.overrides == ((1, 2.0), (2, 4.0))


def test_rows_are_bypassed_reset_and_removed_by_keyboard(window: MainWindow) -> None:
    session, panel = window.session, panel_of(window)
    session.steering.add_features([(1, 2.0), (2, 3.0)])
    first = panel.rows.rows["1"]
    QTest.keyClick(first.on, Qt.Key.Key_Space)
    assert session.steering.now.overrides == ((2, 3.0),)
    assert not first.slider.isEnabled()
    window.actions_table["steering.bypass"].trigger()
    assert session.steering.now.overrides == ()
    assert panel.bypass.isChecked()
    window.actions_table["steering.reset"].trigger()
    assert (len(session.steering.now.overrides), panel.bypass.isChecked()) == (2, False)
    QTest.keyClick(first.remove, Qt.Key.Key_Space)
    assert list(panel.rows.rows) == ["2"]


def test_views_beside_the_answers_are_made_when_they_are_shown(window: MainWindow) -> None:
    panel = panel_of(window)
    assert [panel.tabs.tabText(place) for place in range(panel.tabs.count())] == [
        "Answers", "Sweep", "Code", "Saved", "A/B",
    ]  # fmt: skip
    kinds = {"Sweep": SweepView, "Code": CodeView, "A/B": BlindView}
    for title, kind in kinds.items():
        assert isinstance(panel.tab(title), kind)
        assert nameless(panel) == []
    assert panel.tab("Answers") is panel.answers


def test_typed_value_is_absolute(window: MainWindow) -> None:
    session, panel = window.session, panel_of(window)
    session.steering.add_features([(1, 2.0)])
    box = panel.rows.rows["1"].value
    box.setFocus()
    box.selectAll()
    QTest.keyClicks(box, "5")
    QTest.keyClick(box, Qt.Key.Key_Return)
    assert session.steering.now.overrides == ((1, 5.0),)
    assert panel.rows.rows["1"].times.text() == "2.5×"


def test_settings_say_what_they_mean(window: MainWindow) -> None:
    panel, state = panel_of(window), window.session.steering
    panel.settings.fold.click()
    assert "audio positions are changed" in panel.settings.sentence.text()
    state.use_profile("lmms")
    assert panel.settings.profile.currentData() == "lmms"
    assert "reconstruction stands in at the answer's positions" in panel.settings.sentence.text()
    state.set_settings(mode="delta")
    assert not panel.settings.error.isEnabled()
    assert "error is kept" in panel.settings.sentence.text()
    for box in panel.settings.conditions.values():
        box.setChecked(False)
    assert state.now.settings.conditions == ("steered",)


def test_kind_of_model_decides_what_a_prompt_means(window: MainWindow, tiny_study: Study, tmp_path: Path) -> None:
    panel = panel_of(window)
    until(lambda: panel.prompt.kind == "transcript")
    assert panel.prompt.field.isEnabled()
    panel.prompt.show_kind("representation", ())
    assert not panel.prompt.field.isEnabled()
    assert "answers nothing" in panel.prompt.note.text()
    model = tmp_path / "model"
    model.mkdir()
    text = tiny_study.toml.read_text()
    path = next(line for line in text.splitlines() if line.startswith("path = "))
    tiny_study.toml.write_text(text.replace(path, f"path = {json.dumps(str(model))}", 1))
    for kind, expected in (("hubert", "representation"), ("qwen2_audio", "question"), ("whisper", "transcript")):
        (model / "config.json").write_text(json.dumps({"model_type": kind}))
        assert model_told(tiny_study).kind == expected
    (model / "config.json").write_text(json.dumps({"model_type": "qwen2_audio"}))
    assert model_told(tiny_study).prompts[0][1] == "Generate a detailed caption for the audio clip"


def test_prompts_asked_before_and_questions_about_steered_names_are_offered(window: MainWindow) -> None:
    panel, state = panel_of(window), window.session.steering
    until(lambda: panel.prompt.kind == "transcript")
    panel.prompt.show_kind("question", (("As before", "Describe it."), ("x", "Is {name} heard?")))
    state.set_prompt("What is it?")
    state.asked()
    panel.prompt.menu.aboutToShow.emit()
    texts = [action.text() for action in panel.prompt.menu.actions()]
    assert texts == ["Asked before", "What is it?", "To begin with", "As before"]
    state.add_set("dog", [(1, 2.0)])
    panel.prompt.menu.aboutToShow.emit()
    panel.prompt.menu.actions()[-1].trigger()
    assert (state.now.prompt, panel.prompt.field.toPlainText()) == ("Is dog heard?", "Is dog heard?")
    window.session.answers.stop()


def test_presets_come_back_with_values_and_settings(window: MainWindow) -> None:
    panel, state = panel_of(window), window.session.steering
    state.add_features([(1, 2.0)])
    state.set_settings(mode="keep")
    panel.presets.ask_name()
    assert panel.presets.dialog is not None
    panel.presets.dialog.textValueSelected.emit("  mine ")
    panel.presets.dialog.close()
    state.clear()
    state.set_settings(mode="delta")
    panel.presets.fill()
    panel.presets.list.actions()[0].trigger()
    assert (state.now.overrides, state.now.settings.mode) == (((1, 2.0),), "keep")


def test_long_prompt_is_counted_and_told(window: MainWindow) -> None:
    panel = panel_of(window)
    panel.prompt.field.setPlainText("x" * 5000)
    assert "5,000 characters; at most 4,000" in panel.prompt.note.text()
    assert window.session.answers.engine == "off"


@pytest.mark.parametrize("points", [9, 20])
def test_nothing_of_the_panel_is_clipped(window: MainWindow, usual_text: None, points: float) -> None:
    panel, state = panel_of(window), window.session.steering
    state.add_features([(1, 2.0), (2, 3.0)])
    panel.settings.fold.click()
    window.session.preferences.set("font_points", points)
    until(lambda: panel.add.font().pointSizeF() == points)
    with suppress(AssertionError):
        until(lambda: not clipped(panel), 5)
    assert clipped(panel) == []


def test_nothing_to_save_is_said(window: MainWindow) -> None:
    window.actions_table["steering.save"].trigger()
    assert "no complete answer" in window.session.notices.all[-1].text


def test_window_without_a_study_says_what_is_missing(make_window: Make) -> None:
    window = make_window()
    panel = panel_of(window)
    window.actions_table["steering.run"].trigger()
    assert "Open a study first" in panel.status.trouble.text()
    panel.add_features()
    assert "Open a study" in window.session.notices.all[-1].text


@pytest.fixture
def usual_text(application: QApplication) -> Iterator[None]:
    yield
    apply_theme(application, "light")


# what is shown of an answer


def track(**changes: object) -> Track:
    tokens = [
        {"id": 5, "text": " A", "probability": 0.7, "top": [[" A", 0.7], [" The", 0.2]]},
        {"id": 6, "text": " dog", "probability": 0.6, "top": [[" dog", 0.6], [" cat", 0.3]]},
    ]
    told = {
        "text": "A dog", "ended": True, "tokens": tokens, "kl": {"first": 0.25, "answer": 0.5}, "survived": [0.5],
        "displacement": 3.0, "repetition": 0.0, "coherent": True, "why": "", "no_speech": None, "representation": None,
    } | changes  # fmt: skip
    answer = Answer.of(told)
    asked = Request(Place("/a.wav"), Setup(rows=(feature_row(7, 2.0),)), "sae")
    return Track(asked, answer.first, list(answer.said.tokens), answer)


def test_figures_and_warnings_stand_in_words() -> None:
    told = figures(track(), "steered")
    assert told == "KL 0.25 at the first token, 0.5 over the answer · survived 50% · moved by 3 · 2 tokens"
    assert "KL" not in figures(track(), "original")
    assert warning(track()) == ""
    assert "Cut at 2 tokens" in warning(track(ended=False))
    assert "Not coherent: it repeats" in warning(track(coherent=False, why="it repeats"))
    assert "No override survived" in warning(track(survived=[0.0]))


def test_token_under_the_cursor_is_told_with_its_alternatives(application: QApplication) -> None:
    pane = AnswerPane("steered")
    pane.resize(300, 200)
    pane.show()
    pane.activateWindow()
    pane.text.setFocus()
    until(pane.text.hasFocus)
    pointed: list[AnswerToken] = []
    pane.token_pointed.connect(pointed.append)
    pane.show_track(track(), (), stale=False)
    for _ in range(3):
        QTest.keyClick(pane.text, Qt.Key.Key_Right)
    assert pointed[-1].text == " dog"
    assert pointed[-1].top[1] == (" cat", 0.3)
    pane.close()
    pane.deleteLater()


def test_stale_answer_is_veiled_and_names_its_values(application: QApplication) -> None:
    pane = AnswerPane("steered")
    pane.show_track(track(), (), stale=True)
    assert not pane.veil.isHidden()
    assert pane.of.text() == "Of another setup: 7 = 2"
    pane.show_track(track(), (), stale=False)
    assert pane.veil.isHidden()
    pane.deleteLater()


def test_model_without_answers_shows_how_its_state_moved(application: QApplication) -> None:
    pane = AnswerPane("steered")
    pane.resize(300, 240)
    inner = {"layers": ["encoder.0", "encoder.1"], "change": [0.1, 0.4], "cosine": [0.9, 0.8], "frames": [0.1, 0.5]}
    pane.show_track(track(text="", tokens=[], representation=inner), (), stale=False)
    assert pane.text.isHidden()
    assert not pane.inner.isHidden()
    assert "encoder.1: change 0.400, cosine 0.800" in pane.inner.accessibleDescription()
    pane.grab()
    pane.deleteLater()


def test_first_token_is_shown_before_any_answer(application: QApplication) -> None:
    pane = AnswerPane("steered")
    asked = track().request
    pane.show_track(Track(asked, First((("A", 0.75), ("The", 0.2)), 0.1, (1.0,), 2.0)), (), stale=False)
    assert pane.first.text() == "First token: “A” 0.75 · “The” 0.20"
    assert pane.figures.text() == "KL 0.1 at the first token · survived 100% · moved by 2"
    pane.deleteLater()
