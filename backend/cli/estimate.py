"""What a study will need before it runs: estimate."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backend.cli.console import HERE, JsonOption, duration, print_json, size, table

if TYPE_CHECKING:
    from backend.estimate.report import Estimate


def estimate(
    study: Annotated[
        Path, typer.Argument(metavar="STUDY|FILE", help="Study folder, or a file like study.toml.")
    ] = HERE,
    measure: Annotated[
        bool, typer.Option("--measure", help="Time three clips and a few steps on this machine.")
    ] = False,
    within: Annotated[
        Path | None, typer.Option("--within", help="Study whose finished results count, for a FILE elsewhere.")
    ] = None,
    events: Annotated[
        bool, typer.Option("--events", help="Print the event protocol; the last event is the answer.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Say what everything that is not current will need: clips, tokens, disk, memory and time. Writes nothing."""
    from backend.cli.progress import EventPrinter, ProgressDisplay
    from backend.estimate.report import estimate as whole
    from backend.jobs.events import EventLog
    from backend.jobs.job import Job, stop_on_signals

    quiet = as_json and not events and not sys.stderr.isatty()
    show: Any = nullcontext() if quiet else EventPrinter() if events else ProgressDisplay()
    with show:
        job = Job(EventLog(None, "estimate", () if quiet else (show,)))
        with stop_on_signals(job):
            found = whole(study, job, measure=measure, within=within)
        if events:
            job.log.emit("", "estimate", values=found.plain())
            return
    if as_json:
        print_json(found.plain())
    else:
        _print(found)


def _print(found: Estimate) -> None:
    print(f"{found.clips:,} clips, {found.hours:.2f} hours")
    rows: list[tuple[str, ...]] = [
        (
            one.stage, one.state, f"{one.tokens:,}" if one.tokens else "", _bytes(one.bytes_to_write),
            _bytes(one.memory_bytes), _bytes(one.device_bytes), _span(one.seconds_low, one.seconds, one.seconds_high),
        )
        for one in found.stages
    ]  # fmt: skip
    if found.seconds is not None:
        assert found.bytes_to_write is not None
        assert found.memory_bytes is not None
        assert found.seconds_low is not None
        assert found.seconds_high is not None
        rows.append(
            (
                "all", "", "", _bytes(found.bytes_to_write), _bytes(found.memory_bytes), "",
                _span(found.seconds_low, found.seconds, found.seconds_high),
            )
        )  # fmt: skip
        table("", ("stage", "", "tokens", "disk", "memory", "device", "time"), rows)
        how = "measured here" if found.measured else "guessed; --measure times a few clips"
        print(f"\non {found.device} ({how}); {size(found.free_bytes)} free, {size(found.memory_total_bytes)} of memory")
    for one in found.warnings:
        print(f"\nwarning: {one.what}. {one.todo}".rstrip())


def _bytes(count: int) -> str:
    return size(count) if count else ""


def _span(low: float, seconds: float, high: float) -> str:
    return f"{duration(seconds)} ({duration(low)} … {duration(high)})" if seconds else ""


COMMANDS = (estimate,)
