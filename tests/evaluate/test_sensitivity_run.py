"""`ard sensitivity` end to end on a random model: files, parts, resuming, and what it refuses."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
import soundfile

from backend.cli.main import run as ard
from backend.errors import ArdError, Stopped
from backend.evaluate.sensitivity.concept_file import check_made_for, read_concepts
from backend.evaluate.sensitivity.measure import Plan
from backend.evaluate.sensitivity.replies import Replies
from backend.evaluate.sensitivity.request import Defaults, read_words
from backend.evaluate.sensitivity.run import Request, run
from backend.jobs.job import Job, quiet_job
from backend.steer.answers import Sampling
from backend.steer.intervention import Intervention
from backend.study.atomic import read_json, write_json
from backend.study.configuration import load_settings
from backend.study.folder import Study
from backend.study.settings import AudioSection
from builders.tiny_language_model import tiny_causal_lm
from builders.tiny_models import tiny_qwen2_audio
from builders.tiny_study import finished_study

CONCEPTS = {
    "noise": {"features": [[3, 40.0]], "sets": {"three": [[3, 20.0], [5, 20.0], [9, 20.0]]}, "mode": "delta"},
    "tones": {"label": "tone", "source": "pulse", "sets": {"two": [3, 7]}, "values": ["1x", "30"]},
}


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    folder = tmp_path_factory.mktemp("study")
    found = finished_study(folder, build=tiny_qwen2_audio, layer="decoder.1")
    write_json(folder / "features.json", CONCEPTS)
    return found


def request(study: Study, **changes: Any) -> Request:
    """Every letter a random model may say is a word of some label."""
    words = {"noise": ("a", "b"), "tone": ("c", "d"), "pulse": ("e",)}
    defaults = Defaults(column="folder", prompts=("What?", "Which?"), words=words)
    values = {
        "sae": "", "features": study.root.parent / "features.json", "defaults": defaults, "second": "rules",
        "plan": Plan(seed=1, random_sets=3, selection_random_sets=1, selection_clips=3, test_clips=4),
        "sampling": Sampling(5),
    }  # fmt: skip
    return Request(**{**values, **changes})


@pytest.fixture(scope="module")
def done(study: Study, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("out")
    return run(study, load_settings(study.toml), request(study), quiet_job(), place)


def test_result_has_every_kind_of_every_concept_with_its_controls(done: Path) -> None:
    told = read_json(done / "result.json")
    assert [(row["concept"], row["kind"]) for row in told["rows"]] == [
        ("noise", "single"), ("noise", "set"), ("tones", "set"),
    ]  # fmt: skip
    for row in told["rows"]:
        n = row["test"]["clips"]
        assert row["test"]["rates"]["label"]["n"] == n > 0
        controls = row["controls"]
        assert controls["reconstructed"]["clips"] == controls["units"]["clips"] == n
        assert controls["random"]["sets"] == len(controls["random"]["each"]) == 3
        assert row["few"]
        assert row["agreement"]["equal"]["n"] + row["agreement"]["unparsed"][0] == 2 * n
    noise, _, tones = told["rows"]
    assert noise["controls"]["random"]["largest_mismatch"] < 0.01
    assert noise["intervention"]["mode"] == "delta"
    assert [one["value"] for one in tones["selection"]] == ["1x", "30"]


def test_no_clip_of_the_test_part_was_chosen_on(study: Study, done: Path) -> None:
    told = read_json(done / "result.json")
    lines = [json.loads(line) for line in (done / "clips.jsonl").read_text().splitlines()]
    assert {line["label"] for line in lines if line["concept"] == "tones"} == {"pulse"}
    assert {line["label"] for line in lines if line["concept"] == "noise"} == {"tone", "pulse"}
    assert told["parts"]["selection"] + told["parts"]["test"] == 24
    assert len({line["record"] for line in lines if line["concept"] == "noise"}) == 4


def test_tables_and_manifest_stand_beside_the_result(done: Path) -> None:
    told = read_json(done / "result.json")
    text = (done / "table.md").read_text()
    assert text.count("\n| ") == 4
    assert "only" in text
    rows = (done / "table.csv").read_text().splitlines()
    assert len(rows) == 1 + len(told["rows"])
    manifest = read_json(done / "manifest.json")
    assert manifest["inputs"]["clips"] == 24
    assert manifest["settings"]["plan"]["random_sets"] == 3


class StopsLate(Job):
    """Asked to stop before the clip of this number."""

    def __init__(self, after: int) -> None:
        super().__init__(quiet_job().log)
        self.left = after

    def check_stop(self) -> None:
        self.left -= 1
        if self.left < 0:
            self.request_stop()
        super().check_stop()


def test_run_that_was_stopped_goes_on_and_gives_the_same_files(study: Study, done: Path, tmp_path: Path) -> None:
    answers = study.root / "sensitivity" / read_json(done / "manifest.json")["outputs"]["answers"]
    whole = answers.read_bytes()
    answers.unlink()
    settings = load_settings(study.toml)
    with pytest.raises(Stopped):
        run(study, settings, request(study), StopsLate(9), tmp_path / "again")
    assert not (tmp_path / "again").exists()
    kept = answers.read_bytes()
    assert 0 < len(kept) < len(whole)
    answers.write_bytes(kept[:-7])
    run(study, settings, request(study), quiet_job(), tmp_path / "again")
    assert answers.read_bytes() == whole
    for name in ("result.json", "clips.jsonl", "table.md", "table.csv"):
        assert (tmp_path / "again" / name).read_bytes() == (done / name).read_bytes()


def test_second_run_asks_the_model_nothing(
    study: Study, done: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Replies, "_answers", lambda *_: pytest.fail("asked again"))
    run(study, load_settings(study.toml), request(study), quiet_job(), tmp_path)
    assert (tmp_path / "result.json").read_bytes() == (done / "result.json").read_bytes()


def test_command_prints_the_table_and_writes_into_the_study(study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    words = [
        "sensitivity", str(study.root), "--features", str(study.root.parent / "features.json"), "--concept", "noise",
        "--label", "folder", "--prompt", "What?", "--random-sets", "2", "--tokens", "4", "--no-raw-units",
        "--selection-clips", "3", "--test-clips", "3", "--json",
    ]  # fmt: skip
    assert ard(words) == 0
    told = json.loads(capsys.readouterr().out)
    assert Path(told["folder"]).parent == study.root / "sensitivity"
    assert [row["test"]["clips"] for row in told["rows"]] == [3, 3]
    assert told["rows"][0]["controls"]["units"] is None


def test_clip_that_cannot_be_read_is_left_out_and_said(study: Study, tmp_path: Path) -> None:
    gone = next((study.root.parent / "audio" / "tone").glob("*.wav"))
    data = gone.read_bytes()
    # another length of answers: nothing is known yet
    few = request(
        study, concepts=("noise",), sampling=Sampling(3), plan=Plan(random_sets=1, units=False, selection_clips=2)
    )
    try:
        gone.unlink()
        run(study, load_settings(study.toml), few, quiet_job(), tmp_path)
    finally:
        gone.write_bytes(data)
    skipped = read_json(tmp_path / "result.json")["skipped"]
    assert list(skipped) == [f"tone/{gone.name}"]


@pytest.mark.parametrize(
    ("concepts", "changes", "message"),
    [
        ({"x": {"features": [[99999, 1.0]], "label": "tone"}}, {}, "there is no feature 99999"),
        ({"x": {"features": ["a"], "label": "tone"}}, {}, "features of 'x' cannot be read"),
        ({"x": {"features": [[1, float("inf")]], "label": "tone"}}, {}, "cannot be set to inf"),
        ({"tone": {"features": [1], "source": "violin"}}, {}, "no clip has 'violin'"),
        ({"tone": {"features": [1], "column": "mood"}}, {}, "as its mood"),
        ({"tone": {"features": [1], "mode": "loud"}}, {}, "no mode 'loud'"),
        ({"tone": {"features": [1], "positions": "left"}}, {}, "no positions 'left'"),
        ({"tone": {"features": [1], "values": ["much"]}}, {}, "no value of a feature"),
        ({"tone": [1]}, {}, "no file of concepts"),
        ({"tone": {"features": [1]}}, {"judge": "oracle"}, "no 'oracle' among the judges"),
        ({"tone": {"features": [1]}}, {"test_splits": ("x",)}, "no clip has the split"),
    ],
)
def test_what_cannot_be_measured_is_refused_before_anything_is_asked(
    study: Study, tmp_path: Path, concepts: Any, changes: dict[str, Any], message: str
) -> None:
    file = tmp_path / "f.json"
    file.write_text(json.dumps(concepts))
    with pytest.raises(ArdError, match=message):
        run(study, load_settings(study.toml), request(study, features=file, **changes), quiet_job(), tmp_path / "o")
    assert not (tmp_path / "o").exists()


def test_list_of_concepts_says_what_holds_for_all_of_them(tmp_path: Path) -> None:
    listed = {"column": "category", "target": "animal", "question": "What?", "single": {"features": [1], "values": [2]},
              "set": {"features": [1, 3], "values": [0.5, 1]}}  # fmt: skip
    again = {**listed, "column": "family"}
    write_json(tmp_path / "f.json", {"sae": "abc", "mode": "delta", "concepts": [listed, again]})
    assert read_concepts(tmp_path / "f.json") == {
        "animal": {"label": "animal", "column": "category", "prompts": ["What?"], "mode": "delta",
                   "sets": {"single": [[1, 2]], "set": [[1, 0.5], [3, 1]]}},
        "family animal": {"label": "animal", "column": "family", "prompts": ["What?"], "mode": "delta",
                          "sets": {"single": [[1, 2]], "set": [[1, 0.5], [3, 1]]}},
    }  # fmt: skip
    with pytest.raises(ArdError, match="another SAE"):
        check_made_for(tmp_path / "f.json", "other", "decoder.1")


def test_shipped_concepts_of_a_damaged_file_are_named(tmp_path: Path) -> None:
    damaged: list[Any] = [{"concepts": [{"column": "category"}]}, {"concepts": [3]}, {"concepts": 4}, []]
    for value in damaged:
        write_json(tmp_path / "f.json", value)
        with pytest.raises(ArdError, match="no file of concepts"):
            read_concepts(tmp_path / "f.json")


def test_steering_on_positions_that_the_sae_has_not_seen_is_said(study: Study, tmp_path: Path) -> None:
    job = quiet_job()
    said: list[str] = []
    job.message = lambda text, level="info": said.append(text)  # type: ignore[method-assign]
    defaults = Defaults(column="folder", prompts=("What?",), steering=Intervention(positions="prompt"))
    plan = Plan(random_sets=1, selection_clips=1, test_clips=1, units=False)
    run(study, load_settings(study.toml), request(study, defaults=defaults, plan=plan), job, tmp_path)
    assert any("has not seen text positions" in text for text in said)


def audiobench(folder: Path) -> AudioSection:
    """Twelve rows of an AudioBench set of emotions, each with its own instruction."""
    rows = []
    for number in range(12):
        handle = io.BytesIO()
        wave = np.random.default_rng(number).normal(0, 0.1, 4000)
        soundfile.write(handle, wave, 16000, format="WAV")
        emotion = "happiness" if number % 3 == 0 else "neutral"
        rows.append({
            "context": {"bytes": handle.getvalue(), "path": f"{number}.wav"},
            "instruction": f"What is felt in {number}?", "answer": f"The speaker's emotion seems {emotion}.",
        })  # fmt: skip
    folder.mkdir()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), folder / "test-00000-of-00001.parquet")
    return AudioSection(adapter="audiobench", path=str(folder))


def test_audiobench_is_asked_its_own_questions_and_judged_by_a_language_model(study: Study, tmp_path: Path) -> None:
    """The judge is a random model: it says nothing that can be read, and so nothing shifts."""
    words, references = read_words("emotion")
    write_json(tmp_path / "f.json", {"neutral->happy": {"features": [[3, 30.0]], "mode": "delta"}})
    settings = load_settings(study.toml)
    settings.names.namer, settings.names.model = "causal-lm", str(tiny_causal_lm(tmp_path / "lm"))
    settings.names.max_new_tokens = 4
    asked = request(
        study, features=tmp_path / "f.json", data=audiobench(tmp_path / "set"), judge="binary", second="rules",
        defaults=Defaults(column="emotion", words=words, references=references),
        plan=Plan(seed=1, random_sets=1, selection_clips=2, test_clips=3, units=False),
    )  # fmt: skip
    told = read_json(run(study, settings, asked, quiet_job(), tmp_path / "out") / "result.json")
    lines = [json.loads(line) for line in (tmp_path / "out" / "clips.jsonl").read_text().splitlines()]
    assert {line["label"] for line in lines} == {"neutral"}
    assert len({line["prompt"] for line in lines}) == 3
    (row,) = told["rows"]
    assert (row["source"], row["target"]) == ("neutral", "happy")
    assert row["test"]["unparsed"] == 3
    assert row["test"]["rates"]["label"]["hits"] == 0
    assert row["agreement"]["unparsed"][0] == 6
    assert "could not be read by the judge" in (tmp_path / "out" / "table.md").read_text()
    assert ard(["table3", str(tmp_path / "out"), "--out", str(tmp_path / "t.md")]) == 0
    assert "neutral → happy" in (tmp_path / "t.md").read_text()
