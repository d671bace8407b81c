"""doctor and demo."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import backend
from backend.demo.report import list_purity
from backend.demo.study import prepare, shipped_id, shipped_layer
from backend.doctor.checks import examine, examine_study, probe
from backend.resources import resource
from backend.retrieval.purity import column, label_codes
from backend.store.clips import ClipTable
from backend.store.concepts import ConceptsFile
from backend.study.folder import Study
from builders.foreign_environment import stand_in_environment
from builders.shipped_clips import shipped_clips
from builders.tiny_models import without_file

Ard = Callable[..., tuple[int, str, str]]


def test_doctor_runs_in_a_process_anywhere(tmp_path: Path) -> None:
    root = str(Path(backend.__file__).resolve().parents[1])
    done = subprocess.run(
        [sys.executable, "-P", "-m", "backend.cli.main", "doctor", "--json"],
        capture_output=True, text=True, check=False, cwd=tmp_path, env={**os.environ, "PYTHONPATH": root},
    )  # fmt: skip
    found = {one["name"]: one for one in json.loads(done.stdout)["checks"]}
    assert done.returncode == 0, done.stdout
    assert {"python", "packages", "resources", "torch", "decoding", "playback", "window"} <= set(found)
    assert found["torch"]["state"] in ("ok", "warning")
    assert "folder" in found["data sets"]["text"]
    assert {"embedder mini", "embedder clap", "embedder laion-clap", "embedder msclap"} <= set(found)
    assert all(one["todo"] for one in found.values() if one["state"] != "ok")


def test_doctor_names_what_a_study_lacks(finished: Study, copied: Study) -> None:
    assert {c.name: c.state for c in examine_study(finished.root)} == {
        "study": "ok", "model": "ok", "sound": "ok", "embedder": "ok", "disk (study)": "ok",
    }  # fmt: skip
    text = copied.toml.read_text().replace(str(finished.root.parent), str(finished.root.parent / "gone"))
    copied.toml.write_text(text)
    found = {c.name: c for c in examine_study(copied.root)}
    assert (found["model"].state, found["sound"].state) == ("problem", "problem")


def test_doctor_names_what_the_embedder_of_a_study_lacks(
    copied: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ARD_HOME", str(tmp_path / "home"))

    def found(**values: str) -> tuple[str, str]:
        text = copied.toml.read_text()
        for key, value in values.items():
            text = re.sub(rf'(?m)^{key} = ".*?"(?=\s|$)', f'{key} = "{value}"', text)
        copied.toml.write_text(text)
        (check,) = [c for c in examine_study(copied.root) if c.name == "embedder"]
        return check.state, check.text + check.todo

    assert found() == ("ok", "mini")
    state, text = found(embedder="msclap")
    assert (state, "ard setup msclap" in text) == ("problem", True)
    state, text = found(embedder="clip")
    assert (state, "mini" in text) == ("problem", True)


def test_setup_says_where_and_checks_what_is_there(ard: Ard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a stand-in for the package, because the real one needs a model hub to be imported."""
    monkeypatch.setenv("ARD_HOME", str(tmp_path / "home"))
    folder = tmp_path / "home" / "environments" / "msclap"
    assert ard("setup", "msclap", "--where") == (0, f"{folder}\n", "")
    assert not folder.exists()
    stand_in_environment("msclap", tmp_path / "stand-in")
    status, out, err = ard("setup", "msclap")
    assert (status, 'embed.embedder = "msclap"' in out, err) == (0, True, "")
    assert any(c.text == f"{folder}: msclap 1.0" for c in examine() if c.name == "embedder msclap")
    (tmp_path / "stand-in" / "packages" / "msclap.py").write_text("raise OSError('the hub is not there')")
    status, out, err = ard("setup", "msclap", "--json")
    assert (status, json.loads(out)["import_error"]) == (1, "OSError: the hub is not there")
    assert "cannot be imported yet: OSError: the hub is not there" in err


def test_setup_of_something_else_names_what_can_be_set_up(ard: Ard) -> None:
    status, _, err = ard("setup", "clap")
    assert (status, "laion-clap, msclap" in err) == (1, True)


def test_doctor_names_the_missing_weights(finished: Study, copied: Study, tmp_path: Path) -> None:
    import shutil

    model = tmp_path / "model"
    shutil.copytree(finished.root.parent / "model", model)
    without_file(model, "model.safetensors")
    copied.toml.write_text(copied.toml.read_text().replace(str(finished.root.parent / "model"), str(model)))
    (check,) = [c for c in examine_study(copied.root) if c.name == "model"]
    assert check.state == "problem"
    assert "model.safetensors" in check.text


def test_doctor_of_no_study_says_how_to_make_one(ard: Ard, tmp_path: Path) -> None:
    status, out, _ = ard("doctor", tmp_path)
    assert status == 1
    assert "ard new" in out


def test_probe_that_crashes_is_a_finding_and_not_a_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    found, error = probe("no such probe")
    assert found is None
    assert "KeyError" in error


def test_demo_on_some_of_its_clips_shows_features_and_answers_at_once_the_second_time(ard: Ard, tmp_path: Path) -> None:
    """`make soak` runs it on all of them."""
    study = prepare(tmp_path / "demo", 0)
    text = study.toml.read_text(encoding="utf-8")
    sounds = shipped_clips(tmp_path / "sounds", every=6)
    text = text.replace(str(resource("demo/clips")), str(sounds)).replace("steps = 1500", "steps = 300")
    assert str(sounds) in text
    assert "steps = 300" in text
    study.toml.write_text(text, encoding="utf-8")
    out = demo_twice(ard, study)
    assert f"most monosemantic features of {shipped_id()}" in out
    concepts = study.concepts(shipped_id())
    assert concepts is not None
    file = ConceptsFile(concepts)
    assert len(set(file.names) - {""}) > 10
    file.close()


@pytest.mark.soak
def test_demo_shows_features_with_labels(ard: Ard, tmp_path: Path) -> None:
    study = Study((tmp_path / "demo").resolve())
    demo_twice(ard, study)
    sae = shipped_id()
    purity = list_purity(study, sae, label_codes(column(ClipTable(study.clips()), "label")))
    assert purity.best is not None
    assert purity.best.mean >= 3 * purity.chance
    assert purity.all.mean >= 1.5 * purity.chance
    assert purity.scored.mean >= 10 * purity.chance
    assert purity.correlation > 0.2


def demo_twice(ard: Ard, study: Study) -> str:
    """What `ard demo` prints; it has every result, says the same again at once, and leaves a demo of another seed."""
    status, out, err = ard("demo", "--study", study.root, "--no-gui")
    assert status == 0, err
    assert {shipped_id(), f"raw-{shipped_layer()}"} < set(study.feature_ids())
    status, again, err = ard("demo", "--study", study.root, "--no-gui")
    assert status == 0, err
    assert "everything is current" in err
    assert again == out
    status, _, err = ard("demo", "--study", study.root, "--no-gui", "--seed", 1)
    assert (status, "seed 0" in err) == (1, True)
    return str(out)


def test_demo_leaves_other_folders_alone(ard: Ard, finished: Study, tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("mine")
    status, _, err = ard("demo", "--study", tmp_path / "full", "--no-gui")
    assert (status, "not empty" in err) == (1, True)
    status, _, err = ard("demo", "--study", finished.root, "--no-gui")
    assert (status, "not the demo" in err) == (1, True)


def test_demo_never_writes_into_a_folder_of_something_else(ard: Ard, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    status, _, err = ard("demo", "--study", tmp_path, "--no-gui")
    assert (status, "not empty" in err) == (1, True)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]
