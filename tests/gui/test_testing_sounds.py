"""The panel that tests a sound: the real window, the real model server, real sound files."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import sounddevice
import soundfile
from gui.waiting import until
from PySide6.QtCore import QItemSelectionModel, QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QWidget

from ard_gui.actions import Actions
from ard_gui.main_window import MainWindow
from ard_gui.services.playback.sound import Sound
from ard_gui.services.sound_test import Encoded, FoundFeature, read_sound, rows
from ard_gui.session import Session
from ard_gui.theme import colours
from ard_gui.views.test_sound import SoundTestView
from backend.errors import ArdError
from backend.store.clips import ClipTable
from backend.store.retrieval import RetrievalFile
from backend.study.folder import Study
from builders.tiny_study import finished_study

Make = Callable[..., MainWindow]
SECONDS = 60.0
TRACE = (0, 1, 3), (1.0, 0.5, 2.0)


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return finished_study(
        tmp_path_factory.mktemp("tested"), train={"steps": 30, "threads": 1}, retrieve={"raw_units": True}
    )


@pytest.fixture(scope="module")
def session(application: QApplication, study: Study, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    """One session, and one server that has started, for all tests: loading the libraries takes seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ARD_HOME", str(tmp_path_factory.mktemp("home")))
        found = Session()
        # the silent output's thread lives as long as the session
        found.player.set_device("silent")
        found.player.play(Sound("silence", np.zeros(1600, np.float32), 16000))
        until(lambda: not found.player.playing)
        assert not found.sound_test.recorder.recording
        found.open_study(study.root)
        until(lambda: found.ranking is not None)
        assert found.model_server is not None
        found.model_server.ask("hello")
        found.sound_test.test(path_of(study, 0))
        until(lambda: found.sound_test.encoded is not None and found.sound_test.media is not None, SECONDS)
        yield found
        found.close()
        assert found.ended(30)


@pytest.fixture(scope="module")
def the_view(session: Session) -> Iterator[SoundTestView]:
    home = QWidget()
    made = SoundTestView(session, Actions(home))
    made.resize(500, 700)
    yield made
    made.deleteLater()
    home.deleteLater()


@pytest.fixture
def view(the_view: SoundTestView, session: Session) -> Iterator[SoundTestView]:
    """The panel as it is before the first sound."""
    test = session.sound_test
    test.path = test.media = test.encoded = None
    test.changed.emit()
    the_view.show()
    yield the_view
    session.player.stop()
    the_view.hide()


def path_of(study: Study, clip: int) -> Path:
    row = ClipTable(study.clips())[clip]
    return Path(row.root) / row.path


