"""Find files below a folder: sorted, links followed, hidden files left out."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from pathlib import Path

from backend.audio.formats import is_sound


def files_below(root: Path, suffixes: Collection[str] = (), *, sound: bool = True) -> Iterator[str]:
    """Paths relative to `root` ("/" as separator) of the sound files and of those with one of `suffixes`.

    Sorted by their parts. Names that start with "." (so also macOS's "._" companions) and folders that
    are studies of ARD are left out. Links may lead outside; one that leads back to a folder
    above itself is not followed.
    """
    yield from _below(root, "", frozenset(suffixes), sound, (os.path.realpath(root),))


def _below(folder: Path, prefix: str, suffixes: Collection[str], sound: bool, above: tuple[str, ...]) -> Iterator[str]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        # Named like a file, so that probing it gives the reason that `ard status` shows.
        yield prefix.rstrip("/")
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            real = os.path.realpath(entry.path)
            if real not in above and not os.path.exists(os.path.join(entry.path, "study.toml")):  # noqa: PTH110, PTH118
                yield from _below(Path(entry.path), f"{prefix}{entry.name}/", suffixes, sound, (*above, real))
        elif (sound and is_sound(entry.name)) or os.path.splitext(entry.name)[1].lower() in suffixes:  # noqa: PTH122
            yield prefix + entry.name
