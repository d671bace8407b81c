"""Fetch Debian sound packages with the system's own client, without installing them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from backend.audio.taxonomy import taxonomy
from backend.errors import ArdError

NAME = re.compile(r"[a-z0-9][a-z0-9+.\-]+")
ELSEWHERE = "Fetch them on a Debian or Ubuntu system, or unpack the .deb files by hand (ar x, tar xf data.tar.*)."


def fetch_packages(names: list[str], folder: Path) -> list[Path]:
    """Download packages (`apt-get download`) and unpack each to ``folder/<name>`` (`dpkg -x`).

    Nothing is installed and no rights are needed. What is there already is left as it is; a package
    appears under its name only when it is wholly unpacked. An empty list means every package of the taxonomy.

    Raises
    ------
    ArdError
        On systems without apt-get and dpkg, for a name that is none, and when a client fails.
    """
    names = names or sorted(taxonomy().packages)
    for name in names:
        if not NAME.fullmatch(name):
            raise ArdError(f"'{name}' is not the name of a Debian package")
    missing = [name for name in names if not (folder / name).is_dir()]
    if missing:
        for tool in ("apt-get", "dpkg"):
            if shutil.which(tool) is None:
                raise ArdError(f"packages cannot be fetched here: there is no {tool}", todo=ELSEWHERE)
        folder.mkdir(parents=True, exist_ok=True)
    for name in missing:
        unpack(_download(name, folder), folder / name)
    return [folder / name for name in names]


def unpack(archive: Path, target: Path) -> None:
    """Unpack a .deb to `target` and remove the archive; `target` appears only when it is complete."""
    partial = target.with_name(f".{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    _call(["dpkg", "-x", str(archive.resolve()), str(partial.resolve())], archive.parent, "Download it again.")
    os.replace(partial, target)
    archive.unlink()


def _download(name: str, folder: Path) -> Path:
    with TemporaryDirectory(prefix=".download-", dir=folder) as place:
        _call(
            ["apt-get", "download", name], Path(place), "If the package is unknown, refresh the lists: apt-get update"
        )
        found = sorted(Path(place).glob("*.deb"))
        if not found:
            raise ArdError(f"apt-get downloaded nothing for {name}", path=place)
        return found[0].replace(folder / f".{name}.deb")


def _call(command: list[str], place: Path, todo: str) -> None:
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:] or ["no reason given"]
        raise ArdError(f"{' '.join(command[:2])} failed: {reason[0].rstrip('.')}", path=place, todo=todo)
