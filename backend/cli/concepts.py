"""Commands about scores and names: concepts, score-histogram."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from backend.cli.console import HERE, JsonOption, SaeOption, StudyArgument, open_study, print_json, shown, table
from backend.errors import ArdError

LABELS = 40


def concepts(
    study: StudyArgument = HERE,
    sae: SaeOption = "",
    where: Annotated[str, typer.Option("--where", help="E.g. \"m > 3 and name ~ 'rain'\".")] = "",
    sort: Annotated[str, typer.Option("--sort", help="Column to sort by.")] = "m",
    descending: Annotated[bool, typer.Option("--descending/--ascending", help="Largest or smallest first.")] = True,
    limit: Annotated[int, typer.Option("--limit", min=0, help="Rows to print; 0 for all.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """List the scored and named features with their detection scores, the most monosemantic first."""
    from backend.export.records import FeatureSet
    from backend.store.features import choose, select
    from backend.store.retrieval import RetrievalFile

    place = open_study(study)
    chosen = FeatureSet.of(place, choose(place, sae))
    known = known_features(chosen.columns)
    if known is None:
        raise ArdError(f"the features of {chosen.id} are not described yet", path=place.root, todo="Run: ard describe")
    order = sort if sort != "m" or "m" in chosen.columns else ""
    found = [k for k in select(chosen.columns, where=where, sort=order, descending=descending).tolist() if known[k]]
    rows = found[:limit] if limit else found
    with RetrievalFile(chosen.retrieval) as file:
        records = [chosen.record(file, k, chosen.p) for k in rows]
    if as_json:
        print_json({**chosen.provenance(), "found": len(found), "of": int(known.sum()), "concepts": records})
        return
    table(f"{chosen.id}: {len(found)} of {int(known.sum())} described features",
          ("rank", "feature", "name", "status", "m", "± re-draws", "detection", "support", "labels of H"),
          (_row(one, chosen.namer) for one in records))  # fmt: skip
    _closing_words(chosen.namer, len(found) - len(rows))


def score_histogram(
    out: Annotated[Path, typer.Option("--out", help="SVG file to write.")],
    study: StudyArgument = HERE,
    sae: SaeOption = "",
) -> None:
    """Draw the monosemanticity of all features beside that of random clips in their place."""
    from backend.export.score_histogram import write_score_histogram
    from backend.store.features import choose, description

    place = open_study(study)
    sae_id = choose(place, sae)
    scores, _ = description(place, sae_id)
    if scores is None:
        raise ArdError(f"the features of {sae_id} are not scored yet", path=place.root, todo="Run: ard describe")
    found = write_score_histogram(scores, sae_id, out)
    typer.echo(f"{out}: {int(found.features.sum())} features", err=True)


def known_features(columns: dict[str, Any]) -> Any:
    """Mask [D] of the features with a score or a concept; None where the SAE has neither."""
    parts = []
    if "rank" in columns:
        parts.append(columns["rank"] >= 0)
    if "name_status" in columns:
        parts.append(columns["name_status"] != "")
    return None if not parts else parts[0] | parts[-1]


def show_concept(record: dict[str, Any]) -> None:
    """The name of a feature, what was said of its clips, and how well the name finds them."""
    from backend.export.wording import CONSENSUS, MEANING, detection

    concept = record["concept"]
    print(record["name"] or "no name")
    notes = (
        [CONSENSUS] if concept["namer"] == "consensus" else [f"named by {concept['namer']}"] * bool(concept["namer"])
    )
    if concept["status"] != "ok":
        notes.append(f"{concept['status']}: {MEANING[concept['status']]}")
    for note in notes:
        print(f"  {note}")
    if concept["description"] != record["name"] and concept["description"]:
        print(f"  {concept['description']}")
    print(f"  detection: {detection(concept['detection'])}")
    for one in concept["captions"]:
        print(f"  clip {one['clip']}: {one['text'] or 'no caption (' + one['problem'] + ')'}")
    print()


def _row(record: dict[str, Any], namer: str) -> tuple[Any, ...]:
    from backend.export.wording import marked

    labels = [one["labels"].get("label") or next(iter(one["labels"].values()), "") for one in record["most"]]
    detection = (record["concept"] or {}).get("detection")
    found = f"{shown(detection['balanced_accuracy'])} ({detection['active']})" if detection else None
    rank = record.get("rank", -1)
    return (
        rank if rank >= 0 else None, record["feature"], marked(record.get("name", ""), namer) or None,
        record.get("name_status") or None, record.get("m"), record.get("m_redraw_sd"), found, record["support"],
        _short(", ".join(labels)),
    )  # fmt: skip


def _short(text: str) -> str:
    return text if len(text) <= LABELS else text[: LABELS - 1] + "…"


def _closing_words(namer: str, more: int) -> None:
    from backend.export.wording import CONSENSUS, CONSENSUS_MARK

    if namer == "consensus":
        typer.echo(f"{CONSENSUS_MARK}: {CONSENSUS}")
    if more > 0:
        typer.echo(f"… and {more} more (--limit 0 shows all)")


COMMANDS = (concepts, score_histogram)
