"""Markdown: a page to read, one section per feature."""

from __future__ import annotations

from typing import IO, Any

from backend.export.records import Export, Record
from backend.export.wording import (
    CONSENSUS,
    MEANING,
    detection,
    marked,
    number,
    origin,
    own_fields,
    own_judgement,
    title,
)

FIGURES = ("support", "frequency", "mean", "mean_active", "max", "max_score")
SCORES = ("m", "e_h", "e_l", "sigma", "m_redraw_sd", "m_control", "weighted", "rank")


def write_markdown(export: Export, handle: IO[str]) -> None:
    provenance = export.provenance
    handle.write(f"# Features of {escaped(provenance['sae'])}\n\n")
    layer = f"layer {escaped(provenance['layer'])}, " if provenance.get("layer") else ""
    listed = f" of the list {escaped(provenance['list'])}" if provenance.get("list") else ""
    handle.write(f"Study {escaped(provenance['study'])}, {layer}{provenance['features']} features{listed}, ")
    handle.write(f"from `{provenance['retrieval']}`")
    handle.write(f", those where `{provenance['where']}`.\n" if provenance["where"] else ".\n")
    _provenance(handle, provenance)
    for record in export.records():
        concept = record.get("concept") or {}
        handle.write(f"\n## Feature {record['feature']} ({record['status']}){_name(record, concept)}\n\n")
        _own(handle, record)
        handle.write(", ".join(_figure(record, name) for name in FIGURES) + "\n")
        if "m" in record:
            handle.write("\n" + ", ".join(_figure(record, name) for name in SCORES) + "\n")
        if concept:
            _concept(handle, concept)
        for heading, name in (("Most representative", "most"), ("Least representative", "least")):
            _clips(handle, heading, record[name])


def _name(record: Record, concept: Record) -> str:
    """The user's own name with the automatic one behind it, or the automatic one; "" if there is neither."""
    automatic = escaped(marked(record.get("name", ""), concept.get("namer", "")))
    own = escaped(title(record.get("own_name", "")))
    if own and automatic:
        return f": {own} (automatic name: {automatic})"
    return f": {own or automatic}" if own or automatic else ""


def _own(handle: IO[str], record: Record) -> None:
    """What the user noted; a name that was too long for the heading stands here whole."""
    whole = record.get("own_name", "")
    noted = [("own name", whole)] if title(whole) != whole else []
    for what, text in noted + own_fields(record):
        handle.write(f"* {what}: {escaped(text)}\n")
    if noted or own_fields(record):
        handle.write("\n")


def _provenance(handle: IO[str], provenance: Record) -> None:
    for name in ("scores", "concepts"):
        if provenance.get(name):
            handle.write(f"\n{name.capitalize()} from `{provenance[name]}`.")
    if provenance.get("embedder"):
        handle.write(f" Embedder: {escaped(provenance['embedder'])}.")
    if provenance.get("sources"):
        named = origin(provenance["sources"])
        handle.write(f" Names: {escaped(named)}." if named else " Features are not named.")
        handle.write(f" Models and prompts: {escaped(provenance['sources'])}.")
    if provenance.get("scores") or provenance.get("concepts"):
        handle.write("\n")


def _concept(handle: IO[str], concept: Record) -> None:
    if concept["description"] and concept["description"] != concept["short_name"]:
        handle.write(f"\n{escaped(concept['description'])}\n")
    meaning = MEANING.get(concept["status"], concept["status"])
    note = f"Name: {concept['status']}{' (' + meaning + ')' if meaning else ''}"
    if concept["namer"] == "consensus":
        note += f", {CONSENSUS}"
    handle.write(f"\n{note}. Detection: {detection(concept['detection'])}.\n")
    if concept["captions"]:
        handle.write("\nCaptions:\n\n")
        for one in concept["captions"]:
            text = escaped(one["text"]) or f"none: {escaped(one['problem'] or 'empty')}"
            handle.write(f"* clip {one['clip']}: {text}\n")


def _figure(record: Record, name: str) -> str:
    return f"{name.replace('_', ' ')} {number(record[name])}"


def _clips(handle: IO[str], heading: str, clips: list[Record]) -> None:
    if not clips:
        return
    judged = any("thumb" in clip for clip in clips)
    last = (" judged |", "---|") if judged else ("", "")
    handle.write(f"\n{heading}:\n\n| # | score | tokens | clip | labels | caption |{last[0]}\n")
    handle.write(f"|--:|--:|--:|---|---|---|{last[1]}\n")
    for clip in clips:
        labels = ", ".join(f"{key}: {value}" for key, value in sorted(clip["labels"].items()))
        cells = [clip["rank"], number(clip["score"]), clip["tokens"], clip["record"], labels, clip["caption"]]
        cells += [own_judgement(clip)] if judged else []
        handle.write("| " + " | ".join(escaped(cell) for cell in cells) + " |\n")


def escaped(value: Any) -> str:
    """Text that cannot break out of its table cell or be taken for markup."""
    text = " ".join(str(value).split())
    for sign in ("\\", "|", "`", "*", "_", "<", "[", "]"):
        text = text.replace(sign, "\\" + sign)
    return text
