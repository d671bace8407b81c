"""The runs panel in the real window, on runs of real jobs and on real files of the queue."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from gui.waiting import until
from PySide6.QtCore import QModelIndex, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit

from ard_gui.main_window import MainWindow
from ard_gui.services import run_news, run_watch, stale_results
from ard_gui.state.run_words import IDLE
from ard_gui.state.runs import RunShown, RunsShown, Wanted
from ard_gui.views.preferences_dialog import PreferencesDialog
from ard_gui.views.runs.edit_setting import EditSetting
from ard_gui.views.runs.notes import READ_ONLY
from ard_gui.views.runs.panel import RunsPanel
from backend.study import queue
from backend.study.folder import Study
from builders.told_job import told_job, told_thread

Make = Callable[..., MainWindow]


@pytest.fixture
def study(made_study: Study, tmp_path: Path) -> Study:
    """A copy without any run: only what this test does is in it."""
    found = Study(Path(shutil.copytree(made_study.root, tmp_path / "copy")))
    shutil.rmtree(found.runs, ignore_errors=True)
    return found


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """The watcher looks ten times as often, so that nobody waits for it."""
    for name in ("EVERY_SECONDS", "REST_SECONDS", "CURVES_SECONDS"):
        monkeypatch.setattr(run_watch, name, getattr(run_watch, name) / 10)


@pytest.fixture
def no_supervisor(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Requests stay where they are: nobody works them off. Whose work was to begin."""
    begun: list[Path] = []
    monkeypatch.setattr("backend.study.launch.start_supervisor", begun.append)
    return begun


def panel_of(window: MainWindow) -> RunsPanel:
    window.show_dock("runs")
    found = window.view("runs")
    assert isinstance(found, RunsPanel)
    return found


def states(panel: RunsPanel) -> list[str]:
    return [one.state for one in panel.list.runs.shown.rows]


def cells(panel: RunsPanel, row: int) -> list[str]:
    model = panel.list.runs
    return [str(model.data(model.index(row, column))) for column in range(model.columnCount())]


def test_run_that_goes_on_is_shown_with_stages_use_and_messages(make_window: Make, study: Study) -> None:
    panel = panel_of(make_window(study))
    with told_thread(study) as job:
        job.tell("event", type="stage", stage="train", state="started")
        job.tell("event", type="progress", stage="train", done=30, total=120, unit="steps", per_second=4.0,
                 seconds_left=22.0)  # fmt: skip
        job.tell("event", type="resources", stage="train", memory_bytes=3_000_000_000, device_bytes=1_500_000_000,
                 cpu_percent=250.0)  # fmt: skip
        job.tell("event", type="message", stage="train", level="warning", text="a <b>token</b> is odd")
        until(lambda: states(panel) == ["running"] and "a <b>token</b> is odd" in panel.progress.messages.toPlainText())
        assert cells(panel, 0)[:4] == ["running", "train", "train 25%", "22 s"]
        (row,) = panel.progress.rows
        assert (row.bar.value(), row.bar.maximum()) == (250, 1000)
        assert row.words.text().startswith("30 of 120 steps, 4 a second, 22 s left, for")
        assert "memory 3.0 GB, GPU memory 1.5 GB, CPU 250 %" in panel.progress.use.text()
        assert "warning: train: a <b>token</b> is odd" in panel.progress.messages.toPlainText()
        assert "started outside of the queue" in panel.progress.told.text()
        job.end("fail")
    until(lambda: states(panel) == ["failed"])
    assert "the model folder is incomplete" in panel.progress.told.text()
    assert "Copy it again." in panel.progress.told.text()
    assert cells(panel, 0)[2] == "in train"


def test_killed_run_is_told_and_so_is_what_to_do(make_window: Make, study: Study) -> None:
    window = make_window(study)
    ended: list[RunShown] = []
    window.session.run_watch.ended.connect(ended.append)
    panel = panel_of(window)
    with told_job(study) as job:
        until(lambda: states(panel) == ["running"])
        job.end("kill")
    until(lambda: states(panel) == ["killed"])
    assert "Run the same command to go on" in panel.progress.told.text()
    until(lambda: [one.run for one in ended] == [job.run])


