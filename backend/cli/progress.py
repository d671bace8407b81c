"""A job on the terminal: progress with time left on stderr, or the event protocol on stdout."""

from __future__ import annotations

import json
import sys
from types import TracebackType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from backend.cli.console import duration, size
from backend.jobs.events import Event
from backend.jobs.stdout import keep_stdout_for_protocol

BYTES = ("bytes", "peak_memory_bytes", "peak_device_bytes")


class EventPrinter:
    """Prints each event as one JSON line; goes on silently when nobody reads any more."""

    def __init__(self) -> None:
        self._stream: Any = keep_stdout_for_protocol()

    def __enter__(self) -> EventPrinter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def __call__(self, event: Event) -> None:
        if self._stream is None:
            return
        try:
            self._stream.write(json.dumps(event, ensure_ascii=False, allow_nan=False, default=float) + "\n")
            self._stream.flush()
        except OSError:
            self._stream = None


class ProgressDisplay:
    """Shows events with rich: one bar a stage, messages above it."""

    def __init__(self) -> None:
        self.console = Console(stderr=True, markup=False, highlight=False, soft_wrap=True)
        self._progress = Progress(
            TextColumn("{task.description:<9}", markup=False),
            BarColumn(bar_width=28),
            TextColumn("{task.fields[done]}", markup=False),
            TextColumn("{task.fields[left]}", markup=False),
            TextColumn("{task.fields[note]}", markup=False),
            console=self.console,
            transient=True,
            disable=not sys.stderr.isatty(),
        )
        self._task: TaskID | None = None

    def __enter__(self) -> ProgressDisplay:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def __call__(self, event: Event) -> None:
        handler = getattr(self, f"_on_{event['type']}", None)
        if handler is not None:
            handler(event)

    def _on_stage(self, event: Event) -> None:
        if event["state"] == "started":
            self._clear()
            self._task = self._progress.add_task(str(event["stage"]), total=None, done="", left="", note="")
            return
        self._clear()
        what = "is current" if event["state"] == "current" else f"done in {duration(float(event['seconds']))}"
        self.console.print(f"{event['stage']:<9} {what}")

    def _on_progress(self, event: Event) -> None:
        if self._task is None:
            return
        done, total, left = float(event["done"]), float(event["total"]), event["seconds_left"]
        self._progress.update(
            self._task,
            completed=done,
            total=total,
            done=f"{done:,.0f}/{total:,.0f} {event['unit']}",
            left="" if left is None else f"{duration(float(left))} left",
        )

    def _on_metric(self, event: Event) -> None:
        if self._task is None:
            return
        picked = {key: value for key, value in event["values"].items() if key in ("fvu", "l0", "loss", "dead")}
        note = "  ".join(f"{key} {value:.3g}" for key, value in picked.items() if isinstance(value, int | float))
        self._progress.update(self._task, note=note)

    def _on_message(self, event: Event) -> None:
        prefix = {"warning": "warning: ", "error": "error: "}.get(str(event["level"]), "")
        self.console.print(f"{event['stage']:<9} {prefix}{event['text']}")

    def _on_estimate(self, event: Event) -> None:
        values = {key: value for key, value in event["values"].items() if isinstance(value, int | float | str)}
        parts = [f"{key.replace('_', ' ')} {_quantity(key, value)}" for key, value in values.items()]
        self.console.print(f"{event['stage']:<9} estimate: {', '.join(parts)}")

    def _on_resources(self, event: Event) -> None:
        if "peak_memory_bytes" not in event:
            return
        device = event["peak_device_bytes"]
        more = f", {size(device)} on the device" if device else ""
        self.console.print(f"{event['stage']:<9} peak memory {size(event['peak_memory_bytes'])}{more}")

    def _clear(self) -> None:
        if self._task is not None:
            self._progress.remove_task(self._task)
            self._task = None


def _quantity(key: str, value: Any) -> str:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return {True: "yes", False: "no"}.get(value, str(value))
    if key in BYTES or key.endswith("bytes"):
        return size(value)
    if key == "seconds" or key.endswith("seconds"):
        return duration(value)
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:.4g}"
