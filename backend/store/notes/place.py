"""Where a study's notes lie, and how SQLite keeps them safe there."""

from __future__ import annotations

import os
import re
import sys
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from backend.study.fingerprint import fingerprint
from backend.study.folder import Study
from backend.study.user_data import user_data

NAME = "notes.sqlite"
LOCAL = {
    "ext2", "ext3", "ext4", "xfs", "btrfs", "zfs", "f2fs", "bcachefs", "jfs", "reiserfs", "tmpfs", "ramfs", "overlay",
    "overlayfs", "aufs", "apfs", "hfs", "hfsplus", "ufs", "ntfs", "ntfs3", "refs", "exfat", "vfat", "msdos", "fat32",
}  # fmt: skip
"""File systems on which every program sees the same memory, which a write-ahead log needs."""


@dataclass(frozen=True)
class Place:
    """Where notes are kept.

    Attributes
    ----------
    path : Path
    says : str
        One sentence for the user.
    other : Path
        Where they would lie if the study could (not) be written to; what is there is brought in.
    """

    path: Path
    says: str
    other: Path


def place_of(study: Study) -> Place:
    """In the study, or in the user's data directory where the study cannot be written to."""
    inside = study.root / NAME
    own = user_data() / "notes" / f"{_identity(study)}.sqlite"
    if _writable(study.root) and (not inside.exists() or _writable(inside)):
        return Place(inside, f"Notes are kept in the study: {inside}", own)
    return outside(study)


def outside(study: Study) -> Place:
    """In the user's data directory."""
    own = user_data() / "notes" / f"{_identity(study)}.sqlite"
    return Place(own, f"This study cannot be written to; notes are kept in {own}", study.root / NAME)


def _writable(path: Path) -> bool:
    return os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)


def _identity(study: Study) -> str:
    """The study's uuid, or a hash of its folder where it has none that can be a file's name."""
    try:
        found = tomllib.loads(study.toml.read_text(encoding="utf-8")).get("study", {}).get("uuid", "")
    except (OSError, ValueError, AttributeError):
        found = ""
    usable = isinstance(found, str) and re.fullmatch(r"[0-9A-Za-z-]{8,64}", found)
    return found if usable else fingerprint(str(study.root))


def is_local(path: Path, mounts: Iterable[tuple[str, str]] | None = None) -> bool:
    """Whether `path` lies on a disk of this machine; False where that is not known.

    A write-ahead log on a network disk is not refused, it is damaged as soon as a second machine opens it.

    Parameters
    ----------
    mounts : of (mount point, type)
        Those of this machine if left out.
    """
    where = str(path.resolve())
    found, kind = "", ""
    for point, type_ in _mounts() if mounts is None else mounts:
        inside = where == point or where.startswith(point.rstrip("/\\") + os.sep)
        if inside and len(point) >= len(found):
            found, kind = point, type_
    return kind.lower() in LOCAL


def _mounts(platform: str = sys.platform) -> list[tuple[str, str]]:
    if platform.startswith("linux"):
        try:
            lines = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
        except OSError:
            return []
        # the table writes a space as \040
        return [(_unescaped(words[1]), words[2]) for words in (line.split(" ") for line in lines) if len(words) > 2]
    import psutil

    return [
        (one.mountpoint, "remote" if "remote" in one.opts.split(",") else one.fstype)
        for one in psutil.disk_partitions(all=True)
    ]


def _unescaped(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)