def test_study_without_runs_offers_to_bring_everything_up_to_date(
    make_window: Make, study: Study, no_supervisor: list[Path]
) -> None:
    window = make_window(study)
    panel = panel_of(window)
    until(panel.empty.isVisible)
    assert f"ard run {study.root}" in panel.empty.text.text()
    QTest.mouseClick(panel.empty.button, Qt.MouseButton.LeftButton)
    until(lambda: states(panel) == ["waiting"] and no_supervisor == [study.root])
    assert not panel.empty.isVisible()
    until(panel.notes.idle.isVisible)
    assert panel.notes.idle.text.text() == IDLE
    assert IDLE in panel.progress.told.text()
    QTest.mouseClick(panel.notes.idle.button, Qt.MouseButton.LeftButton)
    until(lambda: len(no_supervisor) == 2)
    window.actions_table["run.everything"].trigger()
    until(lambda: "the same is waiting already" in window.notice_bar.text.text())


def test_requests_are_moved_paused_resumed_and_dismissed_by_keys(
    make_window: Make, study: Study, no_supervisor: list[Path]
) -> None:
    ids = [queue.add(study, command).id for command in ("index", "extract", "train")]
    window = make_window(study)
    panel, watch = panel_of(window), window.session.run_watch
    until(lambda: len(watch.shown.rows) == 3)

    def order() -> list[str]:
        return [ids.index(one.request) for one in watch.shown.rows]  # type: ignore[misc]

    panel.choose(ids[2])
    keys = QTest.keyClick
    control = Qt.KeyboardModifier.ControlModifier
    keys(panel.list, Qt.Key.Key_Up, control)
    until(lambda: order() == [0, 2, 1])
    assert panel.list.current().request == ids[2]  # type: ignore[union-attr]
    keys(panel.list, Qt.Key.Key_Down, control)
    until(lambda: order() == [0, 1, 2])
    assert window.actions_table["run.pause"].isEnabled()
    keys(panel.list, Qt.Key.Key_P)
    until(lambda: states(panel)[2] == "paused")
    assert panel.buttons["Resume"].isEnabled()
    assert not panel.buttons["Pause"].isEnabled()
    window.actions_table["run.resume"].trigger()
    until(lambda: states(panel)[2] == "waiting")
    keys(panel.list, Qt.Key.Key_Delete)
    until(lambda: order() == [0, 1])
    keys(panel.list, Qt.Key.Key_C, control)
    assert QApplication.clipboard().text().startswith("ard ")
    panel.choose(ids[0])
    window.actions_table["run.cancel"].trigger()
    until(lambda: order() == [1])


def test_what_was_just_queued_is_shown_and_chosen(make_window: Make, study: Study, no_supervisor: list[Path]) -> None:
    queue.add(study, "train")
    window = make_window(study)
    panel = panel_of(window)
    until(lambda: panel.list.current() is not None and panel.list.current().command.startswith("ard train"))
    window.show_dock("runs", False)
    window.session.run_queue.start_all([("index", ()), ("retrieve", ())])
    until(lambda: panel.list.current() is not None and panel.list.current().command.startswith("ard index"))
    assert panel.isVisible()
    assert no_supervisor == [study.root]


def test_actions_follow_what_can_be_done(make_window: Make, study: Study) -> None:
    window = make_window(study)
    table = window.actions_table

    def enabled() -> list[bool]:
        return [table[f"run.{one}"].isEnabled() for one in ("pause", "resume", "cancel")]

    assert enabled() == [False, False, False]
    one = queue.add(study, "train")
    until(lambda: enabled() == [True, False, True])
    queue.pause(study, one.id)
    until(lambda: enabled() == [False, True, True])
    table["run.show"].trigger()
    assert window.docks["runs"].isVisible()
    assert {"run.show", "run.resume", "run.cancel"} <= set(table.usable())
    window.session.close_study()
    assert not table["run.everything"].isEnabled()
    assert enabled() == [False, False, False]


