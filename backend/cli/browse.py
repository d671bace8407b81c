"""Commands that look at results: features, feature, trace, clip, purity, export."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from backend.cli.console import HERE, JsonOption, SaeOption, StudyArgument, duration, open_study, print_json, table
from backend.errors import ArdError

if TYPE_CHECKING:
    import numpy.typing as npt

    from backend.study.folder import Study

WhereOption = Annotated[str, typer.Option("--where", help="E.g. \"support > 20 and status == 'ok'\".")]
SortOption = Annotated[str, typer.Option("--sort", help="Column to sort by.")]
DescendingOption = Annotated[bool, typer.Option("--descending/--ascending", help="Largest or smallest first.")]
SHOWN = ("feature", "name", "m", "status", "support", "frequency", "mean", "mean_active", "max", "max_score")
SCORES = ("m", "m_redraw_sd", "e_h", "e_l", "sigma", "m_control", "weighted", "rank")
BLOCKS = " ▁▂▃▄▅▆▇█"


def features(
    study: StudyArgument = HERE,
    sae: SaeOption = "",
    sort: SortOption = "max_score",
    descending: DescendingOption = True,
    where: WhereOption = "",
    limit: Annotated[int, typer.Option("--limit", min=0, help="Rows to print; 0 for all.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """List features, sorted and filtered by any column."""
    from backend.export.wording import title
    from backend.store.features import choose, description, feature_columns, select
    from backend.store.retrieval import RetrievalFile

    place = open_study(study)
    sae_id = choose(place, sae)
    scores, concepts = description(place, sae_id)
    with RetrievalFile(place.retrieval(sae_id)) as file:
        columns = feature_columns(file, scores, concepts)
    found = select(columns, where=where, sort=sort, descending=descending)
    rows = found[:limit] if limit else found
    if as_json:
        values = [{name: plain(column[k]) for name, column in columns.items()} for k in rows]
        print_json({"sae": sae_id, "found": len(found), "of": len(columns["feature"]), "features": values})
        return
    names = [name for name in SHOWN if name in columns]
    table(f"{sae_id}: {len(found)} of {len(columns['feature'])} features", names,
          ([title(columns[n][k]) if n == "name" else plain(columns[n][k]) for n in names] for k in rows))  # fmt: skip
    if len(rows) < len(found):
        typer.echo(f"… and {len(found) - len(rows)} more (--limit 0 shows all)")


def feature(
    words: Annotated[list[str], typer.Argument(metavar="[STUDY] K", help="Study folder and feature.")],
    sae: SaeOption = "",
    clips: Annotated[int, typer.Option("--clips", min=1, help="Clips of each list.")] = 8,
    as_json: JsonOption = False,
) -> None:
    """Show one feature: its name, captions and scores, its clips, figures and neighbours."""
    from backend.cli.concepts import show_concept
    from backend.export.records import FeatureSet
    from backend.store.features import choose
    from backend.store.retrieval import RetrievalFile

    study, (number,) = study_and_numbers(words, ("K",))
    place = open_study(study)
    chosen = FeatureSet.of(place, choose(place, sae))
    with RetrievalFile(chosen.retrieval) as file:
        record = chosen.record(file, number, clips)
    if as_json:
        print_json({**record, "sources": chosen.concepts.sources if chosen.concepts else None})
        return
    if record["concept"]:
        show_concept(record)
    for title, names in ((chosen.id, SHOWN), ("scores", SCORES)):
        shown = [name for name in names if name in record and name != "name"]
        if title == chosen.id or "m" in record:
            table(title, shown, [[record[name] for name in shown]])
    for title, name in (("most representative", "most"), ("least representative", "least")):
        print()
        table(title, ("rank", "score", "T", "clip", "record", "labels"), (_clip_row(one) for one in record[name]))
    if record["neighbours"]:
        near = ", ".join(f"{one['feature']} ({one['cosine']:.2f})" for one in record["neighbours"])
        print(f"\nnearest decoder directions (cosine): {near}")


def trace(
    words: Annotated[list[str], typer.Argument(metavar="[STUDY] K CLIP", help="Study folder, feature and clip.")],
    sae: SaeOption = "",
    as_json: JsonOption = False,
) -> None:
    """Show when a feature is active in a clip (of the feature's own lists)."""
    from backend.store.clips import ClipTable
    from backend.store.features import choose
    from backend.store.retrieval import RetrievalFile

    study, (number, clip_number) = study_and_numbers(words, ("K", "CLIP"))
    place = open_study(study)
    sae_id = choose(place, sae)
    clips = ClipTable(place.clips())
    with RetrievalFile(place.retrieval(sae_id)) as file:
        view = file.feature(number)
        seconds, total = file.token_seconds(clip_number), file.tokens(clip_number)
    found = view.traces.get(clip_number)
    if found is None:
        listed = {
            int(i) for i in (*view.most_clips, *view.least_clips, *(c for part in view.quantile_clips for c in part))
        }
        if clip_number not in listed:
            some = ", ".join(str(i) for i in view.most_clips[:8])
            raise ArdError(
                f"clip {clip_number} is in no list of feature {number}, and traces are kept for those only",
                todo=f"Try one of: {some}.",
            )
    token = found.token.tolist() if found else []
    value = [float(one) for one in found.value] if found else []
    if as_json:
        times = [seconds[t].tolist() for t in token]
        print_json({
            "sae": sae_id, "feature": number, "clip": clip_number, "tokens": total,
            "token": token, "value": value, "seconds": times,
        })  # fmt: skip
        return
    print(
        f"feature {number} in clip {clip_number} ({clips[clip_number].record}): {len(token)} of {total} tokens active"
    )
    if token:
        print(sparkline(token, value, total))
        rows = ((t, seconds[t][0], seconds[t][1], v) for t, v in zip(token, value, strict=True))
        table("", ("token", "from s", "to s", "value"), rows)


def clip(
    words: Annotated[list[str], typer.Argument(metavar="[STUDY] I", help="Study folder and clip.")],
    sae: SaeOption = "",
    as_json: JsonOption = False,
) -> None:
    """Show a clip and the features that are strongest in it."""
    from backend.export.records import clip_record
    from backend.store.clips import ClipTable
    from backend.store.features import choose
    from backend.store.retrieval import RetrievalFile

    study, (number,) = study_and_numbers(words, ("I",))
    place = open_study(study)
    clips = ClipTable(place.clips())
    if not 0 <= number < len(clips):
        raise ArdError(f"there is no clip {number}", path=place.root, todo=f"Use a number from 0 to {len(clips) - 1}.")
    sae_id = choose(place, sae)
    with RetrievalFile(place.retrieval(sae_id)) as file:
        found, scores = file.clip_features(number)
        tokens = file.tokens(number)
    record: dict[str, Any] = clip_record(clips, number)
    strongest = [{"feature": int(k), "score": float(s)} for k, s in zip(found, scores, strict=True)]
    if as_json:
        print_json({"sae": sae_id, "tokens": tokens, **record, "root": clips[number].root, "features": strongest})
        return
    length = duration(record["duration"]) if record["duration"] == record["duration"] else "unknown"
    print(f"clip {number}: {record['record']}\n  {length}, {tokens} tokens, labels: {labels(record['labels']) or '–'}")
    if record["caption"]:
        print(f"  {record['caption']}")
    table(sae_id, ("feature", "score"), ((one["feature"], one["score"]) for one in strongest))


def purity(
    study: StudyArgument = HERE,
    label: Annotated[str, typer.Option("--label", help="Label whose agreement counts, e.g. category.")] = "label",
    sae: Annotated[list[str] | None, typer.Option("--sae", help="Only these; repeat for several.")] = None,
    p: Annotated[int, typer.Option("--p", min=0, help="Clips per feature; 0 for the study's own p.")] = 0,
    across: Annotated[str, typer.Option("--across", help="Count only pairs that differ here, e.g. source.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Label purity: how often the clips of a feature share a label, beside random clips and raw units."""
    from backend.retrieval import purity as measure
    from backend.store.clips import ClipTable

    place = open_study(study)
    ids = sae or place.feature_ids()
    if not ids:
        raise ArdError("this study has no ranked features yet", path=place.root, todo="Run: ard run")
    clips = ClipTable(place.clips())
    codes = measure.label_codes(measure.column(clips, label))
    groups = measure.label_codes(measure.column(clips, across)) if across else None
    rows = [_purity_row(place, name, codes, groups, p) for name in ids]
    if as_json:
        print_json({"label": label, "across": across, "rows": rows})
        return
    title = f"share of pairs with the same {label}" + (f", among pairs of different {across}" if across else "")
    columns = (
        "features of",
        "p",
        "purity",
        "95 % interval",
        "random clips",
        "95 % interval ",
        "chance",
        "features",
        "pairs",
        "best 50 by m",
        "m ~ purity",
    )
    table(title, columns, (
        (one["id"], one["p"], one["purity"]["mean"], _range(one["purity"]),
         one["random"]["mean"], _range(one["random"]), one["chance"], one["purity"]["features"], one["purity"]["pairs"],
         one["best_by_m"]["mean"] if one["best_by_m"] else None, one["m_correlation"])
        for one in rows
    ))  # fmt: skip
    if not any(name.startswith("raw-") for name in ids):
        typer.echo("for the same figure of raw units set retrieve.raw_units = true and run: ard retrieve", err=True)


def export(
    out: Annotated[Path, typer.Option("--out", help="File to write; of wav a new folder.")],
    study: StudyArgument = HERE,
    format_: Annotated[
        str, typer.Option("--format", help="csv, json, jsonl, md, html or wav; else from the file's name.")
    ] = "",
    sae: SaeOption = "",
    where: WhereOption = "",
    list_: Annotated[str, typer.Option("--list", help="The features of this list, in its order.")] = "",
    starred: Annotated[bool, typer.Option("--starred", help="Starred features only.")] = False,
    sort: Annotated[str, typer.Option("--sort", help="Column to sort by; max_score if left out.")] = "",
    descending: DescendingOption = True,
    clips: Annotated[int, typer.Option("--clips", min=0, help="Clips of each list.")] = 4,
    limit: Annotated[int, typer.Option("--limit", min=0, help="Most features to write; 0 for all.")] = 0,
    no_audio: Annotated[bool, typer.Option("--no-audio", help="html: leave the sound out.")] = False,
    folder: Annotated[bool, typer.Option("--folder", help="html: a new folder, sounds and pictures as files.")] = False,
    least: Annotated[bool, typer.Option("--least", help="wav: the least representative clips too.")] = False,
) -> None:
    """Write features with concepts, clips, scores, provenance and your notes, as a report with sound, or as sounds."""
    from backend.cli.notes import own_work
    from backend.export.records import features_for_export
    from backend.export.writers import export_folder, export_to

    name = format_ or ("html" if folder else out.suffix.lstrip("."))
    if name != "html" and (folder or no_audio):
        raise typer.BadParameter("--folder and --no-audio belong to --format html")
    if least and name != "wav":
        raise typer.BadParameter("--least belongs to --format wav")
    place = open_study(study)
    sae_id, own = own_work(place, sae, list_)
    rows = list(own.entries) if list_ else None
    if starred:
        rows = [k for k in (own.starred if rows is None else rows) if k in own.starred]
    chosen = features_for_export(
        place, sae_id, where=where, sort=sort or ("" if list_ else "max_score"), descending=descending, clips=clips,
        limit=limit, rows=rows, own=own,
    )  # fmt: skip
    if folder:
        export_folder(chosen, out, sound=not no_audio)
    else:
        export_to(chosen, name or "json", out, sound=not no_audio, least=least)
    typer.echo(f"{len(chosen.rows)} features written to {out}", err=True)


def study_and_numbers(words: list[str], names: tuple[str, ...]) -> tuple[Path, tuple[int, ...]]:
    """The study folder (the current one if left out) and the numbers that follow it."""
    folder = Path(words[0]) if len(words) == len(names) + 1 else HERE
    numbers = words[-len(names) :]
    if len(words) not in (len(names), len(names) + 1) or not all(word.isdecimal() for word in numbers):
        raise typer.BadParameter(f"expected [STUDY] {' '.join(names)}, with {' and '.join(names)} as numbers")
    return folder, tuple(int(word) for word in numbers)


def sparkline(token: list[int], value: list[float], total: int, width: int = 80) -> str:
    """The trace as one line of blocks: the largest value in each of at most `width` parts of the clip."""
    cells = min(width, max(total, 1))
    peaks = [0.0] * cells
    for t, v in zip(token, value, strict=True):
        cell = t * cells // total
        peaks[cell] = max(peaks[cell], v)
    top = max(peaks) or 1.0
    return "".join(BLOCKS[0 if v <= 0 else max(1, round(v / top * 8))] for v in peaks)


def plain(value: Any) -> Any:
    """A cell of a column as Python has it."""
    return value.item() if hasattr(value, "item") else value


def labels(values: dict[str, str]) -> str:
    """Labels on one line."""
    return ", ".join(f"{name}={value}" for name, value in sorted(values.items()))


def _clip_row(one: dict[str, Any]) -> tuple[Any, ...]:
    return one["rank"], one["score"], one["tokens"], one["clip"], one["record"], labels(one["labels"])


def _purity_row(
    place: Study, name: str, codes: npt.NDArray[Any], groups: npt.NDArray[Any] | None, p: int
) -> dict[str, Any]:
    from backend.describe.score_purity import scored_purity
    from backend.retrieval.purity import of_retrieval
    from backend.store.features import description
    from backend.store.retrieval import RetrievalFile

    scores, _ = description(place, name)
    with RetrievalFile(place.retrieval(name)) as file:
        found, control, chance = of_retrieval(file, codes, groups, p=p)
        used = p or int(file.settings["p"])
        scored = None if scores is None else scored_purity(scores, file.most_clips(used), codes, groups)
    return {
        "id": name, "p": used, "purity": found.plain(), "random": control.plain(), "chance": chance,
        "best_by_m": None if scored is None else scored.best.plain(),
        "m_correlation": None if scored is None else scored.correlation,
    }  # fmt: skip


def _range(one: dict[str, Any]) -> str:
    return "–" if one["mean"] != one["mean"] else f"{one['low']:.3f} … {one['high']:.3f}"


COMMANDS = (features, feature, trace, clip, purity, export)
