"""Commands about the study folder itself: new, status, info, gc."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from backend.cli.console import HERE, JsonOption, StudyArgument, duration, open_study, print_json, size, table

SHOWN_FILES = 20
MARK = {"finished": "✔", "stale": "~", "missing": "·", "in progress": "…"}


def new(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the new study.")],
    model: Annotated[str, typer.Option("--model", help="Folder of the model, or its id on a model hub.")],
    audio: Annotated[list[Path], typer.Option("--audio", help="Folder of sound; repeat for several.")],
    adapter: Annotated[str, typer.Option("--adapter", help="Layout of the folders of sound.")] = "folder",
    manifest: Annotated[str, typer.Option("--manifest", help="CSV or JSONL that lists the clips.")] = "",
    layer: Annotated[list[str] | None, typer.Option("--layer", help="0-based: encoder.3, decoder.0, last.")] = None,
    profile: Annotated[str, typer.Option("--profile", help="default, ard-paper, audiosae-paper or tiny.")] = "default",
    set_: Annotated[list[str] | None, typer.Option("--set", help="Any setting: train.steps=2000; repeatable.")] = None,
) -> None:
    """Make a study: a folder with a commented study.toml."""
    from backend.study.creation import new_study

    study = new_study(
        folder, model, audio, adapter=adapter, manifest=manifest, layers=layer, profile=profile, changes=set_ or []
    )  # fmt: skip
    typer.echo(f"{study.toml} is ready. Look through it, then: ard run {folder}")


def status(
    study: StudyArgument = HERE,
    settings: Annotated[
        Path | None, typer.Option("--settings", help="A changed study.toml: what would be so with it.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show what is finished, stale or missing, which files cannot be used, and who is writing."""
    from backend.stages.state import study_state

    state = study_state(open_study(study), settings)
    if as_json:
        print_json(state)
        return
    print(f"{state['study']}  ({state['model']})")
    table("", ("", "stage", "product", "state", ""), (_product_row(one) for one in state["products"]))
    writer = state["writer"]
    if writer:
        print(f"\nin use: process {writer['pid']} on {writer['host']} has been writing since {writer['since']}")
    _files("cannot be used", [(one["path"], one["reason"]) for one in state["unreadable"]])
    _files("clips left out by a stage", [(one["record"], one["reason"]) for one in state["skipped"]])
    for run in state["runs"]:
        if run["state"] in ("failed", "killed", "running"):
            print(f"\nrun {run['id']} {run['state']}" + (f": {run['text']}" if run["text"] else ""))
    for text in state["problems"]:
        print(f"\n{text}")
    if not writer and any(one["state"] != "finished" for one in state["products"]):
        print(f"\nto bring everything up to date: ard run {study}")


def info(
    study: StudyArgument = HERE,
    sae: Annotated[str, typer.Argument(metavar="[SAE]", help="One SAE; all if left out.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Show settings, what each result was made from, and its figures."""
    from backend.stages.state import manifests
    from backend.study.configuration import load_settings
    from backend.study.settings import plain

    place = open_study(study)
    found = manifests(place, sae)
    if as_json:
        settings = plain(load_settings(place.toml))
        print_json({"study": str(place.root), "settings": settings, "manifests": found})
        return
    for name, manifest in found.items():
        rows = [("made", f"{manifest['finished']} in {duration(manifest['seconds'])} on {manifest['device']}")]
        rows += [("fingerprint", manifest["fingerprint"]), ("git", manifest.get("git") or "–")]
        for part in ("settings", "inputs", "outputs", "figures"):
            rows += [(f"{part[:-1]} {key}", _short(value)) for key, value in manifest[part].items()]
        table(name, ("", " "), rows)
        print()


def gc(
    study: StudyArgument = HERE,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Remove results that nothing in the study names any more, and what killed runs left behind."""
    from backend.stages.collect import collect

    removed = collect(open_study(study), dry_run=dry_run)
    if as_json:
        print_json({"removed": [{"path": str(p), "bytes": b} for p, b in removed], "dry_run": dry_run})
        return
    for path, count in removed:
        print(f"{size(count):>10}  {path}")
    verb = "would be removed" if dry_run else "removed"
    print(f"{len(removed)} {'entry' if len(removed) == 1 else 'entries'}, {size(sum(b for _, b in removed))} {verb}")


def _product_row(one: dict[str, Any]) -> tuple[str, ...]:
    return MARK[one["state"]], one["stage"], one["name"], one["state"], one["note"]


def _files(title: str, rows: list[tuple[str, str]]) -> None:
    if not rows:
        return
    print()
    table(f"{len(rows)} {title}", ("file", "reason"), rows[:SHOWN_FILES])
    if len(rows) > SHOWN_FILES:
        print(f"… and {len(rows) - SHOWN_FILES} more (--json lists all)")


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 160 else f"{text[:157]}…"


COMMANDS = (new, status, info, gc)
