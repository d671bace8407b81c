"""From a workload and speeds to the estimate of every stage."""

from __future__ import annotations

import psutil

from backend.errors import ArdError
from backend.estimate import cautions, disk, memory, seconds
from backend.estimate.cautions import Caution
from backend.estimate.history import refined
from backend.estimate.report import Estimate, StageEstimate, free_bytes
from backend.estimate.speeds import Speeds, plain, weight_bytes
from backend.estimate.startup import Startup
from backend.estimate.workload import Workload
from backend.extract.plan import clip_seconds
from backend.jobs.job import Job
from backend.targets.load import choose_device

MEASURED_RANGE, GUESSED_RANGE = (0.7, 1.5), (0.25, 4.0)
"""Factors from the expected seconds to the lowest and highest, of a stage that was timed and of one that was not."""
PIECES = {
    "index": (), "extract": ("model",), "train": ("steps",), "retrieve": ("retrieval",),
    "describe": ("embedding", "captions", "scores"),
}  # fmt: skip


def whole(work: Workload, startup: Startup | None, job: Job) -> Estimate:
    """The estimate; measured if `startup` tells what importing the libraries cost.

    Raises Stopped where the user asked for it while measuring.
    """
    import torch

    said: list[Caution] = cautions.of_clips(len(work.table), work.planned.unreadable)
    try:
        device = choose_device(work.settings.model.device)
    except ArdError as error:
        said.append(cautions.of_error(error))
        device = torch.device("cpu")
        startup = None
    said += cautions.of_models(work, weight_bytes(work))
    threads = work.settings.train.threads or torch.get_num_threads()
    speeds = plain(work, str(device), threads)
    took = False
    if startup is not None:
        from backend.estimate.measure import measured

        measurement = measured(work, speeds, startup, device, job)
        work, speeds = measurement.work, measurement.speeds
        took = bool(speeds.measured) or not _anything(work)
        known = {one.what for one in said}
        said += [one for one in map(cautions.of_error, measurement.problems) if one.what not in known]
    else:
        speeds = refined(work, speeds)
    return _estimate(work, speeds, str(device), took, said)


def _anything(work: Workload) -> bool:
    return bool(work.to_extract or work.trainings or work.to_retrieve or work.to_score or work.to_describe)


def _estimate(work: Workload, speeds: Speeds, device: str, took: bool, said: list[Caution]) -> Estimate:
    stages = tuple(_stage(work, speeds, device, name) for name in PIECES)
    total = sum(one.seconds for one in stages)
    needed = max((one.memory_bytes for one in stages), default=0)
    to_do = any(one.state == "to do" for one in stages)
    written = sum(one.bytes_to_write for one in stages) + (disk.run_bytes(total, work) if to_do else 0)
    free = free_bytes(work.planned.study.root)
    machine = psutil.virtual_memory()
    said = [
        *said,
        *cautions.of_disk(written, disk.meanwhile(work), free, work.planned.study.root),
        *cautions.of_memory(needed, int(machine.available) + _mine(), int(machine.total)),
        *cautions.of_device_memory(max(one.device_bytes for one in stages), _device_total(device)),
        *cautions.of_time(total),
    ]
    used = work.table.train | work.table.probe
    return Estimate(
        clips=int(used.sum()), hours=round(float(clip_seconds(work.table)[used].sum()) / 3600, 4), measured=took,
        device=device, stages=stages, bytes_to_write=written, free_bytes=free, memory_bytes=needed,
        memory_total_bytes=int(machine.total), seconds=round(total, 2),
        seconds_low=round(sum(one.seconds_low for one in stages), 2),
        seconds_high=round(sum(one.seconds_high for one in stages), 2), warnings=tuple(said),
    )  # fmt: skip


def _stage(work: Workload, speeds: Speeds, device: str, name: str) -> StageEstimate:
    to_do = {
        "index": not work.planned.indexed, "extract": bool(work.to_extract), "train": bool(work.trainings),
        "retrieve": bool(work.to_retrieve), "describe": bool(work.to_score or work.to_describe),
    }[name]  # fmt: skip
    if not to_do:
        return StageEstimate(name, 0, 0, 0, 0, 0.0, 0.0, 0.0, "current")
    took = {
        "index": lambda: seconds.index_seconds(work), "extract": lambda: seconds.extract_seconds(work, speeds),
        "train": lambda: seconds.train_seconds(work, speeds),
        "retrieve": lambda: seconds.retrieve_seconds(work, speeds),
        "describe": lambda: seconds.describe_seconds(work, speeds),
    }[name]()  # fmt: skip
    held = {
        "index": lambda: memory.index_memory(work), "extract": lambda: memory.extract_memory(work, speeds),
        "train": lambda: memory.train_memory(work, speeds), "retrieve": lambda: memory.retrieve_memory(work, speeds),
        "describe": lambda: memory.describe_memory(work, speeds),
    }[name]()  # fmt: skip
    low, high = MEASURED_RANGE if _timed(speeds, name) else GUESSED_RANGE
    on_device = memory.device_memory(work, speeds, name) if device.startswith("cuda") else 0
    return StageEstimate(
        name, _tokens(work, name), _bytes(work, name), held, on_device,
        round(took, 2), round(took * low, 2), round(took * high, 2), "to do",
    )  # fmt: skip


def _timed(speeds: Speeds, stage: str) -> bool:
    return any(piece in speeds.measured for piece in PIECES[stage])


def _tokens(work: Workload, stage: str) -> int:
    if stage == "extract":
        return sum(int(one.tokens.sum()) for one in work.to_extract)
    if stage == "train":
        return sum((one.steps - one.done) * work.settings.train.batch_tokens for one in work.trainings)
    if stage == "retrieve":
        return sum(int(one.layer.tokens[work.probed].sum()) for one in work.to_retrieve)
    return 0


def _bytes(work: Workload, stage: str) -> int:
    if stage == "index":
        return work.planned.index_bytes + disk.MANIFEST
    if stage == "extract":
        return sum(max(0, disk.layer_bytes(work, one) - one.bytes_there) for one in work.to_extract)
    if stage == "train":
        return sum(disk.training_bytes(work, one) for one in work.trainings)
    if stage == "retrieve":
        return sum(disk.ranking_bytes(work, one) for one in work.to_retrieve)
    return disk.describe_bytes(work)


def _mine() -> int:
    """Memory of this process, which will be free when it has ended."""
    return int(psutil.Process().memory_info().rss)


def _device_total(device: str) -> int:
    if not device.startswith("cuda"):
        return 0
    import torch

    return int(torch.cuda.get_device_properties(torch.device(device)).total_memory)
