"""Commands about blind rating studies: rating new, list, show, summary, export (A-44, A-45)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backend.cli.console import HERE, JsonOption, StudyArgument, open_study, print_json, table
from backend.cli.notes import opened
from backend.errors import ArdError

if TYPE_CHECKING:
    from backend.store.notes.rating_book import ItemRating
    from backend.store.notes.rating_plan import RatingPlan
    from backend.study.folder import Study

app = typer.Typer(
    name="rating",
    help="Blind rating studies: how well do the automatic names fit what people hear?",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
RatingOption = Annotated[
    str, typer.Option("--rating", metavar="KEY", help="Key or name of the rating study, where there are several.")
]


def new(
    study: StudyArgument = HERE,
    method: Annotated[
        list[str] | None, typer.Option("--method", metavar="SAE", help="SAE or raw-LAYER; once for each method.")
    ] = None,
    concepts: Annotated[int, typer.Option("--concepts", min=1, help="Concepts of each method.")] = 50,
    seed: Annotated[int, typer.Option("--seed", help="Another seed draws other concepts.")] = 0,
    p: Annotated[int, typer.Option("--p", min=0, help="Clips per concept; 0: as many as features are ranked by.")] = 0,
    listen: Annotated[float, typer.Option("--listen", min=0, help="Seconds of each clip that must be heard.")] = 10.0,
    trace: Annotated[bool, typer.Option("--trace", help="Draw the activation trace over the spectrograms.")] = False,
    name: Annotated[str, typer.Option("--name", help="What the rating study is called.")] = "",
) -> None:
    """Draw the concepts of a new blind study; people rate them in the desktop's Rating panel."""
    from backend.store.notes.rating_book import RatingBook
    from backend.store.notes.rating_plan import plan

    place = open_study(study)
    with opened(place) as notes:
        made = plan(
            place, method or [], concepts=concepts, seed=seed, p=p, listen_seconds=listen, trace=trace, name=name,
            author=notes.author,
        )  # fmt: skip
        RatingBook(notes).add(made)
    print(made.key)
    typer.echo(f"{len(made.items)} concepts of {len(made.methods)} methods, {made.p} clips each: {made.name}", err=True)


def list_(study: StudyArgument = HERE, as_json: JsonOption = False) -> None:
    """Show the rating studies, and how far each rater is."""
    from backend.store.notes.rating_book import RatingBook

    with opened(open_study(study)) as notes:
        book = RatingBook(notes)
        found = [_head(one, book.ratings(one.key)) for one in book.studies()]
    if as_json:
        print_json({"ratings": found})
        return
    columns = ("key", "name", "created", "items", "raters")
    rows = ([*(one[column] for column in columns[:-1]), _said(one["raters"])] for one in found)
    table(f"{len(found)} rating studies", columns, rows)


def show(study: StudyArgument = HERE, rating: RatingOption = "", as_json: JsonOption = False) -> None:
    """Show the settings of a rating study and how far each rater is; nothing here lifts the blind of an item."""
    plan, ratings = _read(open_study(study), rating)
    found = _head(plan, ratings) | {
        name: getattr(plan, name) for name in ("author", "concepts", "seed", "p", "listen_seconds", "trace")
    }
    found["methods"] = [vars(one) for one in plan.methods]
    if as_json:
        print_json(found)
        return
    for name in ("name", "key", "created", "author", "concepts", "seed", "p", "listen_seconds", "trace", "items"):
        print(f"{name:15} {found[name]}")
    print(f"{'raters':15} {_said(found['raters']) or 'none yet'}\n")
    columns = ("id", "named", "namer", "retrieval", "concepts")
    table("methods", columns, ([one[column] for column in columns] for one in found["methods"]))


def summary(study: StudyArgument = HERE, rating: RatingOption = "", as_json: JsonOption = False) -> None:
    """Show the mean rating of each method with its spread, and how far the raters agree."""
    from dataclasses import asdict

    from backend.evaluate.ratings import summary as figures

    plan, ratings = _read(open_study(study), rating)
    found = [asdict(one) for one in figures(plan, ratings)]
    if as_json:
        print_json({"rating": plan.key, "name": plan.name, "methods": found})
        return
    columns = tuple(found[0])
    table(plan.name, columns, ([one[column] for column in columns] for one in found))
    print("mean ± sd over all (rater, concept) ratings; concept_sd: of the concepts' means; alpha: Krippendorff's")


def export(
    out: Annotated[Path, typer.Option("--out", help="File to write: .csv or .json.")],
    study: StudyArgument = HERE,
    rating: RatingOption = "",
) -> None:
    """Write the raw ratings, one row per rater and concept, with the method."""
    from backend.export.ratings import write_ratings

    plan, ratings = _read(open_study(study), rating)
    count = write_ratings(plan, ratings, out)
    typer.echo(f"{count} ratings written to {out}", err=True)


for command in (new, list_, show, summary, export):
    app.command(command.__name__.rstrip("_"))(command)


def _read(study: Study, asked: str) -> tuple[RatingPlan, list[ItemRating]]:
    from backend.store.notes.notes import Notes
    from backend.store.notes.rating_book import RatingBook

    if not Notes.exist(study):
        raise ArdError("there is no rating study yet", path=study.root, todo="Make one with: ard rating new")
    with opened(study) as notes:
        book = RatingBook(notes)
        plan = book.find(asked)
        return plan, book.ratings(plan.key)


def _head(plan: RatingPlan, ratings: list[ItemRating]) -> dict[str, Any]:
    raters: dict[str, int] = {}
    for one in ratings:
        raters[one.rater] = raters.get(one.rater, 0) + one.closed
    return {"key": plan.key, "name": plan.name, "created": plan.created, "items": len(plan.items), "raters": raters}


def _said(raters: dict[str, int]) -> str:
    return ", ".join(f"{name}: {done}" for name, done in raters.items())
