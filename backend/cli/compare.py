"""The command that sets two SAEs of a study side by side: compare."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backend.cli.console import JsonOption, open_study, print_json, table
from backend.cli.jobs import EventsOption, run_command

if TYPE_CHECKING:
    from backend.export.shares import Share
    from backend.jobs.job import Job
    from backend.store.comparison import ComparisonFile, Side
    from backend.study.folder import Study
    from backend.study.settings import Settings

SHOWN = 20


def compare(
    study: Annotated[Path, typer.Argument(metavar="STUDY", help="Study folder.")],
    a: Annotated[str, typer.Argument(metavar="A", help="Id of one SAE.")],
    b: Annotated[str, typer.Argument(metavar="B", help="Id of the other.")],
    limit: Annotated[int, typer.Option("--limit", min=0, help="Features shown per SAE; 0 for all.")] = SHOWN,
    as_json: JsonOption = False,
    events: EventsOption = False,
) -> None:
    """Set two SAEs side by side: their figures, and which features they share."""
    from backend.store.comparison import ComparisonFile

    if as_json and events:
        raise typer.BadParameter("--json and --events both print to stdout; name one")
    place = open_study(study)
    made: list[Path] = []

    def work(study: Study, settings: Settings, job: Job) -> None:
        from backend.stages import compare as stage

        made.append(stage.run(study, settings, a, b, job))

    run_command(place.root, "compare", work, events)
    if events:
        return
    file = ComparisonFile(made[0])
    print_json(_plain(place, file)) if as_json else _show(place, file, limit)


def _plain(study: Study, file: ComparisonFile) -> dict[str, Any]:
    """Everything as JSON."""
    from backend.export.comparison import plain_figures, records
    from backend.store.sae_metrics import metrics

    names = {side.id: _names(study, side) for side in (file.a, file.b)}
    lines = metrics(study, file.a.id, file.b.id)
    return {
        "file": str(file.path),
        "tokens": file.tokens,
        "without_iou": file.without_iou,
        "metrics": [
            {"id": m.id, "title": m.title, "a": m.values[0], "b": m.values[1], "differs": m.differs} for m in lines
        ],
        **{
            name: {
                "sae": one.id,
                "figures": plain_figures(one),
                "features": records(one, names[one.id], names[other.id]),
            }
            for name, one, other in (("a", file.a, file.b), ("b", file.b, file.a))
        },
    }  # fmt: skip


def _show(study: Study, file: ComparisonFile, limit: int) -> None:
    """The same for a person: figures, shares, and the features of either SAE with their nearest."""
    from backend.store.sae_metrics import metrics

    lines = metrics(study, file.a.id, file.b.id)
    rows = ([m.title, *m.values, "≠" if m.differs else ""] for m in lines if m.values != (None, None))
    table("", ("", file.a.id, file.b.id, ""), rows)
    print()
    for one, other in ((file.a, file.b), (file.b, file.a)):
        _show_shares(one, other)
    if file.without_iou:
        print(f"no IoU: {file.without_iou}")
    names = {side.id: _names(study, side) for side in (file.a, file.b)}
    for one, other in ((file.a, file.b), (file.b, file.a)):
        print()
        _show_features(one, other, names, limit)


def _show_shares(one: Side, other: Side) -> None:
    from backend.export.comparison import COVERED, figures
    from backend.store.comparison import PARTNER

    found = figures(one)
    texts = [f"{_share(found['partner'])} have a partner in {other.id} (cosine of {PARTNER} or more)",
             f"{_share(found['mutual'])} a mutual one"]  # fmt: skip
    if found["alive_partner"] is not None:
        texts.append(f"of those active on the clips {_share(found['alive_partner'])} have a partner")
        texts.append(f"{_share(found['alive_covered'])} at least an IoU above {COVERED}")
    if found["mmcs"] is not None:
        texts.append(f"mean largest cosine {found['mmcs']:.3f}")
    print(f"{one.id}: " + "; ".join(texts))


def _show_features(one: Side, other: Side, names: dict[str, list[str]], limit: int) -> None:
    def row(k: int) -> list[Any]:
        best = int(one.partner[k, 0])
        nearest = [best, names[other.id][best]] if best >= 0 else ["", ""]
        note = "no partner" if one.without[k] else "each other's" if one.mutual[k] else ""
        return [k, names[one.id][k], *nearest, float(one.cosine[k, 0]), float(one.iou[k, 0]), note]

    shown = range(min(one.features, limit or one.features))
    title = f"{one.id} → {other.id}"
    table(title, ("feature", "name", "nearest", "its name", "cosine", "IoU", ""), map(row, shown))
    if len(shown) < one.features:
        print(f"… and {one.features - len(shown)} more (--limit 0 shows all)")


def _share(share: Share) -> str:
    if not share.n:
        return "none of 0"
    low, high = share.interval
    return f"{share.count} of {share.n} ({share.value:.1%}, 95 % {low:.1%} to {high:.1%})"


def _names(study: Study, side: Side) -> list[str]:
    from backend.store.features import feature_names

    return feature_names(study, side.id, side.features)


COMMANDS = (compare,)
