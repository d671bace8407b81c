"""`ard hallucination` from a plan to its report, on a random Whisper model (S-45…S-49)."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from backend.errors import ArdError
from backend.steer.hallucination.clips import Item, divide, read_items
from backend.steer.hallucination.listener import Listener
from backend.steer.hallucination.plan import load_plan
from backend.steer.hallucination.push import ORIGINAL
from backend.steer.hallucination.results import Answer, Results
from backend.steer.hallucination.tables import Candidate, Condition, choose
from backend.store.clips import Clip
from backend.study.configuration import load_settings
from backend.study.folder import Study
from backend.targets.load import load_target
from builders.tiny_models import tiny_hubert
from builders.tiny_study import finished_study

Ard = Callable[..., tuple[int, str, str]]
PLAN = """
max_new_tokens = 6
{head}
[[non_speech]]
name = "street"
path = "sounds/street"

[[non_speech]]
name = "forest"
path = "sounds/forest"

[speech]
path = "sounds"
manifest = "speech.jsonl"

[shares]
speech_selection = 0.5

[grid]
k = [1, 2]
alpha = [1.0]
s_vector_alpha = [1.0]
f1_k = [1]
random_draws = 2
{tail}
"""


def write_sounds(folder: Path, *, count: int = 10) -> None:
    """Two sets of sounds and four clips that are said to be speech."""
    generator = np.random.default_rng(5)
    for number in range(count):
        t = np.arange(int(16000 * generator.uniform(0.3, 0.8))) / 16000
        tone, noise = np.sin(2 * np.pi * generator.uniform(200, 2000) * t), generator.normal(0, 0.4, len(t))
        for name, x in zip(("street", "forest"), (tone, noise) if number % 2 else (noise, tone), strict=True):
            path = folder / "sounds" / name / f"{number}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, 0.5 * x, 16000)
    rows = []
    for number in range(4):
        path = folder / "sounds" / "said" / f"{number}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, generator.normal(0, 0.1, 6000 + number), 16000)
        rows.append(json.dumps({"path": f"said/{number}.wav", "text": f"Press {number}."}))
    (folder / "sounds" / "speech.jsonl").write_text("\n".join(rows))


def write_plan(folder: Path, *, head: str = "", tail: str = "") -> Path:
    path = folder / "plan.toml"
    path.write_text(PLAN.format(head=head, tail=tail))
    return path


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return finished_study(
        tmp_path_factory.mktemp("whisper"), train={"steps": 20, "threads": 1}, retrieve={"raw_units": False}
    )


@pytest.fixture(scope="module")
def middle(study: Study, tmp_path_factory: pytest.TempPathFactory) -> float:
    """Median p of the train part, so that both classes are there with a random model."""
    folder = tmp_path_factory.mktemp("middle")
    write_sounds(folder)
    listener = Listener(load_target(load_settings(study.toml).model), "encoder.last")
    items = read_items(load_plan(write_plan(folder)), folder, 10.0).of("train", speech=False)
    waves = [soundfile.read(Path(one.clip.root) / one.clip.path, dtype="float32")[0] for one in items]
    p = [listener.no_speech(listener.encoded(listener.hear(wave).x[None])).item() for wave in waves]
    return float(np.median(p))


@pytest.fixture
def place(tmp_path: Path, middle: float) -> Path:
    write_sounds(tmp_path)
    write_plan(tmp_path, tail=f"[readings]\nthreshold = {middle!r}")
    return tmp_path


def test_report_has_every_table_and_a_second_run_measures_nothing_again(ard: Ard, study: Study, place: Path) -> None:
    status, out, err = ard("hallucination", study.root, place / "plan.toml", "--json")
    assert status == 0, err
    report, folder = json.loads(out), place / "plan"
    assert report["clips"] == {
        "street": {"train": 4, "selection": 2, "test": 4}, "forest": {"train": 4, "selection": 2, "test": 4},
        "speech": {"selection": 2, "test": 2},
    }  # fmt: skip
    summary = report["tables"]["summary"]
    for name in ("original", "reconstructed", "steered", "s-vector"):
        rows = {(row["measure"], row["test_set"]): row for row in summary if row["condition"] == name}
        assert rows["FPR", "all"]["n"] == rows["FPR", "street"]["n"] + rows["FPR", "forest"]["n"] == 8
        assert rows["FPR", "all"]["count"] == rows["FPR", "street"]["count"] + rows["FPR", "forest"]["count"]
        assert rows["WER", "speech"]["words"] == 4
    grid = {(row["vector_source"], row["test_set"], row["k"]) for row in report["tables"]["fpr_grid"]}
    assert {("street", "forest", 1), ("all", "all", 2)} <= grid
    assert len(report["tables"]["random"]) == 4
    bins = [
        row for row in report["tables"]["histograms"] if row["test_set"] == "all" and row["condition"] == "original"
    ]
    assert sum(row["clips"] for row in bins) == 8
    with open(folder / "clips.csv", encoding="utf-8") as file:
        clips = list(csv.DictReader(file))
    counted = [float(row["p"]) < report["plan"]["readings"]["threshold"] for row in clips
               if row["condition"] == "original" and row["set"] != "speech"]  # fmt: skip
    (original,) = (row for row in summary if (row["condition"], row["test_set"]) == ("original", "all"))
    assert sum(counted) == original["count"]
    text = (folder / "report.md").read_text(encoding="utf-8")
    assert "Published values" in text
    assert "| 0.95 … 1.00 |" in text

    (kept,) = (folder / "kept").glob("answers-*.jsonl")
    before = kept.read_bytes()
    assert ard("hallucination", study.root, place / "plan.toml", "--json")[0] == 0
    assert kept.read_bytes() == before

    kept.write_bytes(before[: len(before) // 2])
    status, again, _ = ard("hallucination", study.root, place / "plan.toml", "--json")
    assert status == 0
    assert json.loads(again)["tables"] == report["tables"]
    status, shown, _ = ard("hallucination", study.root, place / "plan.toml")
    assert status == 0
    assert "reconstructed" in shown
    assert "random features" in shown


def test_other_readings_are_measured_apart_and_kept_in_the_report(
    ard: Ard, study: Study, place: Path, middle: float
) -> None:
    readings = f"threshold = {middle!r}\ncount = 'p_and_text'\nframes = 'valid'\nclamp0 = true\nadd_error = true"
    more = "units = 'normalised'\ns_vector_units = 'normalised'\ns_vector_sign = 1\nstandardise = true"
    plan = write_plan(place, tail=f"each_set = false\n[readings]\n{readings}\n{more}")
    status, out, err = ard("hallucination", study.root, plan, "--out", place / "other", "--json")
    assert status == 0, err
    report = json.loads(out)
    (vectors,) = report["vectors"]
    assert vectors["alpha_is"] == vectors["s_vector_alpha_is"] > 0
    assert report["chosen"]["amount"] == pytest.approx(vectors["alpha_is"])
    assert report["s_vector"]["amount"] == pytest.approx(vectors["s_vector_alpha_is"])
    assert report["chosen_against"] == "original"
    assert "Codes are clamped at 0" in (place / "other" / "report.md").read_text(encoding="utf-8")
    with open(place / "other" / "clips.csv", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["condition"] == "steered" and row["set"] != "speech"]
    counted = sum(float(row["p"]) < middle and bool(row["transcript"]) for row in rows)
    steered = next(r for r in report["tables"]["summary"] if (r["condition"], r["test_set"]) == ("steered", "all"))
    assert steered["count"] == counted


def test_two_pushes_of_a_clip_are_the_only_thing_that_a_cut_line_loses(tmp_path: Path) -> None:
    first = Results(tmp_path, "x")
    first.add("clip", [("a", Answer(0.25, "you")), ("b", Answer(0.5))])
    whole = first.path.read_bytes()
    first.path.write_bytes(whole + b'{"clip": "clip", "push": "c", "p": 0.')
    second = Results(tmp_path, "x")
    assert second["clip", "a"] == Answer(0.25, "you")
    assert second.has("clip", "b", text=False)
    assert not second.has("clip", "b", text=True)
    assert not second.has("clip", "c", text=False)
    assert second.path.read_bytes() == whole
    second.path.write_bytes(b"what\n" + whole)
    with pytest.raises(ArdError, match="line 1"):
        Results(tmp_path, "x")


def test_groups_stay_whole_and_parts_get_their_shares() -> None:
    items = [Item(Clip(str(i), str(i)), "a", False, "", f"g{i // 3}") for i in range(60)]
    parts = divide(items, [("train", 0.5), ("selection", 0.2), ("test", 1.0)], seed=1)
    by_group: dict[str, set[str]] = {}
    for one in parts:
        by_group.setdefault(one.group, set()).add(one.part)
    assert all(len(found) == 1 for found in by_group.values())
    assert [sum(one.part == part for one in parts) for part in ("train", "selection", "test")] == [30, 12, 18]
    assert parts == divide(items, [("train", 0.5), ("selection", 0.2), ("test", 1.0)], seed=1)
    assert parts != divide(items, [("train", 0.5), ("selection", 0.2), ("test", 1.0)], seed=2)


def test_strength_is_the_lowest_fpr_that_costs_little_speech(tmp_path: Path) -> None:
    plan = load_plan(write_plan(tmp_path, tail="max_tpr_loss = 0.02\nmax_wer_rise = 0.01"))

    def candidate(alpha: float, fpr: float, tpr: float, wer: float) -> Candidate:
        return Candidate(Condition("steered", ORIGINAL, "all", 1, alpha), fpr, tpr, wer)

    base = candidate(0, 0.4, 0.99, 0.10)
    good, deaf, wrong = candidate(1, 0.2, 0.98, 0.11), candidate(2, 0.0, 0.9, 0.1), candidate(3, 0.1, 0.99, 0.2)
    assert choose([deaf, good, wrong], base, plan) == (good, True)
    assert choose([deaf, candidate(0.5, 0.2, 0.99, 0.1), good], base, plan)[0].condition.alpha == 0.5
    assert choose([wrong, deaf], base, plan) == (deaf, False)


def test_clips_that_cannot_be_used_are_left_out_and_counted(tmp_path: Path) -> None:
    write_sounds(tmp_path)
    sounds = tmp_path / "sounds"
    (sounds / "street" / "text.wav").write_text("this is no sound")
    soundfile.write(sounds / "street" / "one.wav", np.zeros(1), 16000)
    (sounds / "forest" / "copy.wav").write_bytes((sounds / "forest" / "0.wav").read_bytes())
    soundfile.write(sounds / "said" / "long.wav", np.random.default_rng(0).normal(0, 0.1, 16000 * 11), 16000)
    with open(sounds / "speech.jsonl", "a") as file:
        file.write('\n{"path": "said/long.wav", "text": "On and on."}\n{"path": "street/0.wav", "text": ""}')
    items = read_items(load_plan(write_plan(tmp_path)), tmp_path, 10.0)
    assert items.left_out == {
        "cannot be read": 1, "same audio twice": 1, "speech longer than the window": 1, "no text": 1,
    }  # fmt: skip
    assert len(items.of(speech=False, name="street")) == 11


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        ("(folder / 'sounds/speech.jsonl').write_text('{\"path\": \"said/0.wav\"}')", "'speech' has no clip"),
        ("(folder / 'sounds/speech.jsonl').unlink()", "speech.jsonl is missing"),
        ("write_plan(folder, head='thresold = 1')", "thresold"),
        ("write_plan(folder, tail='[readings]\\nthreshold = 0.0000001')", "none of the 8 clips"),
        ("(folder / 'plan.toml').write_text('[')", "not valid TOML"),
        ("(folder / 'plan.toml').unlink()", "cannot be read"),
    ],
)
def test_plans_that_cannot_be_measured_say_why(ard: Ard, study: Study, place: Path, spoil: str, message: str) -> None:
    exec(spoil, {"folder": place, "write_plan": write_plan})
    status, _, err = ard("hallucination", study.root, place / "plan.toml")
    assert status == 1
    assert message in err


def test_plan_refuses_what_makes_no_sense(tmp_path: Path) -> None:
    for tail in ("[readings]\nframes = 'valid'\npooled_frames = 'all'", "[readings]\nthreshold = 1.5", "each_set = 3"):
        with pytest.raises(ArdError, match="cannot be used"):
            load_plan(write_plan(tmp_path, tail=tail))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"layer": "decoder.0"}, "no layer of this model's encoder"),
        ({"layer": "encoder.9"}, "no layer of this model's encoder"),
        ({"width": 8}, "vectors of 8 numbers"),
        ({"model": "0123"}, "another model"),
    ],
)
def test_sae_of_another_layer_width_or_model_is_refused_by_its_manifest(
    ard: Ard, copied_whisper: Study, place: Path, change: dict[str, object], message: str
) -> None:
    path = next(copied_whisper.root.glob("saes/*/manifest.json"))
    manifest = json.loads(path.read_text())
    if "layer" in change:
        manifest["settings"]["layer"] = change["layer"]
    elif "width" in change:
        manifest["settings"]["sae"]["d"] = change["width"]
    else:
        manifest["inputs"]["model"] = change["model"]
    path.write_text(json.dumps(manifest))
    status, _, err = ard("hallucination", copied_whisper.root, place / "plan.toml")
    assert status == 1
    assert message in err


@pytest.fixture
def copied_whisper(study: Study, tmp_path: Path) -> Study:
    shutil.copytree(study.root, tmp_path / "copy")
    return Study((tmp_path / "copy").resolve())


def test_unknown_saes_and_other_models_are_refused(ard: Ard, copied_whisper: Study, place: Path) -> None:
    status, _, err = ard("hallucination", copied_whisper.root, place / "plan.toml", "--sae", "none")
    assert status == 1
    assert "no SAE 'none'" in err
    assert ard("hallucination", copied_whisper.root, place / "plan.toml", "--sae", "raw-encoder.2")[0] == 1
    hubert = tiny_hubert(place / "hubert")
    text = copied_whisper.toml.read_text()
    before = load_settings(copied_whisper.toml).model.path
    copied_whisper.toml.write_text(text.replace(f'path = "{before}"', f'path = "{hubert}"'))
    status, _, err = ard("hallucination", copied_whisper.root, place / "plan.toml")
    assert status == 1
    assert "only Whisper models" in err
