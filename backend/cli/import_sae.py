"""The command that brings a published SAE into a study, or only looks whether it would: import-sae."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backend.cli.console import JsonOption, open_study, print_json, table
from backend.cli.jobs import EventsOption, run_command

if TYPE_CHECKING:
    from backend.jobs.job import Job
    from backend.stages.bring import Brought
    from backend.study.folder import Study
    from backend.study.settings import Settings


def import_sae(
    study: Annotated[Path, typer.Argument(metavar="STUDY", help="Study with activations of the SAE's layer.")],
    source: Annotated[
        Path, typer.Argument(metavar="SRC", help="File or folder of dictionary_learning, SAELens, sparsify, or of ARD.")
    ],
    layer: Annotated[str, typer.Option("--layer", help="The study's layer that it reads, 0-based, e.g. encoder.11.")],
    name: Annotated[str, typer.Option("--name", help="Its id in the study; else layer and name of the folder.")] = "",
    format_: Annotated[
        str, typer.Option("--format", help="auto, ard, dictionary_learning, saelens or sparsify.")
    ] = "auto",
    architecture: Annotated[str, typer.Option("--architecture", help="Where the file does not say.")] = "",
    k: Annotated[int, typer.Option("--k", min=0, help="Where the file does not say.")] = 0,
    check: Annotated[bool, typer.Option("--check", help="Only look how well it fits; write nothing.")] = False,
    as_json: JsonOption = False,
    events: EventsOption = False,
) -> None:
    """Bring a published SAE into a study; it is verified on the study's own activations first."""
    from backend.stages import bring
    from backend.study.configuration import load_settings

    if events and (as_json or check):
        raise typer.BadParameter("--events is for the import itself, without --check and --json")
    if as_json and not check:
        raise typer.BadParameter("--json goes with --check")
    place = open_study(study)
    wanted = bring.Wanted(source, layer, name, format_, architecture or None, k or None)
    if check:
        found = bring.check(place, load_settings(place.toml), wanted)
        print_json(found) if as_json else _show(found)
        return
    brought: list[Brought] = []

    def work(study: Study, settings: Settings, job: Job) -> None:
        brought.append(bring.run(study, settings, wanted, job))

    run_command(place.root, "import-sae", work, events)
    if not events:
        typer.echo(bring.in_words(brought[0]))


def _show(found: dict[str, Any]) -> None:
    """What the check found, for a person."""
    if found["format"]:
        k = "" if found["k"] is None else f", k = {found['k']}"
        size = (
            "" if found["d"] is None else f": {found['architecture']}, {found['features']} features of {found['d']}{k}"
        )
        print(f"{found['format']}{size}")
    if found["candidates"]:
        title = f"on {found['tokens']} tokens of {found['layer']}:"
        rows = (
            [one["bias_mode"], one["input_scaling"], one["fvu"], one["l0"], _mark(one)] for one in found["candidates"]
        )
        table(title, ("bias", "scaling", "FVU", "L0", ""), rows)
    for text in found["warnings"]:
        print(f"warning: {text}")
    print(f"it would be refused: {found['problem']}" if found["problem"] else f"it can be imported as {found['id']}")


def _mark(candidate: dict[str, Any]) -> str:
    marks = ("chosen",) * candidate["chosen"] + ("as the file says",) * candidate["declared"]
    return ", ".join(marks)


COMMANDS = (import_sae,)
