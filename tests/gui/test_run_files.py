"""Files that grow, shrink and are torn, read in bounded pieces; folders of runs, each read once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ard_gui.services import run_follow, run_listing, run_log, tail
from ard_gui.services.run_curves import CurvesReading
from ard_gui.services.run_follow import EventsFollow
from ard_gui.services.run_listing import RunListing, typed
from ard_gui.services.run_log import NOT_FOUND, LogPiece, LogReading
from ard_gui.services.run_settings import settings_table
from ard_gui.services.setting_edit import checked, read_settings, write
from ard_gui.services.tail import Tail
from backend.errors import ArdError
from backend.study import queue
from backend.study.atomic import write_text
from backend.study.folder import Study


@pytest.fixture
def read_bytes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How much each reading took."""
    found: list[int] = []
    whole = Tail.read

    def read(self: Tail, most: int) -> bytes:
        at = self.at
        piece = whole(self, most)
        found.append(self.at - at)
        return piece

    monkeypatch.setattr(Tail, "read", read)
    return found


def event(number: int, type_: str = "progress", **fields: Any) -> str:
    return json.dumps({"seq": number, "stage": "train", "type": type_, **fields}) + "\n"


def test_whole_lines_are_read_once_and_a_torn_one_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"one\ntwo\nthr")
    reading = Tail(path)
    assert not reading.replaced()
    assert reading.read(100) == b"one\ntwo\n"
    assert reading.read(100) == b""
    with open(path, "ab") as file:
        file.write(b"ee\n")
    reading.replaced()
    assert reading.read(100) == b"three\n"
    assert reading.behind == 0


def test_line_longer_than_a_piece_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"a" * 50 + b"\nshort\n")
    reading = Tail(path)
    reading.replaced()
    pieces = [reading.read(16) for _ in range(6)]
    assert b"".join(pieces) == b"short\n"


@pytest.mark.parametrize("how", ["smaller", "another file", "other text of the same size"])
def test_file_that_is_replaced_is_read_anew(tmp_path: Path, how: str) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b"1\n2\n3\n")
    reading = Tail(path)
    reading.replaced()
    reading.read(100)
    if how == "another file":
        write_text(path, "1\n2\n3\n4\n")
    else:
        with open(path, "r+b") as file:
            file.truncate(0)
            file.write(b"9\n" if how == "smaller" else b"7\n8\n9\n")
    assert reading.replaced()
    assert reading.read(100) == path.read_bytes()


def test_file_that_is_not_there_yet_is_waited_for(tmp_path: Path) -> None:
    reading = Tail(tmp_path / "log")
    assert not reading.replaced()
    assert reading.read(10) == b""
    (tmp_path / "log").write_bytes(b"x\n")
    reading.replaced()
    assert reading.read(10) == b"x\n"


def test_long_log_shows_its_end_at_the_first_looks_and_then_everything(
    tmp_path: Path, read_bytes: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_follow, "HEAD", 300)
    monkeypatch.setattr(run_follow, "END", 400)
    monkeypatch.setattr(run_follow, "PIECE", 1000)
    path = tmp_path / "events.jsonl"
    lines = [event(0, "started", command="train", pid=1), event(1, "stage", state="started")]
    lines += [event(number, done=number, total=500, unit="steps") for number in range(2, 500)]
    kept: list[bytes] = []
    whole = run_follow.parsed
    monkeypatch.setattr(run_follow, "parsed", lambda line: (kept.append(line), whole(line))[1])
    lines.insert(200, event(200, "metric", sae="early"))
    path.write_text("".join(lines) + event(500, "message", text="the end", level="info"))
    follow = EventsFollow(path)
    follow.look()
    follow.look()
    assert follow.behind > 0
    assert follow.stages("train")[0].done == 499
    assert [one.text for one in follow.messages()] == ["the end"]
    assert follow.fold.first["command"] == "train"
    assert follow.saes() == ()
    looks = 2
    while follow.behind:
        follow.look()
        looks += 1
    assert follow.saes() == ("early",)
    assert len(kept) < 60
    assert follow.stages("train")[0].done == 499
    assert max(read_bytes) <= 1000
    assert looks >= path.stat().st_size / 2000
    with open(path, "a") as file:
        file.write(event(501, done=500, total=500))
    assert follow.look()
    assert not follow.look()
    assert follow.stages("train")[0].share == 1


