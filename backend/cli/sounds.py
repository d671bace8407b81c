"""Commands that ask the study's models about something new: test-sound, search-text."""

# ruff: noqa: PT028  (a command's name begins with "test"; it is no test)
from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backend.cli.asking import ask, resident_of
from backend.cli.console import HERE, JsonOption, SaeOption, open_study, print_json, table

if TYPE_CHECKING:
    from backend.serve.base import Request
    from backend.study.folder import Study


def test_sound(
    words: Annotated[list[str], typer.Argument(metavar="[STUDY] FILE", help="Study folder and sound file.")],
    sae: SaeOption = "",
    top: Annotated[int, typer.Option("--top", min=1, help="Features to print.")] = 20,
    start: Annotated[float, typer.Option("--start", min=0, help="Seconds in the file at which to begin.")] = 0.0,
    end: Annotated[
        float | None, typer.Option("--end", help="Seconds at which to end; the file's end if absent.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show the strongest features of a sound that need not belong to the study."""
    from backend.serve.kinds.encode import Encode

    place, file = _place_and_word(words, "FILE")
    path = str(Path(file).expanduser().absolute())
    found = _ask(place, Encode(path=path, start=start, end=end, sae=sae, top=top))
    names = _names(place, found["sae"])
    for one in found["features"]:
        one["name"] = names.get(one["feature"], "")
    if as_json:
        print_json(found)
        return
    heard = sum(last - first for first, last in found["heard"])
    part = "" if heard >= found["duration"] - 0.01 else f", of which the model hears {heard:.2f} s"
    table(
        f"{file}: {found['duration']:.2f} s{part}, {found['tokens']} tokens; "
        f"{found['active']} features of {found['sae']} have {found['score']} > 0",
        ("feature", "name", *dict.fromkeys((found["score"], "mean", "coverage", "max"))),
        (_row(one, found["score"]) for one in found["features"]),
    )  # fmt: skip
    if found["quality"]:
        here, study = found["quality"]["normalised_l2"], found["study_quality"].get("normalised_l2")
        compared = "" if study is None else f" (the study's clips: {study:.3f})"
        print(f"reconstruction: E(‖x−x̂‖²/‖x‖²) {here:.3f}{compared}")


def search_text(
    words: Annotated[list[str], typer.Argument(metavar="[STUDY] TEXT", help="Study folder and what is heard.")],
    sae: SaeOption = "",
    limit: Annotated[int, typer.Option("--limit", min=0, help="Rows to print; 0 for all.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """Find the features whose clips sound as a text says, by the study's embedder."""
    from backend.serve.kinds.text import Text

    place, query = _place_and_word(words, "TEXT")
    found = _ask(place, Text(query=query, sae=sae, limit=limit))
    names = _names(place, found["sae"])
    rows = [
        {"feature": feature, "name": names.get(feature, ""), "similarity": similarity}
        for feature, similarity in zip(found["feature"].tolist(), found["similarity"].tolist(), strict=True)
    ]
    if as_json:
        print_json({**{k: found[k] for k in ("sae", "query", "embedder", "searched", "of")}, "features": rows})
        return
    table(
        f"{found['sae']}: {found['searched']} of {found['of']} features searched for “{query}” by {found['embedder']}",
        ("feature", "name", "similarity"), (tuple(one.values()) for one in rows),
    )  # fmt: skip
    if len(rows) < found["searched"]:
        typer.echo(f"… and {found['searched'] - len(rows)} more (--limit 0 shows all)")


def _place_and_word(words: list[str], name: str) -> tuple[Study, str]:
    """The study (of the current folder if left out) and the word that follows it."""
    if len(words) not in (1, 2):
        raise typer.BadParameter(f"expected [STUDY] {name}")
    return open_study(Path(words[0]) if len(words) == 2 else HERE), words[-1]


def _ask(place: Study, request: Request) -> dict[str, Any]:
    with resident_of(place) as resident:
        return ask(resident, request)


def _names(place: Study, sae_id: str) -> dict[int, str]:
    from backend.export.wording import marked
    from backend.store.features import description

    _, concepts = description(place, sae_id)
    return {} if concepts is None else {one.feature: marked(one.name, concepts.namer) for one in concepts.concepts}


def _row(one: dict[str, Any], score: str) -> tuple[Any, ...]:
    figures = {score: one["score"]} | {name: one[name] for name in ("mean", "coverage", "max")}
    return one["feature"], one["name"], *figures.values()


COMMANDS = (test_sound, search_text)
