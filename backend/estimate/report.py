"""The estimate of a study's whole pipeline, before anything runs (`ard estimate`)."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from backend.errors import ArdError
from backend.estimate.cautions import Caution, of_clips, of_error
from backend.estimate.planned import Planned, place_of, planned
from backend.estimate.startup import Startup, import_libraries
from backend.jobs.job import Job


@dataclass(frozen=True)
class StageEstimate:
    """One stage; `memory_bytes` is the peak of the run's process, `device_bytes` that of a CUDA device.

    Attributes
    ----------
    tokens : int
        Extracted; trained on, over all SAEs; encoded, over all rankings. 0 where tokens say nothing.
    bytes_to_write : int
        What stays in the study folder.
    """

    stage: str
    tokens: int
    bytes_to_write: int
    memory_bytes: int
    device_bytes: int
    seconds: float
    seconds_low: float
    seconds_high: float
    state: Literal["current", "to do"]


@dataclass(frozen=True)
class Estimate:
    """What `ard estimate --json` prints; None where nothing can be said without the model or its sound."""

    clips: int
    hours: float
    measured: bool
    device: str
    stages: tuple[StageEstimate, ...]
    bytes_to_write: int | None
    free_bytes: int
    memory_bytes: int | None
    memory_total_bytes: int
    seconds: float | None
    seconds_low: float | None
    seconds_high: float | None
    warnings: tuple[Caution, ...]

    def plain(self) -> dict[str, Any]:
        return {
            **asdict(self),
            "stages": [asdict(one) for one in self.stages],
            "warnings": [one.plain() for one in self.warnings],
        }


def estimate(place: Path, job: Job, *, measure: bool = False, within: Path | None = None) -> Estimate:
    """Sizes, memory and time of what the study at `place` (a folder, or a file like study.toml) still needs.

    Nothing is written in the study. A model that is not there, an absent device and the like are warnings.

    Parameters
    ----------
    measure : bool
        Time the pieces of each stage on this machine, in this process.
    within : Path, optional
        Study folder whose finished results count, where `place` is a file elsewhere.

    Raises
    ------
    ArdError
        For settings that cannot be read, and a folder that is no study. Stopped where the user asked for it.
    """
    study, toml = place_of(place, within)
    started = import_libraries() if measure else None
    with planned(study, toml, job) as found:
        return _of(found, started, job)


def _of(found: Planned, started: Startup | None, job: Job) -> Estimate:
    from backend.estimate.workload import workload

    root = found.study.root
    if found.table is None:
        reasons = of_clips(0, found.unreadable) if found.problem is None else [of_error(found.problem)]
        return _nothing(root, 0, 0.0, reasons)
    try:
        work = workload(found, found.table)
    except ArdError as error:
        from backend.extract.plan import clip_seconds

        hours = float(clip_seconds(found.table).sum()) / 3600
        return _nothing(root, len(found.table), hours, [*of_clips(len(found.table), found.unreadable), of_error(error)])
    from backend.estimate.whole import whole

    return whole(work, started, job)


def _nothing(root: Path, clips: int, hours: float, cautions: Sequence[Caution]) -> Estimate:
    """What can be said where model or sound are not there."""
    import psutil

    return Estimate(
        clips, round(hours, 4), False, "", (), None, free_bytes(root), None, int(psutil.virtual_memory().total),
        None, None, None, tuple(cautions),
    )  # fmt: skip


def free_bytes(root: Path) -> int:
    """Free space where the study is or will be."""
    place = root
    while not place.exists() and place != place.parent:
        place = place.parent
    return int(shutil.disk_usage(place).free)
