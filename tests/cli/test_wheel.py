"""The wheel holds everything: installed elsewhere it runs and finds its resources."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PIP = {**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (found,) = out.glob("ard-*.whl")
    return found


def test_wheel_holds_packages_resources_and_licence(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for path in (ROOT / "resources").rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            assert f"backend/_resources/{path.relative_to(ROOT / 'resources').as_posix()}" in names
    for package in ("backend", "ard_gui"):
        for path in (ROOT / package).rglob("*.py"):
            assert path.relative_to(ROOT).as_posix() in names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not any(name.startswith("tests/") for name in names)


def test_installed_wheel_runs_doctor_with_its_own_resources(wheel: Path, tmp_path: Path) -> None:
    place = tmp_path / "installed"
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--target", str(place), str(wheel)]
    subprocess.run(pip, check=True, capture_output=True, env=PIP)
    done = subprocess.run(
        [sys.executable, "-P", "-m", "backend.cli.main", "doctor", "--json"],
        capture_output=True, text=True, check=False, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(place)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    found = {one["name"]: one["text"] for one in json.loads(done.stdout)["checks"]}
    assert found["resources"] == str(place / "backend" / "_resources")
    sound = tmp_path / "sound"
    sound.mkdir()
    done = subprocess.run(
        [sys.executable, "-P", "-m", "backend.cli.main", "new", "study", "--model", "m", "--audio", "sound",
         "--profile", "ard-paper"],
        capture_output=True, text=True, check=False, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(place)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert 'profile = "ard-paper"' in (tmp_path / "study" / "study.toml").read_text(encoding="utf-8")
