"""Commands about the user's own work: notes show, lists, export, import; and what `ard export` takes of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backend.cli.console import HERE, JsonOption, SaeOption, StudyArgument, open_study, print_json, table
from backend.errors import ArdError

if TYPE_CHECKING:
    from backend.export.own_work import OwnWork
    from backend.store.notes.notes import Notes
    from backend.store.notes.records import NamedList
    from backend.study.folder import Study

app = typer.Typer(
    name="notes",
    help="The user's own work: stars, tags, names, judgements and lists.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def show(study: StudyArgument = HERE, sae: SaeOption = "", as_json: JsonOption = False) -> None:
    """Show what was noted of the features, and what belongs to SAEs that are no longer there."""
    from dataclasses import asdict

    from backend.store.notes.keys import sae_key, sae_keys

    place = open_study(study)
    keys = {sae: sae_key(place, sae)} if sae else sae_keys(place)
    with opened(place) as notes:
        noted = {name: _noted(notes, key) for name, key in keys.items()}
        orphans = [] if sae else notes.orphans(list(keys.values()))
        where = notes.place
    if as_json:
        print_json({"place": where, "features": noted, "orphans": [asdict(one) for one in orphans]})
        return
    print(where)
    columns = ("feature", "star", "own_name", "tags", "verdict", "note", "judged_clips")
    for name, rows in noted.items():
        if rows:
            print()
            table(f"{name}: {len(rows)} features", columns, ([_cell(row[c]) for c in columns] for row in rows))
    for one in orphans:
        print(
            f"\nof an SAE that is no longer here ({one.sae[:16]}): "
            f"{one.features} features, {one.clips} judged clips, {one.entries} in lists, "
            f"{one.results} saved steering results"
        )


def lists(
    study: StudyArgument = HERE,
    name: Annotated[str, typer.Option("--list", help="Show the features of this list.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Show the named lists, or the features of one."""
    from dataclasses import asdict

    from backend.store.notes.keys import sae_keys

    place = open_study(study)
    with opened(place) as notes:
        if not name:
            known = [asdict(one) for one in notes.lists()]
        else:
            found = notes.find_list(name)
            known = _entries(notes, found, sae_keys(place))
    if as_json:
        print_json({"lists": known} if not name else {"list": asdict(found), "entries": known})
        return
    columns = ("order", "sae", "feature", "own_name", "note") if name else ("name", "description", "entries", "key")
    title = f"{found.name}: {found.entries} features" if name else f"{len(known)} lists"
    table(title, columns, ([row[column] for column in columns] for row in known))


def export(
    out: Annotated[Path, typer.Option("--out", help="JSON file to write.")],
    study: StudyArgument = HERE,
) -> None:
    """Write everything that was noted, for a colleague to import."""
    from backend.store.notes.exchange import export_notes
    from backend.store.notes.keys import sae_keys

    place = open_study(study)
    with opened(place) as notes:
        count = export_notes(notes, out, saes=sae_keys(place))
    typer.echo(f"{count} rows of notes written to {out}", err=True)


def import_(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="What a colleague exported.")],
    study: StudyArgument = HERE,
) -> None:
    """Merge a colleague's notes: the newest of each field wins, nothing of yours is lost from the history of names."""
    from backend.store.notes.exchange import import_notes

    with opened(open_study(study)) as notes:
        change = import_notes(notes, source)
    typer.echo(f"{len(change.rows)} fields were newer in {source}", err=True)


for command in (show, lists, export, import_):
    app.command(command.__name__.rstrip("_"))(command)


def opened(study: Study) -> Notes:
    """The notes of a study; what must be said of them goes to stderr."""
    from backend.store.notes.notes import Notes

    notes = Notes.open(study)
    for message in notes.messages:
        typer.echo(message, err=True)
    return notes


def own_work(study: Study, sae: str, list_name: str) -> tuple[str, OwnWork]:
    """The SAE whose features are meant, and what was noted of them; of a list the one SAE that its features are of."""
    from backend.export.own_work import OwnWork
    from backend.store.features import choose
    from backend.store.notes.keys import sae_key, sae_keys
    from backend.store.notes.notes import Notes

    if not Notes.exist(study):
        if list_name:
            raise ArdError(f"there is no list '{list_name}': nothing was noted on this study", path=study.root)
        return choose(study, sae), OwnWork()
    with opened(study) as notes:
        if not list_name:
            chosen = choose(study, sae)
            return chosen, OwnWork.of(notes, sae_key(study, chosen))
        found = notes.find_list(list_name)
        listed = [one.sae for one in notes.entries(found.key)]
        keys = sae_keys(study)
        of_list = [name for name in study.feature_ids() if keys.get(name) in listed]
        chosen = choose(study, sae or (of_list[0] if len({keys[name] for name in of_list}) == 1 else ""))
        key = sae_key(study, chosen)
        others = len(listed) - listed.count(key)
        if others:
            typer.echo(f"{others} features of '{found.name}' are of other SAEs and left out", err=True)
        return chosen, OwnWork.of(notes, key, found.key)


def _noted(notes: Notes, key: str) -> list[dict[str, Any]]:
    features, clips = notes.features(key), notes.all_clip_notes(key)
    rows = []
    for k in sorted({*features, *clips}):
        one = features.get(k)
        rows.append({
            "feature": k,
            "star": bool(one and one.star),
            "own_name": one.name if one else "",
            "tags": sorted(one.tags) if one else [],
            "verdict": one.verdict if one else "",
            "note": one.note if one else "",
            "judged_clips": len(clips.get(k, {})),
            "names": [{"name": f.name, "author": f.author, "time": f.time} for f in notes.history(key, k)],
        })  # fmt: skip
    return rows


def _entries(notes: Notes, found: NamedList, keys: dict[str, str]) -> list[dict[str, Any]]:
    ids = {key: name for name, key in reversed(keys.items())}
    names = {key: notes.features(key) for key in {one.sae for one in notes.entries(found.key)}}
    rows = []
    for order, one in enumerate(notes.entries(found.key), start=1):
        known = names[one.sae].get(one.feature)
        sae = ids.get(one.sae, f"no longer here ({one.sae[:16]})")
        own = known.name if known else ""
        rows.append({"order": order, "sae": sae, "feature": one.feature, "own_name": own, "note": one.note})
    return rows


def _cell(value: Any) -> Any:
    return ", ".join(value) if isinstance(value, list) else value
