"""The values of a new study, without a window: equal to what `ard new` writes for the same wishes."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ard_gui.state.form_rules import sae_count
from ard_gui.state.setting_list import all_settings, read_value, shown, toml_text
from ard_gui.state.study_form import StudyForm, folder_problem
from ard_gui.state.study_wish import wish
from backend.cli.main import run
from backend.study.configuration import PROFILES, commented, load_settings, new_settings
from backend.study.creation import parsed, with_changes

INSPECTION = {"stacks": [{"name": "decoder", "layers": 2, "d": 64, "usual": True},
                         {"name": "encoder", "layers": 4, "d": 384, "usual": False}], "problems": []}  # fmt: skip
CHOICES = {
    "architectures": ["topk", "batchtopk", "jumprelu"], "embedders": ["mini", "clap"],
    "captioners": ["dataset", "endpoint"], "namers": ["consensus", "causal-lm", "endpoint"],
    "devices": [{"id": "cpu", "name": "CPU"}],
}  # fmt: skip


def form(tmp_path: Path, *names: str) -> StudyForm:
    """One that can be made, with a folder of sound per name."""
    found = StudyForm()
    for name in names or ("sounds",):
        (tmp_path / name).mkdir()
    found.set_place(folder=str(tmp_path / "study"), model="openai/whisper-tiny")
    found.set_sources([{"path": str(tmp_path / name)} for name in names or ("sounds",)])
    return found


def made_by_command(command: str, monkeypatch: pytest.MonkeyPatch, uuid: str) -> str:
    """The study.toml that the command line makes, under a uuid that is known."""
    monkeypatch.setattr("backend.study.creation.uuid4", lambda: uuid)
    words = shlex.split(command)
    assert words[0] == "ard"
    assert run(words[1:]) == 0
    return (Path(words[2]) / "study.toml").read_text(encoding="utf-8")


def test_text_is_what_the_shown_command_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = form(tmp_path, "sounds", "a folder with blanks")
    one.set_profile("ard-paper")
    one.set("model.layers", ["encoder.1", "last"])
    one.set("sae.k", ["auto", 50])
    one.set("train.lr", 3e-5)
    one.set("train.betas", [0.9, 0.99])
    one.set("names.namer", "consensus")
    one.set("captions.url", "http://localhost:8000/v1 'x'")
    one.set("clips.exclude", "true")
    one.set("study.seed", 7)
    one.set("retrieve.raw_units", True)
    first, second = one.sources
    one.set_sources([{**first, "adapter": "folder", "split": ["train", "dev"]},
                     {**second, "weight": 2.5, "use": "probe", "adapter": "wavcaps"}])  # fmt: skip
    assert one.problems() == {}
    text = one.text()
    assert made_by_command(one.command(), monkeypatch, one.uuid) == text
    assert commented(one.settings()) == text
    made = load_settings(tmp_path / "study" / "study.toml")
    assert [(a.adapter, a.use, a.split) for a in made.audio] == [
        ("folder", "both", ["train", "dev"]), ("wavcaps", "probe", []),
    ]  # fmt: skip
    assert (made.clips.exclude, made.train.lr, made.model.layers) == ("true", 3e-5, ["encoder.1", "last"])


@pytest.mark.parametrize("profile", PROFILES)
def test_form_without_changes_writes_the_profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, profile: str) -> None:
    one = form(tmp_path)
    one.set_profile(profile)
    assert one.problems() == {}
    assert one.own == {}
    assert "--set" not in one.command()
    assert made_by_command(one.command(), monkeypatch, one.uuid) == one.text()


def test_what_the_form_makes_is_its_text(tmp_path: Path) -> None:
    one = form(tmp_path)
    one.set("train.steps", 12)
    text = one.text()
    assert one.wish().make(one.uuid).toml.read_text(encoding="utf-8") == text
    assert folder_problem(one.folder).startswith("there is a study in this folder already")


TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=12)


@settings(max_examples=150, deadline=None)
@given(value=TEXTS)
def test_any_text_survives_the_command_line(value: str) -> None:
    (change,) = wish("d", "m", [{"path": "a"}], "tiny", {"captions.url": value}).changes
    plain = new_settings("tiny", {"path": "m"}, [{"path": "a"}], "u")
    assert with_changes(plain, [change]).captions.url == value


def test_values_of_the_profile_and_own_changes_are_told_apart() -> None:
    one = StudyForm()
    one.set("sae.expansion", [16])
    one.set("train.batch_tokens", 2500)
    assert one.own == {"sae.expansion": [16], "train.batch_tokens": 2500}
    one.set_profile("audiosae-paper")
    assert one.value("sae.k") == [50]
    assert one.own == {"sae.expansion": [16]}, "the profile's own batch is 2,500"
    one.reset("sae.expansion")
    assert one.value("sae.expansion") == [8]
    one.set("sae.k", [1])
    one.reset_all()
    assert one.own == {}


def test_values_that_are_handed_out_cannot_be_changed_from_outside() -> None:
    one = StudyForm()
    one.value("sae.expansion").append(99)
    one.usual("model.layers").append("x")
    assert one.value("sae.expansion") == [8]
    assert one.value("model.layers") == ["last"]


def test_every_change_is_told() -> None:
    one, heard = StudyForm(), []
    one.changed.connect(lambda: heard.append(one.value("train.steps")))
    one.set("train.steps", 5)
    one.reset("train.steps")
    one.set_profile("tiny")
    assert heard == [5, "auto", 200]


def test_empty_form_says_what_is_wanted() -> None:
    assert set(StudyForm().problems()) == {"folder", "model.path", "audio"}


@pytest.mark.parametrize(
    ("dotted", "value", "said"),
    [
        ("train.steps", "many", "“many” cannot be used here. Write auto or a whole number."),
        ("train.steps", 0, "0 cannot be used here. Write a number above 0."),
        ("train.warmup", 2, "Write a number, at least 0, below 1."),
        ("sae.k", ["auto", "x"], "“x” cannot be used here. Write auto or a whole number, several with commas."),
        ("sae.expansion", [], "Something must be written here: a whole number, several with commas."),
        ("model.layers", ["encoder.x"], "Write blocks by name or number, such as encoder.3"),
        ("model.device", "gpu", "Write auto, cpu, cuda, cuda:1 or mps."),
    ],
)
def test_wrong_value_is_explained_beside_its_field(tmp_path: Path, dotted: str, value: Any, said: str) -> None:
    one = form(tmp_path)
    one.set(dotted, value)
    assert set(one.problems()) == {dotted}
    assert said in one.problems()[dotted]


def test_what_concerns_several_settings_has_a_place_too(tmp_path: Path) -> None:
    one = form(tmp_path)
    one.set("extract.sample_clips", "weighted")
    one.set("retrieve.list_length", 2)
    found = one.problems()
    assert "list_length must be at least p." in found.values()


def test_rules_need_to_know_the_model_and_the_machine(tmp_path: Path) -> None:
    one = form(tmp_path)
    one.set("model.layers", ["decoder.5"])
    one.set("sae.expansion", [1])
    one.set("sae.k", [65])
    one.set("names.namer", "nobody")
    one.set("model.device", "cuda:0")
    assert one.problems() == {}
    assert one.cautions() == {}
    one.learn(inspection=INSPECTION, choices=CHOICES)
    found = one.problems()
    assert found["model.layers"] == "This model has no layer decoder.5. It has decoder.0 … decoder.1 and encoder.0 " \
        "… encoder.3."  # fmt: skip
    assert found["sae.k"] == "k = 65 is more than the 64 features of expansion 1."
    assert found["names.namer"] == "There is no “nobody”. There are: consensus, causal-lm, endpoint."
    assert one.cautions()["model.device"].startswith("This machine has no GPU that ARD can use (there is: cpu).")


def test_auto_that_equals_a_number_is_found_before_training(tmp_path: Path) -> None:
    one = form(tmp_path)
    one.learn(inspection=INSPECTION)
    one.set("sae.k", ["auto", 16])
    assert one.problems()["sae.k"] == "The same k is asked for twice: auto is 16 for expansion 8."


def test_last_and_bare_numbers_mean_the_usual_stack(tmp_path: Path) -> None:
    one = form(tmp_path)
    one.learn(inspection=INSPECTION)
    one.set("model.layers", ["last", "1", "encoder.3", "encoder.last"])
    assert one.problems() == {}
    one.set("model.layers", ["2"])
    assert set(one.problems()) == {"model.layers"}


def test_another_model_must_be_looked_at_anew(tmp_path: Path) -> None:
    one = form(tmp_path)
    one.learn(inspection=INSPECTION)
    one.set_place(model=one.model)
    assert one.inspection
    one.set_place(model="another/model")
    assert not one.inspection


def test_server_that_is_not_named_is_asked_for(tmp_path: Path) -> None:
    one = form(tmp_path)
    one.set("captions.captioner", "endpoint")
    one.set("names.namer", "causal-lm")
    assert set(one.problems()) == {"captions.url", "names.model"}
    one.set("captions.captioner", "none")
    assert one.problems() == {}, "without captions there is nothing to name"


def test_place_of_the_study_may_be_no_file_and_no_study(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "study.toml").write_text("")
    assert "this is a file" in folder_problem(str(tmp_path / "file"))
    assert "there is a study" in folder_problem(str(tmp_path / "study"))
    assert folder_problem(str(tmp_path / "new")) == folder_problem(str(tmp_path)) == ""


def test_every_setting_is_listed_with_its_meaning_and_reads_back() -> None:
    assert len(all_settings()) > 90
    for one in all_settings().values():
        assert one.description
        assert one.wanted
        assert parsed(toml_text(one.default), one.default) == one.default, one.dotted


def test_grid_is_counted(tmp_path: Path) -> None:
    one = form(tmp_path)
    one.set("model.layers", ["encoder.1", "encoder.2"])
    one.set("sae.seeds", [0, 1, 2])
    one.set("sae.expansion", [4, 8])
    assert sae_count(one.settings()) == 12


@pytest.mark.parametrize(
    ("dotted", "text", "value"),
    [
        ("train.steps", "auto", "auto"),
        ("train.steps", " 200 ", 200),
        ("train.lr", "2e-4", 2e-4),
        ("train.lr", "", ""),
        ("sae.k", "auto, 50", ["auto", 50]),
        ("sae.k", "[16]", [16]),
        ("sae.expansion", "", []),
        ("model.layers", "3, encoder.last", ["3", "encoder.last"]),
        ("clips.exclude", "true", "true"),
        ("sae.relu", "false", False),
        ("extract.snr_db", "0, 15.5", [0, 15.5]),
    ],
)
def test_what_is_typed_is_read_as_it_is_meant(dotted: str, text: str, value: Any) -> None:
    assert read_value(all_settings()[dotted], text) == value


def test_every_value_that_is_shown_reads_back() -> None:
    for one in all_settings().values():
        assert read_value(one, shown(one.default)) == one.default, one.dotted
