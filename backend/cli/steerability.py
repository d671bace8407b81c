"""Commands about where and with what a model can be steered: steerability."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from backend.cli.console import HERE, JsonOption, StudyArgument, open_study, print_json, table
from backend.cli.jobs import EventsOption, run_command

if TYPE_CHECKING:
    from backend.jobs.job import Job
    from backend.store.steerability import Profile
    from backend.study.folder import Study
    from backend.study.settings import Settings

LabelOption = Annotated[str, typer.Option("--label", help="Label of the clips whose values are the classes.")]


def steerability(
    study: StudyArgument = HERE,
    label: LabelOption = "category",
    classes: Annotated[list[str] | None, typer.Option("--class", help="Class to use; repeatable.")] = None,
    layer: Annotated[
        list[str] | None, typer.Option("--layer", help="Layer, or a stack for all of its layers; repeatable.")
    ] = None,
    prompt: Annotated[str, typer.Option("--prompt", help="What is asked; else the usual question.")] = "",
    strength: Annotated[
        list[float] | None, typer.Option("--strength", help="Multiple of the class difference; repeatable.")
    ] = None,
    clips: Annotated[int, typer.Option("--clips", min=2, help="Most clips that are steered.")] = 60,
    fit: Annotated[int, typer.Option("--fit", min=2, help="Most clips whose means are taken; other ones.")] = 80,
    tokens: Annotated[int, typer.Option("--tokens", min=1, help="Longest answer in tokens.")] = 24,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of target classes and random directions.")] = 0,
    least: Annotated[
        float, typer.Option("--least", min=0, max=1, help="Share of clips from which on a layer counts as steered.")
    ] = 0.5,
    as_json: JsonOption = False,
    events: EventsOption = False,
) -> None:
    """Measure at which layers and places the model's answers can be steered, by differences of class means."""
    from backend.stages.steerability import STRENGTHS, Asked
    from backend.store.steerability import read_profile

    if as_json and events:
        raise typer.BadParameter("--json and --events both print to stdout; name one")
    place = open_study(study)
    asked = Asked(
        label, tuple(classes or ()), tuple(layer or ()), prompt, tuple(strength or STRENGTHS), fit, clips, tokens, seed
    )
    made: list[Path] = []

    def work(study: Study, settings: Settings, job: Job) -> None:
        from backend.stages import steerability as stage

        made.append(stage.run(study, settings, asked, job))

    run_command(place.root, "steerability", work, events)
    if events:
        return
    _show(read_profile(made[0], place), least, as_json)


def _show(profile: Profile, least: float, as_json: bool) -> None:
    from backend.steer.steerability.recommendation import recommend

    settings = profile.settings
    advice = recommend(settings["layers"], profile.cells, least)
    if as_json:
        print_json({
            "file": str(profile.path), "settings": settings, "figures": profile.figures, "cells": profile.cells,
            "recommendation": advice, "left_out": profile.left_out, "stale": profile.stale,
        })  # fmt: skip
        return
    rows = []
    for layer in settings["layers"]:
        for place in profile.places(layer):
            own = [profile.cell(layer, place, one) for one in settings["strengths"]]
            rows.append([layer, place, *(_cell(one) for one in own)])
    table(_title(profile), ["layer", "place", *(f"{one:g}x" for one in settings["strengths"])], rows)
    print("\n".join(["", *advice["words"]]))


def _title(profile: Profile) -> str:
    settings, figures = profile.settings, profile.figures
    if settings["outcome"] == "changed":
        what = "share of transcripts that change (no class can be read from a transcript)"
    else:
        what = f"share of answers that coherently state the target {settings['label']}"
    told = [
        f"{profile.path}: {what}; in brackets that of random directions of the same norm",
        f"{figures['clips']} clips, {settings['label']}: {', '.join(settings['classes'])}; strength in units of the "
        "difference of the class means",
    ]  # fmt: skip
    if settings["outcome"] == "target":
        told.append(f"asked: {settings['prompt']}  ({figures['right']} of {figures['clips']} original answers right)")
    return "\n".join(told)


def _cell(cell: dict[str, dict[str, float]] | None) -> str:
    if cell is None or not cell["steered"]["n"]:
        return "–"
    own, control = cell["steered"], cell["control"]
    return f"{own['value']:.0%} of {own['n']} ({own['low']:.0%}…{own['high']:.0%}) [{control['value']:.0%}]"


COMMANDS = (steerability,)