def drop(view: SoundTestView, path: Path) -> bool:
    """Drag a file over the panel and let it go; whether the panel took it."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    at, copy = view.rect().center(), Qt.DropAction.CopyAction
    button, key = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    entering = QDragEnterEvent(at, copy, data, button, key)
    view.dragEnterEvent(entering)
    dropping = QDropEvent(QPointF(at), copy, data, button, key)
    view.dropEvent(dropping)
    return entering.isAccepted()


def shown_after(view: SoundTestView, session: Session, path: Path) -> Encoded:
    """Drop a sound on the panel and wait until it shows everything about it."""
    assert drop(view, path)
    test = session.sound_test
    until(lambda: test.media is not None and test.encoded is not None and test.path == path, SECONDS)
    assert test.encoded is not None
    return test.encoded


def text(view: SoundTestView, row: int, column: int) -> str:
    return view.table.item(row, column).text()


def features(view: SoundTestView) -> list[int]:
    return [int(text(view, row, 0)) for row in range(view.table.rowCount())]


def test_dropped_clip_has_the_features_of_its_retrieval_file(
    view: SoundTestView, session: Session, study: Study
) -> None:
    shown_after(view, session, path_of(study, 2))
    with RetrievalFile(study.retrieval(session.ranking_name)) as file:
        strongest, scores = file.clip_features(2)
        tokens = file.tokens(2)
    assert features(view)[:4] == strongest[:4].tolist()
    shown = [float(text(view, row, 2)) for row in range(len(strongest))]
    assert shown == pytest.approx([float(f"{score:.4g}") for score in scores], rel=0.02)
    header = [view.table.horizontalHeaderItem(i).text() for i in range(6)]
    assert header == ["feature", "name (consensus)", "r", "μ", "c", "max"]
    assert f"{tokens} tokens" in view.summary.text()
    assert "Reconstruction error 0." in view.summary.text()
    assert view.canvas.scene.pictures


def test_traces_of_marked_features_are_drawn_in_their_colours(
    view: SoundTestView, session: Session, study: Study
) -> None:
    encoded = shown_after(view, session, path_of(study, 0))
    assert [one.label.split()[0] for one in view.canvas.scene.traces] == [text(view, 0, 0)]
    flags = QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows
    view.table.selectionModel().select(view.table.model().index(1, 0), flags)
    traces = view.canvas.scene.traces
    assert [one.label.split()[0] for one in traces] == [text(view, 0, 0), text(view, 1, 0)]
    assert [one.colour for one in traces] == list(colours().traces[:2])
    assert traces[1].value.tolist() == list(encoded.features[1].value)
    assert traces[1].start.tolist() == [encoded.seconds[t][0] for t in encoded.features[1].token]
    assert [view.table.item(row, 0).icon().isNull() for row in range(3)] == [False, False, True]


def test_enter_and_double_click_go_to_the_feature(view: SoundTestView, session: Session, study: Study) -> None:
    shown_after(view, session, path_of(study, 0))
    first, second = features(view)[:2]
    view.table.setFocus()
    view.table.setCurrentCell(1, 0)
    QTest.keyClick(view.table, Qt.Key.Key_Return)
    assert session.selection.feature == second
    cell = view.table.visualItemRect(view.table.item(0, 1)).center()
    QTest.mouseClick(view.table.viewport(), Qt.MouseButton.LeftButton, pos=cell)
    QTest.mouseDClick(view.table.viewport(), Qt.MouseButton.LeftButton, pos=cell)
    assert session.selection.feature == first


def test_feature_of_the_page_has_a_row_though_it_is_silent_in_the_sound(
    view: SoundTestView, session: Session, study: Study
) -> None:
    encoded = shown_after(view, session, path_of(study, 0))
    with RetrievalFile(study.retrieval(session.ranking_name)) as file:
        active = {k for k in range(file.features) if 0 in (file.pairs(k) or {})["clip"]}
    strongest = {one.feature for one in encoded.features}
    silent = next(k for k in range(session.features) if k not in active | strongest)
    session.selection.choose(silent)
    until(lambda: silent in features(view), SECONDS)
    row = features(view).index(silent)
    assert row == view.table.rowCount() - 1
    assert text(view, row, 1).endswith("(the feature shown)")
    assert text(view, row, 2) == "0"
    session.selection.choose(features(view)[0])
    assert silent not in features(view)


def test_another_sae_is_asked_about_the_same_sound(view: SoundTestView, session: Session, study: Study) -> None:
    before = shown_after(view, session, path_of(study, 3))
    test = session.sound_test
    session.open_ranking("raw-encoder.2")
    until(lambda: test.encoded is not None and test.encoded.sae == "raw-encoder.2", SECONDS)
    with RetrievalFile(study.retrieval("raw-encoder.2")) as file:
        assert features(view)[:4] == file.clip_features(3)[0][:4].tolist()
    assert "Reconstruction" not in view.summary.text()
    session.open_ranking(before.sae)
    until(lambda: test.encoded == before, SECONDS)


def test_sound_that_is_none_is_said_in_the_panel_and_the_next_one_works(
    view: SoundTestView, session: Session, study: Study, tmp_path: Path
) -> None:
    assert "Drop a sound file here" in view.note.text()
    bad = tmp_path / "bad.wav"
    bad.write_text("no sound")
    assert drop(view, bad)
    until(lambda: "cannot be decoded as audio" in view.note.text(), SECONDS)
    assert view.table.rowCount() == 0
    assert not view.play.isEnabled()
    shown_after(view, session, path_of(study, 1))
    assert not view.note.isVisible()
    assert view.table.rowCount() > 0


def test_what_is_no_sound_file_is_left_to_the_window(view: SoundTestView, session: Session, tmp_path: Path) -> None:
    assert not drop(view, tmp_path)
    assert session.sound_test.path is None


def test_file_chosen_in_the_dialog_is_tested(view: SoundTestView, session: Session, study: Study) -> None:
    QTest.mouseClick(view.choose, Qt.MouseButton.LeftButton)
    dialog = view.findChild(QFileDialog)
    assert dialog is not None
    assert any("*.flac" in one for one in dialog.nameFilters())
    dialog.fileSelected.emit(str(path_of(study, 4)))
    dialog.close()
    until(lambda: session.sound_test.encoded is not None, SECONDS)
    assert view.table.rowCount() > 0


def test_space_plays_the_sound_from_where_the_picture_was_clicked(
    view: SoundTestView, session: Session, study: Study
) -> None:
    shown_after(view, session, path_of(study, 0))
    QTest.mouseClick(view.canvas, Qt.MouseButton.LeftButton, pos=view.canvas.plot.center())
    middle = view.canvas.playhead
    assert middle is not None
    assert middle > 0
    view.table.setFocus()
    QTest.keyClick(view.table, Qt.Key.Key_Space)
    player = session.player
    assert player.playing
    assert view.play.text() == "Pause"
    until(lambda: player.position() > middle)
    QTest.mouseClick(view.play, Qt.MouseButton.LeftButton)
    assert not player.playing
    assert view.play.text() == "Play"


def test_recording_without_a_microphone_is_explained(view: SoundTestView) -> None:
    if any(one["max_input_channels"] for one in sounddevice.query_devices()):
        pytest.skip("there is a microphone, which a test must not open")
    QTest.mouseClick(view.record, Qt.MouseButton.LeftButton)
    until(lambda: "no sound input was found" in view.note.text())
    assert view.record.text() == "Record"
    assert not view.level.isVisible()


def test_take_that_was_saved_is_tested(view: SoundTestView, session: Session, study: Study) -> None:
    """What follows a recording, from the recorder's own signals on."""
    test = session.sound_test
    recorder = test.recorder
    recorder.started.emit()
    assert view.record.text() == "Stop"
    assert view.level.isVisible()
    recorder.level.emit(0.5, 1.25)
    assert (view.level.value(), view.level.text()) == (-6, "1.2 s")
    recorder.saved.emit(str(path_of(study, 5)))
    until(lambda: test.encoded is not None, SECONDS)
    assert view.record.text() == "Record"
    assert view.table.rowCount() > 0


