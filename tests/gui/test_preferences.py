"""Preferences without a window: what is refused, what is kept, what a damaged file leaves."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ard_gui.state.preferences import CHECKS, VERSION, Preferences, Values


def written(path: Path, **values: Any) -> Path:
    path.write_text(json.dumps({"version": VERSION, **values}), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("theme", "pink"), ("theme", 3), ("font_points", -1), ("font_points", 40.5), ("font_points", float("nan")),
        ("font_points", "12"), ("author", "x" * 201), ("author", None), ("recent", "study"), ("recent", [1]),
        ("opened", {"study": "today"}), ("opened", {"study": float("inf")}), ("opened", [1]), ("roots", {"a": 1}),
        ("mute", 1), ("mute", "true"), ("volume", 1.01), ("volume", True), ("speed", 0.2), ("latency_ms", -1001),
        ("range_db", 19), ("range_db", 121), ("page_parts", {}), ("quantile_clips", 0), ("quantile_clips", 17),
        ("quantile_clips", 2.5), ("device", 0),
    ],
)  # fmt: skip
def test_value_out_of_bounds_is_refused_by_name_and_nothing_changes(name: str, value: object) -> None:
    preferences, told = Preferences(None), []
    preferences.changed.connect(told.append)
    with pytest.raises(ValueError, match=f"^{name}: expected "):
        preferences.set(name, value)
    assert preferences.values == Values()
    assert told == []


def test_bounds_themselves_are_allowed_and_whole_numbers_become_floats() -> None:
    found = Values(font_points=40, volume=0, speed=0.25, latency_ms=-1000, range_db=120, quantile_clips=16)
    assert (found.font_points, found.volume, found.range_db) == (40.0, 0.0, 120.0)
    assert type(found.volume) is float
    assert found.quantile_clips == 16


def test_every_preference_has_a_check_that_takes_its_usual_value() -> None:
    usual = vars(Values())
    assert usual.keys() == CHECKS.keys()
    assert {name: CHECKS[name](value) for name, value in usual.items()} == usual


def test_change_is_told_once_and_the_same_value_again_is_not() -> None:
    preferences, told = Preferences(None), []
    preferences.changed.connect(told.append)
    preferences.set("volume", 0.5)
    preferences.set("volume", 0.5)
    preferences.set("loop", True)
    assert told == ["volume", "loop"]


def test_saved_values_come_back_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "preferences.json"
    preferences = Preferences(path)
    for name, value in {
        "theme": "high contrast", "recent": ("/a", "/b"), "opened": {"/a": 1.5}, "roots": {"/old": "/new"},
        "page_parts": (), "quantile_clips": 7, "mute": True, "author": "Ada",
    }.items():  # fmt: skip
        preferences.set(name, value)
    preferences.save()
    again = Preferences(path)
    assert again.values == preferences.values
    assert again.problem == ""


def test_wrong_value_in_the_file_leaves_the_others_and_says_which_it_was(tmp_path: Path) -> None:
    path = written(tmp_path / "p.json", volume=7, speed="fast", author="Ada", of_a_later_version=1)
    preferences = Preferences(path)
    assert preferences.values == Values(author="Ada")
    assert preferences.problem == f"{path}: volume is wrong (expected a number from 0 to 1)"


@pytest.mark.parametrize("text", ["{", "[]", "null", '{"version": 99, "author": "Ada"}', "\udcff"])
def test_file_that_is_none_of_this_version_leaves_the_usual_values_and_stays(tmp_path: Path, text: str) -> None:
    path = tmp_path / "p.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    before = path.read_bytes()
    preferences = Preferences(path)
    assert preferences.values == Values()
    assert str(path) in preferences.problem
    assert path.read_bytes() == before


def test_reset_keeps_recent_studies_and_moved_folders_alone(tmp_path: Path) -> None:
    preferences = Preferences(None)
    preferences.visited(tmp_path)
    preferences.set("roots", {"/old": "/new"})
    preferences.set("volume", 0.1)
    preferences.reset()
    assert preferences.values.recent == (str(tmp_path),)
    assert preferences.values.roots == {"/old": "/new"}
    assert preferences.values.volume == Values().volume


def test_desktop_starts_without_what_it_does_not_need_yet() -> None:
    late = ("pydantic", "pyqtgraph", "sounddevice", "soundfile", "scipy", "torch", "transformers", "importlib.metadata")
    program = (
        "import sys, gc, ard_gui.app\n"
        f"print([name for name in {late!r} if name in sys.modules], gc.isenabled(),\n"
        "      list(sys.modules).index('numpy') < list(sys.modules).index('PySide6'))"
    )
    done = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] True True"