def test_log_of_half_a_gigabyte_costs_a_few_pieces(tmp_path: Path, read_bytes: list[int]) -> None:
    """The file is a hole with text at both ends: the file system gives it away for nothing."""
    path = tmp_path / "log.txt"
    size = 500_000_000
    with open(path, "wb") as file:
        file.write(b"2026-01-02 03:04:05,678 INFO a: begin\n")
        file.seek(size)
        file.write(b"\n2026-01-02 03:04:05,678 ERROR a: broken\nTraceback\n2026-01-02 03:04:05,678 INFO a: end\n")
    told: list[LogPiece] = []
    log = LogReading("r", path, told.append)
    log.look()
    assert [(one.level, one.text[-6:]) for one in told[-1].lines[-3:]] == [
        ("ERROR", "broken"), ("ERROR", "ceback"), ("INFO", "a: end"),
    ]  # fmt: skip
    assert sum(read_bytes) <= run_log.PIECE
    events = EventsFollow(path)
    for _ in range(3):
        events.look()
    assert sum(read_bytes) <= run_log.PIECE + run_follow.HEAD + 3 * (run_follow.PIECE + run_follow.END)


def test_only_reports_that_are_overtaken_are_left_out() -> None:
    lines = [
        event(1, done=1), event(2, "metric", step=1, sae="a"), event(3, done=2), event(4, "metric", step=1, sae="b"),
        event(5, "message", text='"stage": "train", "type": "progress", '), event(6, done=3),
        event(7, "metric", step=2, sae="a"), event(8, "metric", step=3, sae="a"), event(9, done=4), "torn",
        '{"type": "progress", "stage": "train", "seq": 10}', event(11, done=5),
    ]  # fmt: skip
    kept = run_follow.without_overtaken([one.strip().encode() for one in lines])
    assert [json.loads(one)["seq"] for one in kept if one != b"torn"] == [2, 3, 4, 5, 8, 9, 10, 11]


def log_file(path: Path, lines: int = 400) -> Path:
    level = {17: "ERROR", 300: "ERROR"}
    path.write_text("".join(
        f"2026-01-02 03:04:05,678 {level.get(one, 'INFO')} ard: line {one:04d}\n" for one in range(lines)
    ))  # fmt: skip
    return path


def test_log_is_read_from_its_end_and_earlier_on_demand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_log, "PIECE", 1000)
    told: list[LogPiece] = []
    log = LogReading("r", log_file(tmp_path / "log.txt"), told.append)
    log.look()
    assert (told[-1].where, told[-1].lines[-1].text[-4:]) == ("anew", "0399")
    first = told[-1].lines[0]
    log.earlier()
    assert told[-1].where == "before"
    assert told[-1].lines[-1].at + len(told[-1].lines[-1].text) + 1 == first.at
    while told[-1].begin:
        log.earlier()
    every = [one.text[-4:] for piece in reversed(told) for one in piece.lines]
    assert every == [f"{one:04d}" for one in range(400)]
    log.earlier()
    with open(tmp_path / "log.txt", "a") as file:
        file.write("added\n")
    log.look()
    assert (told[-1].where, [(one.text, one.level) for one in told[-1].lines]) == ("after", [("added", "INFO")])


