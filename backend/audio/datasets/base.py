"""What an adapter is, and the registry of them (D-1…D-17)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path

from backend.audio.datasets.walk import files_below
from backend.audio.records import ClipRecord, Unreadable
from backend.errors import ArdError
from backend.registry import Registry
from backend.study.settings import AudioSection


class Adapter(ABC):
    """Knows the layout of one data set: which files are its clips and what its tables say about them.

    An adapter decodes nothing and reads no headers: `backend.audio.datasets.read` adds duration,
    sample rate, channels and hash to every record that has no hash, and applies `subset` and `split`.

    Attributes
    ----------
    tables : frozenset of str
        Suffixes of the files besides sound whose change makes the index stale.
    """

    tables: frozenset[str] = frozenset()

    @abstractmethod
    def records(self, root: Path, section: AudioSection) -> Iterator[ClipRecord | Unreadable]:
        """Every clip in a fixed order, `source` set to the part of the data set that `subset` selects.

        Raises ArdError naming the first expected file that is missing.
        """

    def files(self, root: Path, section: AudioSection) -> Iterator[str]:
        """Relative paths of the files whose change makes the index stale: sound and tables."""
        return files_below(root, self.tables)


DATASETS: Registry[type[Adapter]] = Registry(
    "datasets",
    {
        name: f"backend.audio.datasets.{name}"
        for name in ("folder", "wavcaps", "iemocap", "fsd50k", "voxceleb1", "audiobench")
    },
)


def expected(path: Path, dataset: str) -> Path:
    """`path`, or ArdError saying that this data set should have it."""
    if not path.exists():
        raise ArdError(
            f"{path.name} is missing from this {dataset} folder",
            path=path,
            todo="Download it, or correct the path in study.toml.",
        )
    return path


def inside(root: Path, *names: str) -> Path:
    """`root`, or its sub-folder of one of these names: data sets unpack with or without their top folder."""
    for name in names:
        if (root / name).is_dir():
            return root / name
    return root
