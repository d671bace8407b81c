"""What the desktop may import costs neither torch nor transformers nor scipy (Rule 1)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import backend

ROOT = Path(backend.__file__).parent
HEAVY = {"torch", "transformers", "scipy", "PySide6", "ard_gui"}


def modules_of(*packages: str) -> list[str]:
    found = ["backend.jobs.events", "backend.errors", "backend.resources"]
    for package in packages:
        for path in sorted((ROOT / package).rglob("*.py")):
            found.append(".".join(["backend", *path.relative_to(ROOT).with_suffix("").parts]))
    return [name.removesuffix(".__init__") for name in found]


@pytest.mark.parametrize("package", ["study", "store", "audio", "export"])
def test_package_of_the_desktop_imports_nothing_heavy(package: str) -> None:
    names = modules_of(package)
    code = f"import sys\nfor name in {names!r}: __import__(name)\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert HEAVY.isdisjoint(done.stdout.split())


def test_backend_never_imports_the_desktop() -> None:
    for path in ROOT.rglob("*.py"):
        assert not [
            line
            for line in path.read_text(encoding="utf-8").splitlines()
            if line.lstrip().startswith(("import ard_gui", "from ard_gui"))
        ], path


def test_commands_that_only_look_import_nothing_heavy() -> None:
    code = (
        "import sys\nfrom backend.cli.main import run\nassert run(['--help']) == 0\n"
        "import backend.stages.state, backend.export.writers, backend.store.features, backend.retrieval.purity\n"
        "from backend.stages import pipeline\nfor name in pipeline.ORDER: pipeline.stage(name)\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert HEAVY.isdisjoint(done.stderr.split())
