"""Where a study's folders of sound lie on this machine, checked by what is in the files (design §3, Roots)."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from backend.audio.datasets.read import clip_hash
from backend.store.clips import ClipTable
from backend.study.fingerprint import edge_hash
from backend.study.folder import Study

SAMPLE = 48
"""Clips that are hashed: with one wrong file in ten, all 48 are right in fewer than 1 of 150 draws."""


@dataclass(frozen=True)
class Sounds:
    """The files of one root.

    Attributes
    ----------
    root : str
        As the study has it.
    files : tuple of (path, member, start, end, hash)
        Relative path, entry of an archive ("" for a plain file), seconds, and the clip's hash.
    """

    root: str
    files: tuple[tuple[str, str, float, float, str], ...]


@dataclass(frozen=True)
class Found:
    """How one root stands.

    Attributes
    ----------
    root, folder : str
        As the study has it; where it is looked for on this machine.
    clips, missing : int
        Clips of the root, and those whose file is not in `folder`.
    """

    root: str
    folder: str
    clips: int
    missing: int


@dataclass(frozen=True)
class Verdict:
    """What a sample of the clips says of a folder.

    Attributes
    ----------
    looked_at, right, wrong, missing : int
        Clips in the sample; with the right content; with another content; without a file.
    unchecked : int
        Clips inside archives, of which only the archive is there.
    """

    looked_at: int
    right: int
    wrong: int
    missing: int
    unchecked: int = 0

    @property
    def accepted(self) -> bool:
        """Whether the folder may stand for the root: nothing wrong, and something there."""
        return not self.wrong and self.right + self.unchecked > 0

    def told(self) -> str:
        """For people."""
        parts = [f"{self.right} of {self.looked_at} sounds looked at are those of the study"]
        parts += [f"{self.wrong} have another content"] if self.wrong else []
        parts += [f"{self.missing} are not there"] if self.missing else []
        parts += [f"{self.unchecked} lie in archives, which are there"] if self.unchecked else []
        return ", ".join(parts)


def sounds_of(study: Study) -> list[Sounds]:
    """Every root of the study with its files; on the reader's thread. ArdError if there is no index."""
    table = ClipTable(study.clips())
    columns = (
        table.text["path"], table.text["member"], table.numbers["start"].tolist(), table.numbers["end"].tolist(),
        table.text["hash"],
    )  # fmt: skip
    by_root: dict[int, list[tuple[str, str, float, float, str]]] = {n: [] for n in range(len(table.roots))}
    for dataset, *row in zip(table.dataset.tolist(), *columns, strict=True):
        by_root[dataset].append((row[0], row[1], row[2], row[3], row[4]))
    return [Sounds(root, tuple(by_root[number])) for number, root in enumerate(table.roots)]


def look(sounds: Sequence[Sounds], mapping: Mapping[str, str], stop: Callable[[], bool] = lambda: False) -> list[Found]:
    """How many clips of each root are missing where it is looked for; one look at the disk per file."""
    found: list[Found] = []
    for one in sounds:
        folder = Path(mapping.get(one.root, one.root))
        there: dict[str, bool] = {}
        if folder.is_dir():
            for path, *_ in one.files:
                if stop():
                    return found
                if path not in there:
                    there[path] = (folder / path).is_file()
        missing = sum(not there.get(path, False) for path, *_ in one.files)
        found.append(Found(one.root, str(folder), len(one.files), missing))
    return found


def verify(sounds: Sounds, folder: Path, stop: Callable[[], bool] = lambda: False) -> Verdict:
    """Hash a sample of the root's clips in `folder`: size, first and last 64 KB; the same sample each time."""
    chosen = random.Random(sounds.root).sample(sounds.files, min(SAMPLE, len(sounds.files)))
    right = wrong = missing = unchecked = 0
    for path, member, start, end, wanted in chosen:
        if stop():
            break
        try:
            file = _inside(folder, path)
            found = edge_hash(file)
        except OSError:
            missing += 1
            continue
        if member:
            unchecked += 1
        elif clip_hash(found, start, end) == wanted:
            right += 1
        else:
            wrong += 1
    return Verdict(len(chosen), right, wrong, missing, unchecked)


def _inside(folder: Path, path: str) -> Path:
    """A file of `folder`; OSError for a path that leads out of it."""
    file = folder / path
    if Path(path).is_absolute() or ".." in Path(path).parts:
        raise FileNotFoundError(path)
    return file
