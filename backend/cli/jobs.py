"""Commands that compute: index, extract, train, retrieve, describe, run, sweep."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from backend.cli.console import HERE, StudyArgument, duration
from backend.errors import ArdError
from backend.jobs.events import Event
from backend.jobs.job import Job
from backend.study.folder import Study
from backend.study.settings import Settings

DISTRIBUTED = ("extract", "train")
EventsOption = Annotated[bool, typer.Option("--events", help="Print the event protocol (JSON lines) instead.")]


def index(study: StudyArgument = HERE, events: EventsOption = False) -> None:
    """List every clip of the study's folders of sound, without decoding any."""
    run_stage(study, "index", events)


def extract(study: StudyArgument = HERE, events: EventsOption = False) -> None:
    """Run the model over all clips and keep what its layers say."""
    run_stage(study, "extract", events)


def train(study: StudyArgument = HERE, events: EventsOption = False) -> None:
    """Train the study's sparse autoencoders."""
    run_stage(study, "train", events)


def retrieve(study: StudyArgument = HERE, events: EventsOption = False) -> None:
    """Find the most and least representative clips of every feature."""
    run_stage(study, "retrieve", events)


def describe(study: StudyArgument = HERE, events: EventsOption = False) -> None:
    """Score how monosemantic each feature is, caption its clips and name it."""
    run_stage(study, "describe", events)


def sweep(
    study: StudyArgument = HERE,
    expansion: Annotated[list[int] | None, typer.Option("--expansion", help="D/d; repeatable.")] = None,
    k: Annotated[list[int] | None, typer.Option("--k", help="Active features per token; repeatable.")] = None,
    events: EventsOption = False,
) -> None:
    """Train the grid of sparsities and sizes and write its curves (S-13)."""

    def work(study: Study, settings: Settings, job: Job) -> None:
        from backend.stages import sweep as stage

        stage.run(study, settings, job, expansion=expansion or (), k=k or ())

    run_command(study, "sweep", work, events)


def run(study: StudyArgument = HERE, events: EventsOption = False) -> None:
    """Run all stages, continuing where the study was left."""
    from backend.stages import pipeline

    if run_command(study, "run", pipeline.run, events) and not events:
        typer.echo("everything is current", err=True)


def run_stage(folder: Path, name: str, events: bool) -> None:
    """Run one stage of `backend.stages` as a job."""

    def work(study: Study, settings: Settings, job: Job) -> None:
        from backend.stages import pipeline

        pipeline.stage(name).run(study, settings, job)

    run_command(folder, name, work, events)


def run_command(folder: Path, command: str, work: Callable[[Study, Settings, Job], None], events: bool) -> bool:
    """Run `work` on the study in `folder` and show it; True if no stage had anything to do."""
    from backend.cli.progress import EventPrinter, ProgressDisplay
    from backend.jobs.runner import run_job
    from backend.study.configuration import load_settings
    from backend.study.settings import plain

    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and command not in DISTRIBUTED:
        raise ArdError(
            f"ard {command} works in one process",
            todo=f"Use torchrun for {' and '.join(f'ard {name}' for name in DISTRIBUTED)} only.",
        )
    study = Study.open(folder)
    settings = load_settings(study.toml)
    started: list[str] = []

    def notice(event: Event) -> None:
        if event["type"] == "stage" and event["state"] == "started":
            started.append(str(event["stage"]))

    began = time.monotonic()
    show: Any = EventPrinter() if events else ProgressDisplay()
    with show:
        run_job(
            study,
            command,
            lambda job: work(study, settings, job),
            settings=plain(settings),
            listeners=(show, notice),
        )
    if started and not events:
        typer.echo(f"{command} finished in {duration(time.monotonic() - began)}", err=True)
    return not started


COMMANDS = (index, extract, train, retrieve, describe, run, sweep)
