"""`ard hallucination`: does steering stop Whisper from hearing speech where there is none?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backend.cli.console import JsonOption, SaeOption, open_study, print_json, table

if TYPE_CHECKING:
    from backend.jobs.job import Job
    from backend.study.folder import Study
    from backend.study.settings import Settings

SHOWN = ("summary", "differences", "random", "f1")


def hallucination(
    study: Annotated[Path, typer.Argument(metavar="STUDY", help="Study of a Whisper model.")],
    plan: Annotated[Path, typer.Argument(metavar="PLAN.toml", help="Sets of clips and settings of the measurement.")],
    sae: SaeOption = "",
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder of the report; beside the plan, named as it, if left out.")
    ] = None,
    as_json: JsonOption = False,
    events: Annotated[bool, typer.Option("--events", help="Print the event protocol (JSON lines) instead.")] = False,
) -> None:
    """Measure Whisper's no-speech probability and word errors with features steered, beside every control."""
    from backend.cli.jobs import run_command
    from backend.steer.hallucination.plan import load_plan
    from backend.steer.hallucination.session import choose_sae, measure

    place = open_study(study)
    asked = load_plan(plan)
    sae_id = choose_sae(place, sae)
    folder = (out or plan.with_suffix("")).expanduser().resolve()
    found: list[dict[str, Any]] = []

    def work(study: Study, settings: Settings, job: Job) -> None:
        found.append(measure(study, settings, asked, plan.resolve().parent, sae_id, folder, job))

    run_command(place.root, "hallucination", work, events)
    (report,) = found
    if as_json:
        tables = {name: rows for name, rows in report["tables"].items() if name != "clips"}
        print_json({**report, "tables": tables, "out": str(folder)})
    elif not events:
        show(report, folder)


def show(report: dict[str, Any], folder: Path) -> None:
    """The tables a person looks at first; all of them are in the folder."""
    from backend.steer.hallucination.report import TITLES, readable

    for name in SHOWN:
        rows = readable(name, report["tables"][name]) if report["tables"][name] else []
        if rows:
            columns = list(dict.fromkeys(key for row in rows for key in row))
            table(TITLES[name], columns, [[row.get(key, "") for key in columns] for row in rows])
            print()
    print(f"everything: {folder / 'report.md'}, report.json and a CSV a table")


COMMANDS = (hallucination,)
