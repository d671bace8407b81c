"""How queued commands are started: the user's launch prefix, the steps of `run`, and the file of what they print."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from backend.errors import ArdError
from backend.jobs import output
from backend.study import launch


def test_output_stays_small_while_it_is_written_and_a_link_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine")
    (tmp_path / "x.out").symlink_to(tmp_path / "precious")
    out = output.Output(tmp_path / "x.out")
    out.bound()
    assert out.tail() == ""
    with out.opened() as handle:
        os.write(handle, b"a" * output.MOST_BYTES + b"b\nard: too late")
        out.bound()
        os.write(handle, b" by far\n")
    assert out.path.stat().st_size == output.KEPT_BYTES + len(b" by far\n")
    assert out.tail() == "too late by far"
    assert (tmp_path / "precious").read_text() == "mine"


def test_run_with_a_prefix_is_queued_as_its_stages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARD_HOME", str(tmp_path))
    preferences = tmp_path / "preferences.json"
    preferences.write_text(json.dumps({"launch_prefix": f"'{sys.executable}' -m launcher -n 2"}))
    assert launch.steps("run") == [(name, ()) for name in ("index", "extract", "train", "retrieve", "describe")]
    assert launch.steps("train") == [("train", ())]
    words = launch.command_line(Path("/s"), "map", ("--seed", "1"))
    assert words[0] == sys.executable
    assert words[-4:] == ["map", "/s", "--seed", "1"]
    assert launch.command_line(Path("/s"), "train", ())[:5] == [sys.executable, "-m", "launcher", "-n", "2"]
    preferences.unlink()
    assert launch.steps("run") == [("run", ())]
    for damaged in ("{", '{"launch_prefix": 3}', '{"launch_prefix": "torchrun \'"}'):
        preferences.write_text(damaged)
        with pytest.raises(ArdError, match="preferences"):
            launch.checked_prefix()