def test_first_error_and_search_lead_to_their_lines_anywhere_in_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_log, "PIECE", 1000)
    monkeypatch.setattr(run_log, "SEARCHED", 512)
    told: list[LogPiece] = []
    log = LogReading("r", log_file(tmp_path / "log.txt"), told.append)
    log.look()

    def found() -> str:
        return next(one.text[-4:] for one in told[-1].lines if one.at == told[-1].found)

    log.to_first_error(lambda: False)
    assert found() == "0017"
    log.find("LINE 02", told[-1].found + 1, lambda: False)
    assert found() == "0200"
    log.look()
    log.later()
    assert told[-1].where == "after"
    log.find("nowhere", 0, lambda: False)
    assert told[-1].found == NOT_FOUND
    log.find("line 0399", 0, lambda: True)
    assert told[-1].found == NOT_FOUND
    log.to_end()
    assert told[-1].lines[-1].text[-4:] == "0399"


def test_metrics_that_a_resumed_run_cuts_are_read_anew(tmp_path: Path) -> None:
    path = tmp_path / "saes" / "a" / "metrics.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text("".join(json.dumps({"step": step, "loss": 1.0}) + "\n" for step in (10, 20, 30)) + "{torn")
    reading = CurvesReading("r", tmp_path / "saes")
    assert reading.look(["a", "../a", "missing"])
    assert reading.shown().curves["a"]["loss"].steps.tolist() == [10, 20, 30]
    assert not reading.look(["a"])
    write_text(path, json.dumps({"step": 10, "loss": 1.0}) + "\n")
    assert reading.look(["a"])
    with open(path, "a") as file:
        file.write(json.dumps({"step": 20, "loss": 0.25}) + "\n")
    assert reading.look(["a"])
    curve = reading.shown().curves["a"]["loss"]
    assert (curve.steps.tolist(), curve.last) == ([10, 20], 0.25)
    assert "../a" not in reading.shown().curves


def ended(study: Study, name: str, state: str = "finished", **settings: Any) -> None:
    """A run as it lies there when it is over."""
    folder = study.runs / name
    folder.mkdir(parents=True, exist_ok=True)
    request = {"command": "train", "arguments": ["train", "."], "settings": settings, "request": ""}
    (folder / "request.json").write_text(json.dumps(request))
    started = {"time": "2026-01-02T03:04:05.000+00:00", "type": "started", "command": "train"}
    (folder / "events.jsonl").write_text(json.dumps(started) + "\n")
    manifest = {"outputs": {"state": state}, "figures": {"stages": {"train": {"seconds": 2.0, "peak_memory_bytes": 9}}},
                "seconds": 3.0, "packages": {"torch": "2.0"}}  # fmt: skip
    # as it is really written: under another name first, so that the folder's time changes
    (folder / ".manifest").write_text(json.dumps(manifest))
    (folder / ".manifest").rename(folder / "manifest.json")


@pytest.fixture
def study(tmp_path: Path) -> Study:
    (tmp_path / "study.toml").write_text("format = 1\n")
    return Study(tmp_path)


def test_runs_are_listed_latest_first_and_each_is_read_once(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(40):
        ended(study, f"20260101T000000{number:03d}-train-1", "finished" if number else "failed")
    read: list[str] = []
    whole = run_listing.read_run
    monkeypatch.setattr(run_listing, "read_run", lambda study, name: (read.append(name), whole(study, name))[1])
    listing = RunListing(study)
    rows = listing.look()
    assert [one.run[15:18] for one in rows[:2]] == ["039", "038"]
    assert (rows[0].state, rows[0].seconds, rows[0].stages[0].memory_bytes) == ("finished", 3.0, 9)
    assert rows[-1].state == "failed"
    assert rows[0].command == f"ard train {study.root}"
    assert len(read) == 40
    again = listing.look()
    assert len(read) == 40
    assert all(new is old for new, old in zip(again, rows, strict=True))
    ended(study, "20260101T000000039-train-1", "stopped")
    assert listing.look()[0].state == "stopped"
    assert len(read) == 41


def test_run_without_a_process_was_killed(study: Study) -> None:
    ended(study, "20260101T000000000-train-1")
    (study.runs / "20260101T000000000-train-1" / "manifest.json").unlink()
    (study.runs / "no run").mkdir()
    rows = RunListing(study).look()
    assert [one.state for one in rows] == ["killed"]


def test_requests_come_first_in_their_order_and_damaged_ones_are_named(study: Study) -> None:
    ended(study, "20260101T000000000-index-1")
    listing = RunListing(study)
    first, second = queue.add(study, "index"), queue.add(study, "train")
    (queue.folder(study) / "x.json").write_text("{")
    rows = listing.look()
    assert [one.request for one in rows] == [first.id, second.id, ""]
    assert [one.state for one in rows] == ["waiting", "waiting", "finished"]
    assert len(listing.problems) == 1
    assert "x.json" in listing.problems[0]
    queue.move(study, second.id, -1)
    assert [one.request for one in listing.look()][:2] == [second.id, first.id]
    assert not listing.supervisor()


def test_command_can_be_typed_anywhere(tmp_path: Path) -> None:
    root = tmp_path / "a study"
    assert typed(root, "train", ("train", ".", "--events")) == f"ard train '{root}'"
    assert typed(root, "map", ("map", "s", "--sae", "x")) == f"ard map '{root}' --sae x"
    assert typed(root, "demo", ("demo", "--study", "s")) == "ard demo --study s"
    assert typed(root, "run", ("-q", "tests")) == f"ard run '{root}'"


def test_settings_of_two_runs_stand_beside_each_other(study: Study) -> None:
    ended(study, "a", train={"steps": 5}, audio=[{"path": "x"}], empty=[])
    ended(study, "b", train={"steps": 6, "lr": "auto"})
    (study.runs / "c").mkdir()
    (study.runs / "c" / "request.json").write_text("{")
    table = settings_table(study, ("a", "b", "c"))
    rows = dict(table.rows)
    assert rows["train.steps"] == ("5", "6", "–")
    assert rows["train.lr"] == ("–", "auto", "–")
    assert rows["audio.0.path"] == ("x", "–", "–")
    assert rows["stage.train.peak_memory_bytes"] == ("9 B", "9 B", "–")
    assert rows["package.torch"] == ("2.0", "2.0", "–")
    assert len(table.problems) == 1


def test_setting_is_checked_written_and_refused_where_the_file_has_changed(made_study: Study, tmp_path: Path) -> None:
    study = Study(tmp_path / "s")
    study.root.mkdir()
    study.toml.write_bytes(made_study.toml.read_bytes())
    found = read_settings(study)
    assert "train.steps" in found.keys
    assert found.text("train.steps") == "60"
    assert checked(found, "train.steps", "70") == 70
    assert checked(found, "extract.dtype", "bfloat16") == "bfloat16"
    for key, text, reason in (
        ("train.steps", "many", "valid integer"),
        ("train.none", "1", "no setting"),
        ("sae.k", "x", "list"),
    ):
        with pytest.raises(ArdError, match=reason):
            checked(found, key, text)
    write(found, "train.steps", 70)
    assert read_settings(study).text("train.steps") == "70"
    assert "# Optimiser steps" in study.toml.read_text()
    with pytest.raises(ArdError, match="changed by another program"):
        write(found, "train.steps", 80)


def test_rests_are_as_long_as_the_bursts(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(1000))
    monkeypatch.setattr(tail.time, "perf_counter", lambda: float(next(clock)))
    rested: list[float] = []
    monkeypatch.setattr(tail.REST, "wait", lambda seconds: rested.append(seconds))
    lines = [b"x"] * (3 * tail.LINES_PER_LOOK)
    assert list(tail.paced(lines)) == lines
    assert rested == [1.0, 1.0, 1.0]


def test_unreadable_folder_shows_nothing(tmp_path: Path) -> None:
    assert RunListing(Study(tmp_path / "gone")).look() == []
    assert list(tmp_path.iterdir()) == []
