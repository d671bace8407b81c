"""`ard queue`, `ard work` and `ard runs` as a person types them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from backend.cli.main import run
from backend.jobs.job import Job
from backend.jobs.runner import run_job
from backend.study import launch, queue
from backend.study.folder import Study


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    monkeypatch.setenv("ARD_HOME", str(tmp_path / "home"))
    found = Study((tmp_path / "study").resolve())
    found.root.mkdir()
    found.toml.touch()
    return found


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The studies for which a supervisor would have been started."""
    found: list[Path] = []
    monkeypatch.setattr(launch, "start_supervisor", found.append)
    return found


def ard(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = run(words)
    told = capsys.readouterr()
    return status, told.out, told.err


def test_added_requests_are_listed_moved_and_taken_away(
    study: Study, started: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    root = str(study.root)
    status, first, _ = ard(capsys, "queue", "add", root, "sweep", "--k", "8", "--expansion=4", "--no-start")
    assert (status, started) == (0, [])
    status, second, _ = ard(capsys, "queue", "add", root, "map", "--after", "sweep", "--seed", "3")
    assert (status, started) == (0, [study.root])
    sweep, map_ = queue.requests(study)
    assert (sweep.id, map_.id) == (first.strip(), second.strip())
    assert sweep.arguments == ("--k", "8", "--expansion=4")
    assert (map_.arguments, map_.after) == (("--seed", "3"), (sweep.id,))
    assert ard(capsys, "queue", "move", root, "map", "-1")[0] == 0
    _, out, _ = ard(capsys, "queue", "list", root)
    assert out.index("map --seed 3") < out.index("sweep --k 8")
    assert f"nobody works it off: ard work {root}" in out
    assert ard(capsys, "queue", "pause", root, "sweep")[0] == 0
    assert queue.request(study, sweep.id).state == "paused"
    assert ard(capsys, "queue", "resume", root, sweep.id[:21])[0] == 0
    assert ard(capsys, "queue", "cancel", root, "sweep")[0] == 0
    assert ard(capsys, "queue", "dismiss", root, "map")[0] == 0
    assert json.loads(ard(capsys, "queue", "list", root, "--json")[1])["requests"] == []


def test_failed_request_shows_why_and_can_be_retried(
    study: Study, started: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    one = queue.add(study, "train")
    with queue.changing(study):
        queue.write(study, replace(one, state="failed", text="no activations. Run: ard extract"))
    (queue.folder(study) / "torn.json").write_text("{")
    _, out, _ = ard(capsys, "queue", "list", str(study.root))
    assert "no activations. Run: ard extract" in out
    assert "torn.json in the queue cannot be used" in out
    assert ard(capsys, "queue", "retry", str(study.root), "train")[0] == 0
    assert (queue.request(study, one.id).state, started) == ("waiting", [study.root])


def test_source_of_an_sae_is_remembered_from_where_the_user_stands(
    study: Study, started: list[Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path = study.root.parent
    (tmp_path / "ae.pt").touch()
    monkeypatch.chdir(tmp_path)
    assert ard(capsys, "queue", "add", str(study.root), "import-sae", "ae.pt", "--layer", "encoder.1")[0] == 0
    assert queue.requests(study)[0].arguments == (str(tmp_path / "ae.pt"), "--layer", "encoder.1")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("add", "export"), "cannot be queued"),
        (("add", "effects", "--out", "x"), "cannot be queued with --out"),
        (("add", "map", "--after", "train"), "no request begins with or is 'train'"),
        (("pause", "train"), "no request begins with or is 'train'"),
        (("pause", "2"), "several requests"),
    ],
)
def test_what_cannot_be_done_is_said(
    study: Study, started: list[Path], capsys: pytest.CaptureFixture[str], words: tuple[str, ...], says: str
) -> None:
    queue.add_all(study, [("index", ()), ("extract", ())])
    status, _, err = ard(capsys, "queue", words[0], str(study.root), *words[1:])
    assert status == 1
    assert says in err
    assert len(queue.requests(study)) == 2


def test_empty_queue_is_worked_off_at_once(study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    assert ard(capsys, "work", str(study.root)) == (0, "", "")


def test_runs_show_how_they_ended_and_in_which_settings_two_differ(
    study: Study, capsys: pytest.CaptureFixture[str]
) -> None:
    def work(job: Job) -> None:
        with job.running("train"):
            pass

    runs = [
        run_job(study, "train", work, settings={"train": {"steps": steps, "seed": 1}, "sae": {"k": k}})
        for steps, k in ((20, 4), (40, 4))
    ]
    a, b = (folder.name for folder in runs if folder is not None)
    _, out, _ = ard(capsys, "runs", str(study.root))
    assert out.startswith("2 runs")
    assert a in out
    assert "finished" in out
    _, out, _ = ard(capsys, "runs", str(study.root), a)
    assert "stage" in out
    _, out, _ = ard(capsys, "runs", str(study.root), a, b)
    assert "1 setting differs" in out
    assert "train.steps" in out
    assert "train.seed" not in out
    told = json.loads(ard(capsys, "runs", str(study.root), a, b, "--json")[1])
    assert told["differences"] == {"train.steps": [20, 40]}
    assert [one["state"] for one in told["runs"]] == ["finished", "finished"]
    status, _, err = ard(capsys, "runs", str(study.root), "../queue")
    assert (status, "there is no run '../queue'" in err) == (1, True)