def test_failed_request_is_retried_with_an_edited_setting(
    make_window: Make, study: Study, no_supervisor: list[Path]
) -> None:
    one = queue.add(study, "train")
    with queue.changing(study):
        queue.write(study, replace(one, state="failed", text="the memory is used up"))
    window = make_window(study)
    panel = panel_of(window)
    until(lambda: states(panel) == ["failed"])
    assert "the memory is used up" in panel.progress.told.text()
    panel.buttons["Edit and retry …"].click()
    dialog = QApplication.activeModalWidget()
    assert isinstance(dialog, EditSetting)
    until(lambda: dialog.settings is not None)
    assert dialog.key.currentText() == "extract.batch_clips"
    assert "Clips of similar length" in dialog.means.text()
    assert not dialog.write.isEnabled()
    dialog.value.setText("none")
    assert "valid integer" in dialog.problem.text()
    assert not dialog.write.isEnabled()
    dialog.value.setText("3")
    dialog.write.click()
    until(lambda: states(panel) == ["waiting"])
    assert "batch_clips = 3" in study.toml.read_text()
    assert no_supervisor == [study.root]


def test_log_is_followed_filtered_searched_and_leads_to_its_first_error(make_window: Make, study: Study) -> None:
    panel = panel_of(make_window(study))
    with told_thread(study) as job:
        until(lambda: states(panel) == ["running"])
        log = panel.log
        panel.tabs.setCurrentWidget(log)
        for level, text in (("info", "one"), ("error", "two"), ("warning", "three")):
            job.tell("event", type="message", level=level, text=text)
        until(lambda: len(log.model.shown) == 3)
        log.level.setCurrentText("ERROR")
        assert [one.text[-3:] for one in log.model.shown] == ["two"]
        assert "2 below ERROR hidden" in log.note.text() or log.note.text()
        log.level.setCurrentText("DEBUG")
        log.error.click()
        until(lambda: not log.follow.isChecked())
        assert log.model.shown[log.view.currentIndex().row()].text.endswith("two")
        log.field.setText("THREE")
        QTest.keyClick(log.field, Qt.Key.Key_Return)
        until(lambda: log.model.shown[log.view.currentIndex().row()].text.endswith("three"))
        log.field.setText("nowhere")
        log.next.click()
        until(lambda: log.note.text() == "Not found.")
        log.follow.setChecked(True)
        job.tell("event", type="message", level="info", text="four")
        until(lambda: log.model.shown[-1].text.endswith("four"))


def test_curves_of_the_runs_saes_are_drawn_and_can_be_chosen(make_window: Make, study: Study) -> None:
    panel = panel_of(make_window(study))
    sae = study.sae_ids()[0]
    with told_thread(study) as job:
        job.tell("event", type="metric", stage="train", step=1, sae=sae, values={})
        until(lambda: states(panel) == ["running"])
        curves = panel.curves
        panel.tabs.setCurrentWidget(curves)
        until(lambda: list(curves.plots) == ["loss", "fvu", "explained_variance", "l0"])
        lines = [json.loads(one) for one in (study.sae(sae) / "metrics.jsonl").read_text().splitlines()]
        x, y = curves.plots["loss"].lines[sae].getData()
        assert x.tolist() == [one["step"] for one in lines]
        assert y.tolist() == pytest.approx([one["loss"] for one in lines])
        assert sae in curves.legend.text()
        assert f"{lines[-1]['loss']:.5g}" in curves.plots["loss"].title.text()
        curves.logarithmic.setChecked(True)
        assert curves.plots["loss"].lines[sae].getData()[1][-1] < y[-1]
        curves.plots["loss"].pointed.emit(float(lines[0]["step"]))
        assert curves.here.text().startswith(f"step {lines[0]['step']:,.0f}, loss {lines[0]['loss']:.4g}")
        menu = curves.curves_button.menu()
        menu.aboutToShow.emit()
        next(one for one in menu.actions() if one.text() == "learning rate").trigger()
        assert "lr" in curves.plots
        menu = curves.saes_button.menu()
        menu.aboutToShow.emit()
        menu.actions()[0].trigger()
        assert curves.note.text() == "No SAE is chosen."


