"""Programs of unpacked Debian packages, run where they lie."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from backend.audio.packages import fetch_packages
from backend.errors import ArdError

INSTALLS = re.compile(r"^Inst (\S+)", re.MULTILINE)
TIMEOUT = 60


def fetch_programs(packages: Sequence[str], libraries: Sequence[str], sources: Path) -> list[Path]:
    """Unpack packages below `sources`, with the shared libraries that this system lacks.

    Parameters
    ----------
    packages : sequence of str
        Unpacked in any case.
    libraries : sequence of str
        Unpacked with what they depend on, as far as it is not installed.
    """
    return fetch_packages(list(dict.fromkeys([*packages, *_not_installed(libraries)])), sources)


def _not_installed(libraries: Sequence[str]) -> list[str]:
    """Packages that `apt-get install` would add for these libraries; installs nothing."""
    if shutil.which("apt-get") is None:
        return []
    command = ["apt-get", "--simulate", "--no-install-recommends", "install", *libraries]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"})
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise ArdError(
            f"the libraries {', '.join(libraries)} cannot be found: {reason.rstrip('.')}",
            todo="Refresh the lists of packages: apt-get update",
        )
    return INSTALLS.findall(done.stdout)


def program(sources: Path, package: str, name: str) -> Path:
    """A program of an unpacked package; ArdError naming the package where it is not there."""
    path = sources.resolve() / package / "usr" / "bin" / name
    if not path.is_file():
        raise ArdError(
            f"rendering needs the Debian package {package}",
            path=path,
            todo="Fetch the recipe's sources first, on a Debian or Ubuntu system.",
        )
    return path


def call(command: Sequence[str | Path], sources: Path, *, text: bytes | None = None, place: Path | None = None) -> None:
    """Run a program of an unpacked package with all unpacked libraries, `text` as its input and `place` as its folder.

    ArdError with its last words if it fails.
    """
    folders = sorted({str(found.parent.resolve()) for found in sources.glob("*/usr/lib/**/*.so*")})
    try:
        done = subprocess.run(
            [str(part) for part in command],
            input=text,
            capture_output=True,
            check=False,
            cwd=place,
            timeout=TIMEOUT,
            env={**os.environ, "LD_LIBRARY_PATH": os.pathsep.join(folders)},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ArdError(f"{Path(command[0]).name} cannot be run: {error}", path=str(command[0])) from error
    if done.returncode:
        reason = (done.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"])[-1]
        raise ArdError(f"{Path(command[0]).name} failed: {reason.rstrip('.')}", path=str(command[0]))
