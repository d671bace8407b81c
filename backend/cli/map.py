"""The command that lays out an SAE's directions in the plane: map."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from backend.cli.console import HERE, JsonOption, SaeOption, StudyArgument, open_study, print_json
from backend.cli.jobs import EventsOption, run_command

if TYPE_CHECKING:
    from backend.jobs.job import Job
    from backend.study.folder import Study
    from backend.study.settings import Settings


def map_(
    study: StudyArgument = HERE,
    sae: SaeOption = "",
    directions: Annotated[
        Literal["decoder", "encoder"], typer.Option("--directions", help="Whose rows are laid out.")
    ] = "decoder",
    seed: Annotated[
        int, typer.Option("--seed", min=0, help="Another seed gives another map of the same features.")
    ] = 0,
    as_json: JsonOption = False,
    events: EventsOption = False,
) -> None:
    """Lay out the SAE's directions in the plane, those that point the same way side by side."""
    from backend.store.features import choose
    from backend.store.map import MapFile

    if as_json and events:
        raise typer.BadParameter("--json and --events both print to stdout; name one")
    place = open_study(study)
    sae_id = choose(place, sae)
    made: list[Path] = []

    def work(study: Study, settings: Settings, job: Job) -> None:
        from backend.stages import map as stage

        made.append(stage.run(study, settings, sae_id, directions, seed, job))

    run_command(place.root, "map", work, events)
    if events:
        return
    file = MapFile(made[0])
    told = {"sae": sae_id, "file": str(file.path), **file.settings, "kept": file.kept, "by_chance": file.by_chance}
    if as_json:
        columns = {"x": file.x.tolist(), "y": file.y.tolist(), "directed": file.directed.tolist()}
        print_json({**told, "weights": file.weights, "features": file.features, **columns})
        return
    print(f"{sae_id}: map of {file.features} {directions} directions, {file.path}")
    if file.kept == file.kept:
        print(f"of a feature's nearest directions {file.kept:.1%} are its nearest on the map "
              f"({file.by_chance:.1%} if places were random)")  # fmt: skip
    without = int((~file.directed).sum())
    if without:
        print(f"{without} features have no direction; they lie in a row below the map")


COMMANDS = (map_,)