def test_sound_dropped_on_the_window_opens_the_panel_and_closing_the_study_ends_its_server(
    make_window: Make, study: Study
) -> None:
    window = make_window(study)
    window.openers.dropped([path_of(study, 0)])
    until(lambda: window.session.sound_test.encoded is not None, SECONDS)
    assert window.docks["test_sound"].isVisible()
    view, server = window.view("test_sound"), window.session.model_server
    assert isinstance(view, SoundTestView)
    assert server is not None
    assert view.name.text() == path_of(study, 0).name
    assert view.table.rowCount() > 0
    assert server.pid
    window.session.close_study()
    assert window.session.model_server is None
    assert view.table.rowCount() == 0
    assert server.wait_gone(30)


def test_sound_dropped_before_a_study_is_open_is_refused_with_a_reason(make_window: Make, study: Study) -> None:
    window = make_window()
    window.openers.dropped([path_of(study, 0)])
    until(lambda: bool(window.session.notices.all))
    assert "Open a study first" in window.session.notices.all[-1].text


def test_sound_written_anew_under_the_same_name_has_another_key(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.full(800, 0.1), 8000)
    first = read_sound(path)
    assert (first.rate, len(first.wave)) == (8000, 800)
    soundfile.write(path, np.full(900, 0.2), 8000)
    assert read_sound(path).key != first.key
    with pytest.raises(ArdError, match="not there"):
        read_sound(tmp_path / "b.wav")


def test_traces_have_the_seconds_of_their_tokens() -> None:
    one = FoundFeature(7, 1.0, 1.0, 1.0, 2.0, *TRACE)
    times = tuple((t * 0.02, (t + 1) * 0.02) for t in range(4))
    encoded = Encoded("sae", "r", 0.08, 0.08, times, 1, (one,), 0.1, 0.1)
    (label, colour, start, end, value), *rest = rows(encoded, [one], lambda k: f"{k} rain", ("red",))
    assert (label, colour, start, end, value) == (
        "7 rain",
        "red",
        [0.0, 0.02, 0.06],
        [0.02, 0.04, 0.08],
        [1.0, 0.5, 2.0],
    )
    assert not rest


def test_panel_imports_neither_torch_nor_transformers_nor_scipy() -> None:
    code = (
        "import sys, ard_gui.views.test_sound, ard_gui.services.sound_test\n"
        "print([name for name in ('torch', 'transformers', 'scipy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
