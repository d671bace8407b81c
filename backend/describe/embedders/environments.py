"""Environments of embedders whose requirements contradict ARD's (`ard setup`), each a virtual environment of its own.

They lie in the user's data directory. An environment counts once its marker `ard.json` is there (Rule 3); an
interrupted set-up goes on where it was.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.errors import ArdError
from backend.resources import resource
from backend.study.atomic import read_json, write_json
from backend.study.fingerprint import fingerprint
from backend.study.user_data import user_data

MARKER = "ard.json"
WORKER = Path(__file__).with_name("foreign_worker.py")
OLDEST, NEWEST = (3, 11), (3, 12)
"""Pythons that numpy 1.26, which both packages ask for, has wheels for."""

ASK_VERSION = "import sys; print(*sys.version_info[:2])"
ASK_PACKAGES = (
    "import importlib.metadata as m, json, sys; print(json.dumps({name: m.version(name) for name in sys.argv[1:]}))"
)


@dataclass(frozen=True)
class Recipe:
    """One environment: its package, and what must come from the same index as torch."""

    name: str
    package: str
    beside_torch: str

    @property
    def requirements(self) -> Path:
        return resource(f"setup/{self.name}.txt")


RECIPES = {
    one.name: one
    for one in (Recipe("laion-clap", "laion_clap", "torchvision"), Recipe("msclap", "msclap", "torchaudio"))
}


@dataclass(frozen=True)
class Environment:
    """Where the environment `name` is or would be."""

    name: str
    folder: Path

    @property
    def python(self) -> Path:
        return self.folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    def made(self) -> dict[str, Any] | None:
        """What the marker says (requirements, python, versions); None if the environment is not finished."""
        if not self.python.exists() or not (self.folder / MARKER).is_file():
            return None
        found: dict[str, Any] = read_json(self.folder / MARKER)
        return found


def environment(name: str) -> Environment:
    """The environment of the embedder `name`; ArdError if it needs none."""
    if name not in RECIPES:
        raise ArdError(
            f"'{name}' needs no environment of its own", todo=f"Those that do: {', '.join(sorted(RECIPES))}."
        )
    return Environment(name, user_data() / "environments" / name)


def make_environment(
    name: str, *, python: str = "", torch_index: str = "", say: Callable[[str], None] = lambda text: None
) -> Environment:
    """Make the environment `name`, or finish or update it; what is current is left as it is.

    Parameters
    ----------
    python : str
        Interpreter to make it with; the running one if empty.
    torch_index : str
        Package index for torch and its companion, e.g. https://download.pytorch.org/whl/cpu.
    say : callable
        Told what is being done.

    Raises
    ------
    ArdError
        If the interpreter does not do, or a step fails; the environment then stays unfinished.
    """
    place = environment(name)
    recipe = RECIPES[name]
    wanted = fingerprint(recipe.requirements.read_text(encoding="utf-8"))
    made = place.made()
    if made is not None and made["requirements"] == wanted:
        return place
    interpreter = python or sys.executable
    _check_python(interpreter)
    if not place.python.exists():
        say(f"making a virtual environment in {place.folder}")
        todo = "On Debian and Ubuntu: sudo apt-get install python3-venv."
        _run([interpreter, "-m", "venv", str(place.folder)], "the virtual environment cannot be made", todo)
    pip = [str(place.python), "-m", "pip", "install", "--disable-pip-version-check"]
    requirements = ["-r", str(recipe.requirements)]
    failed, todo = f"the packages of {name} cannot be installed", "pip's own message is above; then run it again."
    if torch_index:
        say(f"installing torch and {recipe.beside_torch} from {torch_index}")
        bounds = [line for line in _lines(recipe) if line.startswith((f"{recipe.beside_torch}>", "torch>"))]
        _run([*pip, "--index-url", torch_index, *bounds], failed, todo)
    say(f"installing {recipe.package} and what it needs (several gigabytes where torch comes with CUDA)")
    _run([*pip, *requirements], failed, todo)
    versions = json.loads(_ask(place.python, ASK_PACKAGES, [recipe.package, "torch", "transformers"]))
    write_json(
        place.folder / MARKER,
        {"requirements": wanted, "python": _ask(place.python, ASK_VERSION).replace(" ", "."), "versions": versions},
    )
    return place


def import_error(place: Environment) -> str:
    """Why the environment's package cannot be imported, as the last line it said; "" if it can."""
    done = subprocess.run(
        [str(place.python), "-I", str(WORKER), place.name, "--check"], capture_output=True, text=True, check=False
    )
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    return "" if done.returncode == 0 else (lines[-1] if lines else f"ended with status {done.returncode}")


def _lines(recipe: Recipe) -> list[str]:
    text = recipe.requirements.read_text(encoding="utf-8")
    return [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]


def _check_python(interpreter: str) -> None:
    todo = "Name one: ard setup NAME --python python3.12"
    try:
        found = tuple(int(part) for part in _ask(interpreter, ASK_VERSION).split())
    except (OSError, ValueError) as error:
        raise ArdError(f"'{interpreter}' does not run as Python", todo=todo) from error
    if not OLDEST <= found <= NEWEST:
        raise ArdError(
            f"these packages need numpy 1.26, which has no build for Python {'.'.join(map(str, found))}", todo=todo
        )


def _ask(python: Path | str, code: str, arguments: Sequence[str] = ()) -> str:
    done = subprocess.run([str(python), "-I", "-c", code, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ValueError(done.stderr.strip())
    return done.stdout.strip()


def _run(command: Sequence[str], failed: str, todo: str) -> None:
    """Run a step, what it says going to stderr; ArdError if it fails."""
    done = subprocess.run(list(command), stdout=sys.__stderr__, check=False)
    if done.returncode:
        raise ArdError(f"{failed} (status {done.returncode})", todo=todo)
