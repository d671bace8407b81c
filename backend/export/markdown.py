"""Markdown: a page to read, one section per feature."""

from __future__ import annotations

import math
from typing import IO, Any

from backend.export.records import Export, Record

FIGURES = ("support", "frequency", "mean", "mean_active", "max", "max_score")


def write_markdown(export: Export, handle: IO[str]) -> None:
    provenance = export.provenance
    handle.write(f"# Features of {_safe(provenance['sae'])}\n\n")
    handle.write(f"Study {_safe(provenance['study'])}, {provenance['features']} features, ")
    handle.write(f"from `{provenance['retrieval']}`")
    handle.write(f", those where `{provenance['where']}`.\n" if provenance["where"] else ".\n")
    for record in export.records():
        handle.write(f"\n## Feature {record['feature']} ({record['status']})\n\n")
        handle.write(", ".join(f"{name.replace('_', ' ')} {_number(record[name])}" for name in FIGURES) + "\n")
        for title, name in (("Most representative", "most"), ("Least representative", "least")):
            _clips(handle, title, record[name])


def _clips(handle: IO[str], title: str, clips: list[Record]) -> None:
    if not clips:
        return
    handle.write(f"\n{title}:\n\n| # | score | tokens | clip | labels | caption |\n|--:|--:|--:|---|---|---|\n")
    for clip in clips:
        labels = ", ".join(f"{key}: {value}" for key, value in sorted(clip["labels"].items()))
        cells = (clip["rank"], _number(clip["score"]), clip["tokens"], clip["record"], labels, clip["caption"])
        handle.write("| " + " | ".join(_safe(cell) for cell in cells) + " |\n")


def _number(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _safe(value: Any) -> str:
    """Text that cannot break out of its table cell or be taken for markup."""
    text = " ".join(str(value).split())
    for sign in ("\\", "|", "`", "*", "_", "<", "[", "]"):
        text = text.replace(sign, "\\" + sign)
    return text
