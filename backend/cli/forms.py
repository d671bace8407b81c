"""Commands that a form asks before there is a study: choices, inspect-model, preview-sound."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from backend.cli.console import JsonOption, print_json, shown, size, table


def choices(as_json: JsonOption = False) -> None:
    """Say what can be chosen for a study here: adapters, architectures, embedders …, profiles, devices."""
    from backend.audio.datasets.base import DATASETS
    from backend.describe.captioners.base import CAPTIONERS
    from backend.describe.embedders.base import EMBEDDERS
    from backend.describe.namers.base import NAMERS
    from backend.sae.base import ARCHITECTURES
    from backend.study.profiles import profiles
    from backend.study.settings import ModelSection
    from backend.targets.devices import devices
    from backend.targets.identity import known_types

    names = {
        "adapters": list(DATASETS), "architectures": list(ARCHITECTURES), "embedders": list(EMBEDDERS),
        "captioners": [*CAPTIONERS, "none"], "namers": [*NAMERS, "none"], "model_types": known_types(),
        "dtypes": list(get_args(ModelSection.model_fields["dtype"].annotation)),
    }  # fmt: skip
    made, there = profiles(), devices()
    if as_json:
        print_json({**names, "profiles": [one.plain() for one in made], "devices": [one.plain() for one in there]})
        return
    table("", ("choice of", "names"), ((name.replace("_", " "), ", ".join(some)) for name, some in names.items()))
    print()
    table("", ("profile", "what it is"), ((one.name, one.sentence) for one in made))
    print()
    rows = ((one.id, one.name, size(one.memory_bytes), size(one.free_bytes)) for one in there)
    table("", ("device", "name", "memory", "free"), rows)


def inspect_model(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Folder of a model, or its id on a model hub.")],
    revision: Annotated[str, typer.Option("--revision", help="Revision on the hub; the newest if left out.")] = "",
    offline: Annotated[bool, typer.Option("--offline", help="Do not ask the hub.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Say what a model is, what of it is on this disk, and what would be downloaded; loads nothing."""
    from backend.targets.inspection import inspect

    found = inspect(model, revision, offline=offline)
    if as_json:
        print_json(found.plain())
        return
    places = {"folder": "a folder", "cache": "the hub's cache on this disk", "hub": "the model hub"}
    parameters = "unknown" if found.parameters is None else f"{found.parameters:,}"
    rows = [
        ("model", found.model), ("where", places[found.place]), ("complete", shown(found.complete)),
        ("type", found.model_type), ("sample rate", f"{shown(found.sample_rate)} Hz"),
        ("window", f"{shown(found.window_seconds)} s"), ("parameters", parameters),
        ("weights", "unknown" if found.weight_bytes is None else size(found.weight_bytes)),
        ("missing", ", ".join(found.missing) or "nothing"),
        ("to download", "unknown" if found.to_download_bytes is None else size(found.to_download_bytes)),
    ]  # fmt: skip
    table("", ("", ""), rows)
    print()
    stacks = ((one["name"], one["layers"], one["d"], one["tokens_per_second"], one["usual"]) for one in found.stacks)
    table("", ("stack", "layers", "d", "tokens a second", "usual"), stacks)
    _print_problems(found.problems)


def preview_sound(
    path: Annotated[Path, typer.Argument(metavar="PATH", help="Folder of sound.")],
    adapter: Annotated[str, typer.Option("--adapter", help="How the data set is laid out.")] = "folder",
    manifest: Annotated[str, typer.Option("--manifest", help="CSV or JSONL that lists the clips.")] = "",
    subset: Annotated[list[str] | None, typer.Option("--subset", help="Part to use; repeats.")] = None,
    split: Annotated[list[str] | None, typer.Option("--split", help="Split to use; repeats.")] = None,
    label: Annotated[
        list[str] | None,
        typer.Option(
            "--label", metavar="NAME=VALUE", help="Clips to use; repeats: values of one name are alternatives."
        ),
    ] = None,
    clips: Annotated[int, typer.Option("--clips", min=0, max=1000, help="Clips to draw.")] = 10,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Decides which clips are drawn.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Look at a data set before it is used: counts, hours, labels, splits, and a few clips to listen to."""
    from pydantic import ValidationError

    from backend.audio.datasets.preview import preview
    from backend.study.settings import AudioSection

    try:
        section = AudioSection(
            path=str(path), adapter=adapter, manifest=manifest, subset=subset or [], split=split or [],
            labels=label or [],
        )  # fmt: skip
    except ValidationError as error:
        raise typer.BadParameter("say --label NAME=VALUE, e.g. --label category=animal") from error
    found = preview(section, clips=clips, seed=seed)
    if as_json:
        print_json(asdict(found))
        return
    _print_preview(found)


def _print_preview(found: Any) -> None:
    about = "" if found.hours_exact else f"about, from {found.headers} headers: "
    print(
        f"{found.path}: {found.clips:,} clips, {about}{found.hours:.2f} hours; {found.unreadable} files cannot be used"
    )
    for one in found.unreadable_files:
        print(f"  {one['path']}: {one['reason']}")
    groups = {"subset": found.subsets, "split": found.splits, **{f"label {n}": v for n, v in found.labels.items()}}
    more = {f"label {name}": count for name, count in found.more_values.items()}
    rows = [
        (name, ", ".join(f"{value} ({count})" for value, count in values.items())
         + (f", and {more[name]} more" if name in more else ""))
        for name, values in groups.items() if values
    ]  # fmt: skip
    if rows:
        print()
        table("", ("choice of", "values and clips"), rows)
    if found.sample:
        print()
        table(
            f"{len(found.sample)} clips drawn with seed {found.seed}", ("clip", "start", "seconds", "labels", "split"),
            ((one["record"], one["start"], one["seconds"],
              ", ".join(f"{name}={value}" for name, value in one["labels"].items()), one["split"])
             for one in found.sample),
        )  # fmt: skip
    _print_problems(found.problems)


def _print_problems(problems: list[dict[str, str]]) -> None:
    for one in problems:
        print(f"\n! {one['what']}. {one['todo']}")


COMMANDS = (choices, inspect_model, preview_sound)
