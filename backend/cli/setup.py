"""`ard setup`: environments of embedders that cannot share ARD's."""

from __future__ import annotations

from typing import Annotated

import typer

from backend.cli.console import JsonOption, print_json
from backend.errors import ArdError


def setup(
    name: Annotated[str, typer.Argument(metavar="NAME", help="laion-clap or msclap.")],
    where: Annotated[bool, typer.Option("--where", help="Only print the folder it is or would be in.")] = False,
    python: Annotated[str, typer.Option("--python", help="Interpreter to use, 3.11 or 3.12; else this one.")] = "",
    torch_index: Annotated[
        str, typer.Option("--torch-index", help="Where PyTorch comes from, e.g. https://download.pytorch.org/whl/cpu.")
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Make the environment that an embedder of another package runs in; one that is there is only checked."""
    from backend.describe.embedders.environments import environment, import_error, make_environment

    place = environment(name)
    if where:
        if as_json:
            print_json({"name": name, "folder": str(place.folder), "made": place.made()})
        else:
            typer.echo(place.folder)
        return
    place = make_environment(
        name, python=python, torch_index=torch_index, say=lambda text: typer.echo(f"setup: {text}", err=True)
    )
    error = import_error(place)
    if as_json:
        print_json({"name": name, "folder": str(place.folder), "made": place.made(), "import_error": error or None})
    if error:
        raise ArdError(
            f"{name} is installed, but cannot be imported yet: {error}",
            path=place.folder,
            todo="If it asks the model hub for tokenizers, connect to the network once and run this again. If torch "
            f"and its companion do not fit together, remove the folder and run: ard setup {name} --torch-index URL",
        )
    if not as_json:
        typer.echo(f'{name} is ready in {place.folder}: set embed.embedder = "{name}" in study.toml')


COMMANDS = (setup,)
