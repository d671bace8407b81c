"""Search among features by what they tell about clips."""

from __future__ import annotations

from dataclasses import fields
from typing import Annotated

import typer

from backend.cli.console import HERE, JsonOption, SaeOption, StudyArgument, open_study, print_json, table

COLUMNS = ("feature", "held_out_f1", "f1", "threshold", "precision", "recall", "active")


def search_label(
    study: StudyArgument = HERE,
    label: Annotated[str, typer.Option("--label", metavar="NAME=VALUE", help="E.g. category=animal.")] = "",
    sae: SaeOption = "",
    limit: Annotated[int, typer.Option("--limit", min=0, help="Rows to print; 0 for all.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """Find the features whose activation predicts a label, with F1 on clips the threshold was not chosen on."""
    import numpy as np

    from backend.describe.label_search import labelled_clips, search
    from backend.store.clips import ClipTable
    from backend.store.features import choose
    from backend.store.retrieval import RetrievalFile

    name, _, value = label.partition("=")
    if not name:
        raise typer.BadParameter("name a label and its value, e.g. --label category=animal")
    place = open_study(study)
    sae_id = choose(place, sae)
    with RetrievalFile(place.retrieval(sae_id)) as file:
        probed = np.array([file.tokens(i) > 0 for i in range(file.clips)], dtype=bool)
        found = search(file, labelled_clips(ClipTable(place.clips()), name, value, probed))
    scores = found.scores
    shown = range(min(limit, len(scores.feature)) if limit else len(scores.feature))
    if as_json:
        names = [one.name for one in fields(scores)]
        print_json({
            "sae": sae_id, "label": name, "value": value, "clips": found.clips, "positives": found.positives,
            "always": found.always, "shuffled": found.shuffled, "correlated": found.correlated,
            "found": len(scores.feature),
            "features": [{column: getattr(scores, column)[i].item() for column in names} for i in shown],
        })  # fmt: skip
        return
    table(
        f"{sae_id}: {name}={value} in {found.positives} of {found.clips} labelled clips; "
        f"{found.correlated} of {len(scores.feature)} features correlated (F1 > 0.5)",
        COLUMNS, ([getattr(scores, column)[i].item() for column in COLUMNS] for i in shown),
    )  # fmt: skip
    print(
        f"yes to every clip: F1 {found.always:.3f}; best feature for shuffled labels: held-out F1 {found.shuffled:.3f}"
    )
    if len(shown) < len(scores.feature):
        typer.echo(f"… and {len(scores.feature) - len(shown)} more (--limit 0 shows all)")


COMMANDS = (search_label,)