def test_settings_of_marked_runs_stand_beside_each_other(make_window: Make, study: Study) -> None:
    for _ in range(2):
        with told_thread(study, "train") as job:
            job.end("finish")
    changed = study.runs / job.run / "request.json"
    changed.write_text(changed.read_text().replace('"steps": 7', '"steps": 8'))
    panel = panel_of(make_window(study))
    until(lambda: states(panel) == ["finished", "finished"])
    tab = panel.settings
    panel.tabs.setCurrentWidget(tab)
    panel.list.selectAll()
    until(lambda: tab.values.columnCount() == 2)

    def shown() -> dict[str, list[str]]:
        values = tab.values
        return {
            values.verticalHeaderItem(row).text(): [values.item(row, column).text() for column in range(2)]
            for row in range(values.rowCount())
        }

    assert shown()["train.steps"] == ["8", "7"]
    assert shown()["sae.seeds"] == ["[0]", "[0]"]
    assert "package.torch" in shown()
    tab.only.setChecked(True)
    assert "train.steps" in shown()
    assert "sae.seeds" not in shown()
    row = list(shown()).index("train.steps")
    assert tab.values.item(row, 0).font().bold()
    tab.field.setText("no such thing")
    assert shown() == {}


def test_another_window_finds_the_run_and_what_was_looked_at_is_kept(make_window: Make, study: Study) -> None:
    with told_thread(study, "index") as first:
        first.end("finish")
    with told_thread(study) as job:
        window = make_window(study)
        panel = panel_of(window)
        until(lambda: states(panel) == ["running", "finished"])
        panel.choose(first.run)
        panel.tabs.setCurrentWidget(panel.settings)
        window.keeper.keep()
        window.close()
        assert window.session.ended(10)
        job.tell("event", type="progress", stage="train", done=1, total=2, unit="steps")
        other = make_window(study)
        again = other.view("runs")
        assert isinstance(again, RunsPanel)
        until(lambda: states(again) == ["running", "finished"])
        until(lambda: cells(again, 0)[2] == "train 50%")
        assert other.docks["runs"].isVisible()
        assert again.list.current().run == first.run  # type: ignore[union-attr]
        assert again.tabs.currentWidget() is again.settings


def test_study_that_cannot_be_written_to_says_so(
    make_window: Make, study: Study, monkeypatch: pytest.MonkeyPatch, no_supervisor: list[Path]
) -> None:
    monkeypatch.setattr("ard_gui.services.run_listing.os.access", lambda *_: False)
    monkeypatch.setattr(queue, "folder", lambda study: Path("/proc/no/queue"))
    window = make_window(study)
    panel = panel_of(window)
    until(panel.notes.read_only.isVisible)
    assert panel.notes.read_only.text.text() == READ_ONLY
    assert not panel.empty.button.isVisible()
    window.actions_table["run.everything"].trigger()
    until(lambda: "this study cannot be written to" in window.notice_bar.text.text())


def test_stale_results_are_named(make_window: Make, study: Study) -> None:
    study.toml.write_text(study.toml.read_text().replace("steps = 60", "steps = 61"))
    panel = panel_of(make_window(study))
    until(panel.notes.stale.isVisible, 60)
    assert f"train: {study.sae_ids()[0]}" in panel.notes.stale.text.text()


