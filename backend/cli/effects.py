"""The command that chooses features by what they do: effects."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backend.cli.console import HERE, JsonOption, SaeOption, StudyArgument, open_study, print_json, table
from backend.cli.jobs import EventsOption, run_command
from backend.errors import ArdError

if TYPE_CHECKING:
    from backend.jobs.job import Job
    from backend.store.effects import EffectsFile
    from backend.study.folder import Study
    from backend.study.settings import Settings

SHOWN = 8


def effects(
    study: StudyArgument = HERE,
    sae: SaeOption = "",
    label: Annotated[
        str, typer.Option("--label", help="Label of the clips whose values are the classes.")
    ] = "category",
    target: Annotated[
        list[str] | None, typer.Option("--target", help="Class the answers are to state; repeatable.")
    ] = None,
    prompt: Annotated[str, typer.Option("--prompt", help="What is asked; else the usual question.")] = "",
    candidates: Annotated[int, typer.Option("--candidates", min=1, help="Features of largest class difference.")] = 24,
    times: Annotated[
        list[float] | None, typer.Option("--times", min=0, help="Multiple of a single feature's maximum; repeatable.")
    ] = None,
    set_times: Annotated[
        list[float] | None, typer.Option("--set-times", min=0, help="The same for the features of sets; repeatable.")
    ] = None,
    clips: Annotated[int, typer.Option("--clips", min=1, help="Most clips in either half.")] = 24,
    greedy: Annotated[int, typer.Option("--greedy", min=0, help="Most features of the greedy set.")] = 8,
    mode: Annotated[str, typer.Option("--mode", help="How an override enters the code.")] = "delta",
    positions: Annotated[str, typer.Option("--positions", help="audio or prompt.")] = "audio",
    decode: Annotated[str, typer.Option("--decode", help="off, reconstruct or steer.")] = "off",
    tokens: Annotated[int, typer.Option("--tokens", min=1, help="Longest answer in tokens.")] = 24,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the random control sets.")] = 0,
    out: Annotated[Path | None, typer.Option("--out", help="Also write the sets for ard sensitivity.")] = None,
    as_json: JsonOption = False,
    events: EventsOption = False,
) -> None:
    """Choose the features that drive a concept by their effect on the answers; store them as one slider's set."""
    from backend.stages.effects import Asked
    from backend.steer.intervention import Intervention
    from backend.store.effects import export, read_effects
    from backend.store.features import choose
    from backend.study.atomic import write_json

    if as_json and events:
        raise typer.BadParameter("--json and --events both print to stdout; name one")
    Intervention(mode=mode, positions=positions, decode=decode)  # type: ignore[arg-type]
    place = open_study(study)
    sae_id = choose(place, sae)
    if not target:
        raise ArdError("no class is named", todo="Name the class that answers are to state: --target music")
    asked = [
        Asked(
            label, one, prompt, candidates, tuple(times or Asked.times), tuple(set_times or Asked.set_times),
            clips=clips, greedy=greedy, mode=mode,
            positions=positions, decode=decode, max_new_tokens=tokens, seed=seed,
        )
        for one in target
    ]  # fmt: skip
    made: list[Path] = []

    def work(study: Study, settings: Settings, job: Job) -> None:
        from backend.stages.effects import Search

        searches = [Search(study, settings, sae_id, one) for one in asked]
        made.extend(one.run(job) for one in searches)

    run_command(place.root, "effects", work, events)
    found = [read_effects(path) for path in made]
    if out is not None:
        write_json(out, export(one.sets["set"] for one in found))
    if events:
        return
    if as_json:
        print_json([_json(one) for one in found])
        return
    for one in found:
        _show(one)


def _json(one: EffectsFile) -> dict[str, Any]:
    return {
        "file": str(one.path), "settings": one.settings, "figures": one.figures, "ranking": one.ranking,
        "tried": one.tried, "controls": one.controls,
        "sets": {
            name: {**own.as_concept(), "how": own.how, "times": own.times, "selection": own.selection,
                   "held_out": own.held_out}
            for name, own in one.sets.items()
        },
    }  # fmt: skip


def _show(one: EffectsFile) -> None:
    settings = one.settings
    print(f"{settings['label']} = {settings['target']}, {settings['mode']} at {settings['positions']} positions of "
          f"{settings['layer']}; asked: {settings['prompt']}\n{one.path}")  # fmt: skip
    multiples = [f"{t:g}" for t in settings["times"]]
    rows = [
        [
            row["feature"], row["name"], row["m"], row["difference"], row["auc"], ", ".join(row["why"]),
            *(_share(row["steered"][t]) for t in multiples),
        ]
        for row in one.ranking[:SHOWN]
    ]  # fmt: skip
    table("", ["feature", "name", "m", "difference", "AUC", "chosen by", *(f"{t}x" for t in multiples)], rows)
    sets = [
        [row["how"], len(row["features"]), row["times"], row["displacement"], _share(row["steered"])]
        for row in one.tried
    ]  # fmt: skip
    table("\nsets, on the clips they were chosen on", ["by", "features", "times", "|x'-x|", "shifted"], sets)
    for name, chosen in one.sets.items():
        print(f"\nbest {name}: {len(chosen.features)} by {chosen.how} at {chosen.times:g}x, "
              f"|x'-x| {chosen.displacement:.3g}; on other clips {_share(chosen.held_out)} shifted")  # fmt: skip
        print("  " + ", ".join(f"{k}={v:.3g}" for k, v in chosen.features))
    for row in one.controls:
        print(f"control, {row['how']}: {_share(row['steered'])}, |x'-x| {row['displacement']:.3g}")


def _share(told: dict[str, Any]) -> str:
    if not told["n"]:
        return "no clip"
    return f"{told['value']:.0%} of {told['n']} ({told['low']:.0%} … {told['high']:.0%})"


COMMANDS = (effects,)
