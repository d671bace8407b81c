"""`metrics.jsonl`: one line of numbers every few steps; and the same numbers for TensorBoard, if asked for."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, Protocol

from backend.errors import ArdError
from backend.study.atomic import write_text

Values = dict[str, float | int | None]


class Writer(Protocol):
    """What `torch.utils.tensorboard.SummaryWriter` offers."""

    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> None: ...

    def close(self) -> None: ...


class MetricsLog:
    """Appends lines to `metrics.jsonl`.

    Opening it at a step drops the lines after that step, which an interrupted run wrote and the resumed one will
    write again, and a torn last line.
    """

    def __init__(self, path: Path, *, from_step: int, tensorboard: bool = False) -> None:
        self.path = path
        kept = [line for line in read_metrics(path) if line["step"] <= from_step]
        write_text(path, "".join(_line(values) for values in kept))
        self._writer: Writer | None = (
            tensorboard_writer(path.parent / "tensorboard", from_step) if tensorboard else None
        )

    def write(self, values: Values) -> None:
        with open(self.path, "a", encoding="utf-8") as handle:
            handle.write(_line(values))
        if self._writer is not None:
            step = int(values["step"] or 0)
            for name, value in values.items():
                if value is not None and name != "step":
                    self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The whole lines of a `metrics.jsonl`, in order; empty if there is no such file."""
    if not path.exists():
        return []
    found = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            values = json.loads(line)
        except json.JSONDecodeError:
            continue
        if isinstance(values, dict) and "step" in values:
            found.append(values)
    return found


def finite(values: dict[str, float]) -> Values:
    """JSON has no infinity: such values become null."""
    return {name: value if math.isfinite(value) else None for name, value in values.items()}


def tensorboard_writer(folder: Path, from_step: int) -> Writer:
    """A writer that hides what an interrupted run logged after `from_step`; ArdError if the package is missing."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise ArdError(
            "train.tensorboard is on, and the package tensorboard is not installed",
            todo='Install it (pip install "ard[tensorboard]"), or set train.tensorboard = false.',
        ) from error
    writer: Writer = SummaryWriter(str(folder), purge_step=from_step + 1)
    return writer


def _line(values: Values) -> str:
    return json.dumps(values, allow_nan=False) + "\n"
