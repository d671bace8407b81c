"""Manifests: what a result was made from; a stage is finished only when its manifest is there (X-1)."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from backend.errors import ArdError
from backend.study.atomic import read_json, write_json

FORMAT = 1
PACKAGES = (
    "ard", "torch", "transformers", "numpy", "h5py", "soundfile", "soxr", "safetensors", "pydantic",
)  # fmt: skip


def package_versions() -> dict[str, str]:
    """Versions of the packages a number may depend on; absent ones are left out."""
    from importlib.metadata import PackageNotFoundError, version  # slow, and only writers need it

    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def git_state() -> str:
    """Commit of the checkout this code runs from, "-dirty" appended, or "" for an installed wheel."""
    import subprocess

    here = Path(__file__).resolve().parents[2]
    if not (here / ".git").exists():
        return ""
    try:
        done = subprocess.run(
            ["git", "-C", str(here), "describe", "--always", "--dirty", "--abbrev=40"],
            capture_output=True, text=True, timeout=10, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()


def write_manifest(
    path: Path,
    *,
    stage: str,
    fingerprint: str,
    settings: Mapping[str, Any],
    inputs: Mapping[str, Any],
    outputs: Mapping[str, Any],
    seconds: float,
    device: str = "cpu",
    figures: Mapping[str, Any] | None = None,
) -> None:
    """Write the manifest of a finished stage, last of all its files.

    Parameters
    ----------
    fingerprint : str
        Hash of `settings` and `inputs`; a stage whose fingerprint would now differ is stale.
    settings : mapping
        Every setting that can change the result (Rule 6).
    inputs : mapping
        Fingerprints of what was read: clip list, model, SAE weights.
    outputs : mapping
        Names (relative to the manifest's folder) and figures of what was written.
    figures : mapping, optional
        Measured numbers, e.g. FVU, peak memory.
    """
    write_json(
        path,
        {
            "format": FORMAT,
            "stage": stage,
            "fingerprint": fingerprint,
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": round(seconds, 3),
            "settings": dict(settings),
            "inputs": dict(inputs),
            "outputs": dict(outputs),
            "figures": dict(figures or {}),
            "device": device,
            "machine": platform.machine(),
            "cpu_count": os.cpu_count(),
            "system": platform.platform(),
            "packages": package_versions(),
            "git": git_state(),
            "command": sys.argv[1:],
        },
    )


def read_manifest(path: Path) -> dict[str, Any]:
    """The manifest at `path`; ArdError if it is missing, damaged or of a later format."""
    manifest: dict[str, Any] = read_json(path)
    if not isinstance(manifest, dict) or "fingerprint" not in manifest:
        raise ArdError("a manifest of the study is damaged", path=path, todo="Run the stage again.")
    if manifest.get("format", 0) > FORMAT:
        raise ArdError("this study was written by a newer version of ARD", path=path, todo="Update ARD.")
    return manifest


def is_current(path: Path, fingerprint: str) -> bool:
    """Whether a finished result with this fingerprint stands at `path`."""
    return path.exists() and read_manifest(path)["fingerprint"] == fingerprint