def test_stale_results_are_asked_for_when_the_settings_change_and_when_a_run_ends(
    make_window: Make, study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = study.root.parent / "asked"
    code = f"import sys; open({str(asked)!r}, 'a').write('x'); sys.exit('ard: it is damaged')"
    monkeypatch.setattr(stale_results, "STATUS", (sys.executable, "-S", "-c", code))
    window = make_window(study)
    window.docks["runs"].show()
    window.docks["runs"].hide()
    assert not asked.exists()
    panel = panel_of(window)
    until(panel.notes.problems.isVisible)
    assert panel.notes.problems.text.text() == "it is damaged"
    assert asked.read_text() == "x"
    study.toml.write_text(study.toml.read_text() + "\n")
    until(lambda: asked.read_text() == "xx")
    with told_thread(study):
        until(lambda: window.session.run_watch.shown.active is not None)
    until(lambda: asked.read_text() == "xxx")


def test_ten_thousand_runs_are_shown_with_the_marks_kept(make_window: Make, study: Study) -> None:
    panel = panel_of(make_window(study))
    until(lambda: panel.empty.isVisible())
    rows = tuple(RunShown("", f"r{number}", "ard run " + "x" * 500, "finished") for number in range(10_000))
    panel.show_runs(RunsShown(rows))
    panel.choose("r7000")
    told: list[int] = []
    panel.list.runs.dataChanged.connect(lambda top, bottom: told.append(top.row()))
    later = (*rows[:3], replace(rows[3], state="failed"), *rows[4:])
    panel.show_runs(RunsShown(later))
    assert told == [3]
    panel.show_runs(RunsShown((RunShown("", "new", "ard run s", "running"), *later)))
    assert panel.list.current().run == "r7000"  # type: ignore[union-attr]
    assert panel.list.runs.rowCount(QModelIndex()) == 10_001


def test_end_of_a_long_run_is_told_and_leads_to_it(
    make_window: Make, study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_news, "LONG_SECONDS", -1.0)
    window = make_window(study)
    ended: list[RunShown] = []
    window.session.run_watch.ended.connect(ended.append)
    for wanted in (False, True):
        window.session.preferences.set("notify_runs", wanted)
        with told_thread(study) as job:
            until(lambda: window.session.run_watch.shown.active is not None)
            job.end("finish")
        until(lambda job=job: [one.run for one in ended][-1:] == [job.run])  # type: ignore[misc]
        assert window.notice_bar.isVisible() is wanted
    assert window.notice_bar.text.text().startswith(f"{study.root.name}: ard train has finished after")
    window.notice_bar.accept.click()
    panel = window.view("runs")
    assert isinstance(panel, RunsPanel)
    assert window.docks["runs"].isVisible()
    assert panel.list.current().run == job.run  # type: ignore[union-attr]


def test_short_or_cancelled_runs_are_not_told(make_window: Make, study: Study) -> None:
    news = make_window(study).runs.news
    assert not news.tell(RunShown("", "r", "ard run s", "finished", seconds=run_news.LONG_SECONDS), "s")
    assert not news.tell(RunShown("", "r", "ard run s", "stopped", seconds=9000.0), "s")
    assert news.tell(RunShown("", "r", "ard run s", "failed", text="no memory", seconds=9000.0), "s")


def test_launch_prefix_is_kept_only_where_it_is_a_command_line(make_window: Make) -> None:
    window = make_window()
    window.actions_table["edit.preferences"].trigger()
    dialog = QApplication.activeModalWidget()
    assert isinstance(dialog, PreferencesDialog)
    field: QLineEdit = dialog.prefix
    for text, kept in (("torchrun --nproc-per-node 2", "torchrun --nproc-per-node 2"), ("torchrun '2", "")):
        field.setText(text)
        field.editingFinished.emit()
        assert window.session.preferences.values.launch_prefix == (kept or "torchrun --nproc-per-node 2")
    assert field.text() == "torchrun --nproc-per-node 2"
    dialog.notify.setChecked(False)
    assert not window.session.preferences.values.notify_runs
    dialog.close()


def test_page_of_a_study_without_features_runs_it_and_shows_how_it_goes(
    make_window: Make, study: Study, no_supervisor: list[Path]
) -> None:
    shutil.rmtree(study.root / "features")
    window = make_window()
    window.open_study(study.root)
    page = window.unfinished
    until(page.isVisible)
    until(lambda: "Run it here" in page.told.text())
    QTest.mouseClick(page.run, Qt.MouseButton.LeftButton)
    until(page.going.isVisible)
    assert page.going.text().startswith("ard run: waiting.")
    assert not page.run.isEnabled()
    (one,) = queue.requests(study)
    with told_job(study, "run", one.id) as job:
        with queue.changing(study):
            queue.write(study, replace(one, state="running", run=job.run))
        job.tell("event", type="progress", stage="train", done=3, total=4, unit="steps")
        until(page.bar.isVisible)
        assert page.bar.value() == 750
        assert page.going.text().startswith("ard run: train, 3 of 4 steps")
        QTest.mouseClick(page.show_runs, Qt.MouseButton.LeftButton)
        assert window.docks["runs"].isVisible()


def test_nothing_is_told_while_nothing_changes_and_other_studies_are_forgotten(make_window: Make, study: Study) -> None:
    window = make_window(study)
    watch = window.session.run_watch
    queue.add(study, "train")
    until(lambda: len(watch.shown.rows) == 1)
    told: list[RunsShown] = []
    watch.changed.connect(told.append)
    for number in range(6):
        watch.want(Wanted(run=f"r{number}"))
        looked: list[bool] = []
        watch.read_log(lambda log, looked=looked: looked.append(True))  # type: ignore[misc]
    queue.add(study, "index")
    until(lambda: len(watch.shown.rows) == 2)
    assert len(told) == 1
    window.session.close_study()
    assert watch.shown == RunsShown()
