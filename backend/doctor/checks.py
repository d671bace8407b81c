"""`ard doctor`: is everything there that ARD needs, and what to do where it is not."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

from backend.errors import ArdError
from backend.resources import resource

PROBE_SECONDS = 120
NEEDED = (
    "torch", "transformers", "safetensors", "h5py", "numpy", "soundfile", "soxr", "pydantic", "tomlkit", "filelock",
    "psutil",
)  # fmt: skip
DESKTOP = ("PySide6", "pyqtgraph", "sounddevice")
RESOURCES = tuple(f"profiles/{name}.toml" for name in ("default", "ard-paper", "audiosae-paper", "tiny"))
FREE_BYTES = 5_000_000_000


@dataclass(frozen=True)
class Check:
    """One finding; `state` is ok, warning (something works less well) or problem (something will not work)."""

    name: str
    state: Literal["ok", "warning", "problem"]
    text: str
    todo: str = ""

    def plain(self) -> dict[str, str]:
        return asdict(self)


def examine(study: Path | None = None) -> Iterator[Check]:
    """All checks, one after another; those of a study only if its folder is named."""
    yield _python()
    yield from _packages()
    yield _resources()
    yield _torch()
    yield _decoding()
    yield _sound()
    yield _qt()
    yield _disk(Path(tempfile.gettempdir()), "disk (temporary files)")
    yield from _registries()
    yield from _embedders()
    if study is not None:
        yield from examine_study(study)


def examine_study(folder: Path) -> Iterator[Check]:
    """A study: its settings, model folder, folders of sound, disk and writability."""
    from backend.study.configuration import load_settings
    from backend.study.folder import Study

    try:
        study = Study.open(folder)
        settings = load_settings(study.toml)
    except ArdError as error:
        yield Check("study", "problem", error.what, error.todo or "")
        return
    yield Check("study", "ok", f"{study.root}, profile {settings.study.profile}")
    yield _model(settings.model)
    for section in settings.audio:
        path = Path(section.path) if Path(section.path).is_absolute() else study.root / section.path
        if path.is_dir():
            yield Check("sound", "ok", str(path))
        else:
            yield Check("sound", "problem", f"{path} is not there", "Mount it, or correct its path in study.toml.")
    yield _embedder(settings.embed)
    yield _disk(study.root, "disk (study)")
    if not os.access(study.root, os.W_OK):
        yield Check("study folder", "warning", "cannot be written to", "It can be browsed; to compute, copy it.")


def _python() -> Check:
    text = f"{platform.python_version()} on {platform.platform()}"
    if sys.platform != "linux" or platform.machine() not in ("x86_64", "AMD64"):
        return Check("python", "warning", f"{text}; ARD is tested on Linux x86-64 only", "Report what does not work.")
    return Check("python", "ok", text)


def _packages() -> Iterator[Check]:
    for names, state, what in ((NEEDED, "problem", "packages"), (DESKTOP, "warning", "desktop packages")):
        missing = [name for name in names if importlib.util.find_spec(name) is None]
        if missing:
            todo = f"Install them: {Path(sys.executable).name} -m pip install {' '.join(missing)}"
            yield Check(what, "problem" if state == "problem" else "warning", f"missing: {', '.join(missing)}", todo)
        else:
            yield Check(what, "ok", ", ".join(f"{name} {_version(name)}" for name in names))


def _version(name: str) -> str:
    for distribution in (name, f"{name}-Essentials"):
        try:
            return version(distribution)
        except PackageNotFoundError:
            continue
    return "?"


def _resources() -> Check:
    try:
        found = [resource(name) for name in RESOURCES]
    except ArdError as error:
        return Check("resources", "problem", error.what, error.todo or "")
    return Check("resources", "ok", str(found[0].parent.parent))


def _torch() -> Check:
    found, error = probe("torch")
    if found is None:
        return Check("torch", "problem", error, "Install torch again; `make setup` does, see README.")
    device = ", ".join(found["cuda"]) or ("Apple GPU (mps)" if found["mps"] else f"CPU, {found['threads']} threads")
    text = f"{found['version']} on {device}"
    if not found["works"]:
        return Check("torch", "problem", f"{text} computes wrong results", "Install torch again.")
    if found["built_for_cuda"] and not found["cuda"]:
        todo = "If there is an NVIDIA card, update its driver; otherwise the CPU build saves gigabytes, see README."
        return Check(
            "torch", "warning", f"{text}, built for CUDA {found['built_for_cuda']} but no card can be used", todo
        )
    return Check("torch", "ok", text)


def _decoding() -> Check:
    found, error = probe("decoding")
    if found is None:
        return Check("decoding", "problem", error, "Install soundfile again: pip install --force-reinstall soundfile")
    lacking = [name for name in ("WAV", "FLAC", "OGG", "MP3") if name not in found["formats"]]
    text = f"libsndfile {found['version']}"
    if lacking:
        return Check("decoding", "warning", f"{text} cannot read {', '.join(lacking)}", "Update soundfile with pip.")
    return Check("decoding", "ok", f"{text}: wav, flac, ogg, opus, mp3")


def _sound() -> Check:
    found, error = probe("audio")
    if found is None:
        todo = "Linux: sudo apt-get install libportaudio2. Everything but playback works without it."
        return Check("playback", "warning", f"PortAudio cannot be used ({error})", todo)
    if not found["outputs"]:
        return Check(
            "playback", "warning", f"{found['version']}: no output device", "Connect one; only playback needs it."
        )
    return Check("playback", "ok", f"{found['version']}: {found['outputs'][0]}")


def _qt() -> Check:
    found, error = probe("qt")
    if found is None:
        todo = "Linux: sudo apt-get install libegl1 libgl1 libxkbcommon0 libdbus-1-3; commands work without."
        return Check("window", "warning", f"Qt cannot be loaded ({error})", todo)
    if found["missing"]:
        todo = "sudo apt-get install libxcb-cursor0 libxkbcommon-x11-0 libxcb-icccm4; commands work without."
        return Check("window", "warning", f"Qt {found['version']} lacks {found['missing']}", todo)
    display = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or sys.platform != "linux"
    if not display:
        todo = "Start it where there is one; all commands work here."
        return Check("window", "warning", f"Qt {found['version']} loads, but there is no display", todo)
    return Check("window", "ok", f"Qt {found['version']}")


def _disk(path: Path, name: str) -> Check:
    free = shutil.disk_usage(path).free
    text = f"{free / 1e9:.1f} GB free at {path}"
    if free < FREE_BYTES:
        return Check(name, "warning", text, "Activations take gigabytes; `ard extract` says how many before it starts.")
    return Check(name, "ok", text)


def _registries() -> Iterator[Check]:
    """What can be named in study.toml; only the names are asked for, nothing heavy is imported."""
    for name, module, function in (
        ("data sets", "backend.audio.datasets.base", "DATASETS"),
        ("models", "backend.targets.identity", "known_types"),
    ):
        try:
            thing = getattr(importlib.import_module(module), function)
            yield Check(name, "ok", ", ".join(thing() if callable(thing) else thing))
        except ImportError as error:
            yield Check(name, "problem", str(error), "Install the missing package.")


def _embedders() -> Iterator[Check]:
    """What each embedder lacks. The optional ones are no warning: only a study that names one needs it."""
    from backend.describe.embedders.environments import RECIPES, environment

    try:
        folder = resource("demo/embedder/embedder.safetensors").parent
        yield Check("embedder mini", "ok", f"built in: {folder}")
    except ArdError as error:
        yield Check("embedder mini", "problem", error.what, error.todo or "")
    yield Check("embedder clap", "ok", "embed.model is a folder or a hub id; LAION's .pt files: ard import-clap")
    for name in RECIPES:
        made = environment(name).made()
        text = f"not set up; a study that names it needs: ard setup {name}"
        if made is not None:
            versions = ", ".join(f"{package} {found}" for package, found in made["versions"].items())
            text = f"{environment(name).folder}: {versions}"
        yield Check(f"embedder {name}", "ok", text)


def _embedder(section: Any) -> Check:
    """The embedder a study names."""
    from backend.describe.embedders.base import EMBEDDERS
    from backend.describe.embedders.environments import RECIPES, environment

    name, model = section.embedder, section.model
    if name not in set(EMBEDDERS):
        todo = f"Set embed.embedder in study.toml to one of: {', '.join(EMBEDDERS)}."
        return Check("embedder", "problem", f"there is no embedder '{name}'", todo)
    if name in RECIPES and environment(name).made() is None:
        return Check("embedder", "problem", f"{name} has no environment yet", f"Run: ard setup {name}")
    if model.startswith((".", "/", "~")) and not Path(model).expanduser().exists():
        return Check("embedder", "problem", f"{model} is not there", "Correct embed.model in study.toml.")
    return Check("embedder", "ok", f"{name} {model}".strip())


def _model(section: Any) -> Check:
    from backend.targets.identity import identify

    if not Path(section.path).expanduser().is_dir() and "/" in section.path and not section.path.startswith((".", "/")):
        return Check("model", "ok", f"{section.path}, fetched from the hub when it is first used")
    try:
        identity = identify(section)
        identity.check_complete()
    except ArdError as error:
        return Check("model", "problem", f"{error.what} ({section.path})", error.todo or "")
    stacks = ", ".join(f"{name}.0 … {name}.{count - 1}" for name, count in identity.stacks.items())
    return Check("model", "ok", f"{section.path}: {identity.model_type}, layers {stacks}")


def probe(name: str) -> tuple[dict[str, Any] | None, str]:
    """The answer of one probe, or None and the last line of what it said instead."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([_root(), os.environ.get("PYTHONPATH", "")])}
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "backend.doctor.probes", name],
            capture_output=True, text=True, timeout=PROBE_SECONDS, check=False, env=environment,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        return None, str(error)
    if done.returncode:
        lines = [line for line in done.stderr.strip().splitlines() if line.strip()]
        return None, lines[-1] if lines else f"ended with status {done.returncode}"
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found, ""


def _root() -> str:
    """Where the running `backend` lies, so that the probe asks the same installation."""
    return str(Path(__file__).resolve().parents[2])
