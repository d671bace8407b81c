"""Jobs that are stopped on the way, and what a result holds, for comparing it with that of an undisturbed run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py

from backend.errors import Stopped
from backend.jobs.job import Job, quiet_job


class StopsAfter(Job):
    """A job whose user asks it to stop after so many safe points."""

    def __init__(self, points: int) -> None:
        super().__init__(quiet_job().log)
        self.points = points

    def check_stop(self) -> None:
        self.points -= 1
        if self.points < 0:
            raise Stopped("stopped")


def contents(path: Path) -> dict[str, bytes]:
    """The values of every data set in an HDF5 file."""
    found: dict[str, bytes] = {}

    def keep(name: str, node: Any) -> None:
        if isinstance(node, h5py.Dataset):
            values = node[...]
            found[name] = repr(values.tolist()).encode() if values.dtype.hasobject else values.tobytes()

    with h5py.File(path, "r") as handle:
        handle.visititems(keep)
    return found
