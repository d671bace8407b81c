"""Commands about saved steering results: notes steering list, show, export, delete, restore."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from backend.cli.console import HERE, JsonOption, StudyArgument, open_study, print_json, table
from backend.cli.notes import opened
from backend.errors import ArdError

if TYPE_CHECKING:
    from backend.export.steering import SteeringRecord
    from backend.store.notes.notes import Notes
    from backend.store.notes.saved_steering import SavedResult
    from backend.study.folder import Study

app = typer.Typer(
    name="steering",
    help="Saved steering results: what the model said originally, reconstructed and steered.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
ResultArgument = Annotated[
    str, typer.Argument(metavar="RESULT", help="Id of the result, the beginning of one, or its title.")
]
DeletedOption = Annotated[bool, typer.Option("--deleted", help="With those that were deleted.")]


def list_(study: StudyArgument = HERE, deleted: DeletedOption = False, as_json: JsonOption = False) -> None:
    """Show the saved results, the newest first."""
    from dataclasses import asdict

    from backend.store.notes.notes import Notes

    place = open_study(study)
    found: list[SavedResult] = []
    if Notes.exist(place):
        with opened(place) as notes:
            found = notes.saved_results(deleted=deleted)
    if as_json:
        print_json({"results": [{"heading": one.heading, **asdict(one)} for one in found]})
        return
    columns = ("id", "title", "sae", "clip", "saved", "note")
    table(f"{len(found)} saved steering results", columns, [_row(one) for one in found])


def show(result: ResultArgument, study: StudyArgument = HERE, as_json: JsonOption = False) -> None:
    """Show one saved result: settings, answers side by side, and the command line that makes it again."""
    from backend.export.steering import as_json as documents
    from backend.export.steering import as_markdown

    place = open_study(study)
    with _existing(place) as notes:
        records = _records(notes, place, [notes.find_result(result).id])
    print((documents if as_json else as_markdown)(records), end="")


def export(
    out: Annotated[Path, typer.Option("--out", help="File to write: .csv, .json or .md.")],
    study: StudyArgument = HERE,
    kind: Annotated[
        str, typer.Option("--format", metavar="csv|json|markdown", help="By the file's ending if left out.")
    ] = "",
    result: Annotated[
        list[str] | None, typer.Option("--result", metavar="RESULT", help="Only this one; once for each.")
    ] = None,
    deleted: DeletedOption = False,
) -> None:
    """Write the saved results with their answers, figures and command lines."""
    from backend.export.steering import write_steering

    place = open_study(study)
    with _existing(place) as notes:
        chosen = [notes.find_result(one).id for one in result] if result else None
        records = _records(notes, place, chosen, deleted)
    count = write_steering(records, out, kind)
    typer.echo(f"{count} steering results written to {out}", err=True)


def delete(result: ResultArgument, study: StudyArgument = HERE) -> None:
    """Take a saved result away; its content is kept, and `restore` brings it back."""
    with _existing(open_study(study)) as notes:
        found = notes.find_result(result, deleted=False)
        notes.delete_result(found.id)
    typer.echo(f"deleted: {found.heading}. To bring it back: ard notes steering restore {found.id[:8]}", err=True)


def restore(result: ResultArgument, study: StudyArgument = HERE) -> None:
    """Bring a deleted result back."""
    with _existing(open_study(study)) as notes:
        found = notes.find_result(result)
        notes.restore_result(found.id)
    typer.echo(f"restored: {found.heading}", err=True)


for command in (list_, show, export, delete, restore):
    app.command(command.__name__.rstrip("_"))(command)


def _existing(study: Study) -> Notes:
    """The notes of a study on which something was noted, so that looking makes no file."""
    from backend.store.notes.notes import Notes

    if not Notes.exist(study):
        raise ArdError("there is no saved result: nothing was noted on this study", path=study.root)
    return opened(study)


def _records(notes: Notes, study: Study, chosen: list[str] | None, deleted: bool = False) -> list[SteeringRecord]:
    from backend.export.steering import steering_records
    from backend.store.notes.keys import sae_keys

    return steering_records(notes, study.root, sae_keys(study), chosen, deleted=deleted)


def _row(one: SavedResult) -> tuple[str, ...]:
    contents = one.contents
    sound = "" if contents.clip is None else contents.clip.record or contents.clip.path
    note = " ".join(one.note.split()) or contents.problem
    title = f"{one.heading} (deleted)" if one.deleted else one.heading
    return one.id[:8], title, contents.ranking, sound, contents.saved[:16].replace("T", " "), note
