"""Find the files of `resources/` in a checkout and in an installed wheel alike."""

from __future__ import annotations

from pathlib import Path

from backend.errors import ArdError

BUILTIN_MODEL, BUILTIN_CLIPS = "demo/model", "demo/clips"
"""The model that ships, and the clips it was not trained on; `clips.jsonl` in their folder says what they are."""


def resource(relative: str) -> Path:
    """Path of `resources/<relative>`.

    In the wheel the folder is packed as `backend/_resources`; in a checkout it stands beside the
    packages. Raises ArdError if neither holds the file, which means a broken installation.
    """
    package = Path(__file__).resolve().parent
    for root in (package / "_resources", package.parent / "resources"):
        if (root / relative).exists():
            return root / relative
    raise ArdError(
        f"the installation lacks its resource '{relative}'",
        path=package,
        todo="Install ARD again (pip install --force-reinstall).",
    )
