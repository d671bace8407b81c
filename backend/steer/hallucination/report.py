"""The report: one JSON with everything, a CSV a table, and Markdown to read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from backend.export.csv_text import csv_text
from backend.export.json_values import finite
from backend.steer.hallucination.plan import Plan
from backend.steer.hallucination.tables import Row
from backend.study.atomic import write_json, write_text

PUBLISHED: tuple[Row, ...] = (
    {"condition": "original", "measure": "FPR", "value": 0.37, "of": "mean of .33, .27, .51 (Table 12)"},
    {"condition": "reconstructed", "measure": "FPR", "value": 0.303, "of": "mean of .31, .24, .36 (Table 12)"},
    {"condition": "steered", "measure": "FPR", "value": 0.117, "of": "mean over three sets, k = 100, alpha = 1"},
    {"condition": "original", "measure": "WER", "value": 0.051, "of": "main text; the appendix has .052"},
    {"condition": "steered", "measure": "WER", "value": 0.055, "of": "k = 100, alpha = 1"},
    {"condition": "steered, extreme", "measure": "WER", "value": 0.984, "of": "k = 100, alpha = 3"},
)
"""AudioSAE on Whisper-small; non-speech of FSD50K, MUSAN and WHAM!, WER on LibriSpeech test-clean (Table 2 prints the
value without SAE as if the SAE were spliced in)."""

TITLES = {
    "summary": "Test part: detection rate and word error rate",
    "differences": "Change against both controls, same clips (95 % paired bootstrap)",
    "random": "Control: random features at the chosen displacement",
    "f1": "Classifiers with the k strongest features: F1 of p < tau",
    "fpr_grid": "Test part: false positive rate by vector, k and alpha",
    "s_vector_grid": "Test part: false positive rate with the S-vector",
    "selection_grid": "Selection part: what k and alpha were chosen from",
    "histograms": "Test part: clips by p",
}


def report(plan: Plan, facts: dict[str, Any], tables: dict[str, list[Row]]) -> dict[str, Any]:
    """Everything about one measurement, JSON-ready."""
    found: dict[str, Any] = finite(
        {"plan": plan.model_dump(mode="json"), **facts, "published": list(PUBLISHED), "tables": tables}
    )
    return found


def write(found: dict[str, Any], out: Path) -> None:
    """`report.json`, `report.md` and one CSV a table, each whole or not at all."""
    for name, rows in found["tables"].items():
        write_text(out / f"{name}.csv", as_csv(rows))
    write_text(out / "report.md", as_markdown(found))
    write_json(out / "report.json", found)


def as_csv(rows: Sequence[Row]) -> str:
    """Columns in the order they first appear; what is not there is empty."""
    return csv_text(rows, list(dict.fromkeys(name for row in rows for name in row)))


def as_markdown(found: dict[str, Any]) -> str:
    """What was measured, on what, the tables, and the published values beside the summary."""
    chosen, s = found["chosen"], found["s_vector"]
    readings = found["plan"]["readings"]
    lines = [
        "# Hallucination on non-speech",
        "",
        f"Model {found['model']['class']} ({found['model']['fingerprint']}), SAE `{found['sae']}` on {found['layer']}.",
        f"Detected means p < {readings['threshold']:g}. Changed frames: {readings['frames']}. "
        f"{'The error term is kept. ' if readings['add_error'] else ''}"
        f"{'Codes are clamped at 0. ' if readings['clamp0'] else ''}Normaliser: {found['normaliser']}.",
        "",
        f"Chosen on the selection part: k = {chosen['k']}, alpha = {chosen['alpha']:g} "
        f"(displacement {chosen['displacement']:.3g}); S-vector alpha = {s['alpha']:g}.",
        "" if found["chosen_within_limits"] else "No k and alpha stayed within the limits of TPR and WER.\n",
        "| clips | " + " | ".join(("train", "selection", "test", "seen by the SAE")) + " |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, parts in found["clips"].items():
        counts = [parts.get(part, 0) for part in ("train", "selection", "test")]
        lines.append(f"| {name} | " + " | ".join(map(str, counts)) + f" | {found['seen_by_the_sae'].get(name, '–')} |")
    left = ", ".join(f"{n} {reason}" for reason, n in found["left_out"].items())
    lines += ["", f"Left out: {left or 'none'}; could not be read: {len(found['failed'])}.", ""]
    for name, title in TITLES.items():
        if found["tables"][name]:
            lines += [f"## {title}", "", *markdown_table(readable(name, found["tables"][name])), ""]
    lines += ["## Published values", "", "Whisper-small, other clips; see the paper's own tables.", ""]
    lines += markdown_table([dict(row) for row in found["published"]])
    return "\n".join(lines) + "\n"


def readable(name: str, rows: Sequence[Row]) -> list[Row]:
    """The rows of a table as a person reads them: one line a condition, shares with interval and n in one cell."""
    if name == "f1":
        return [{key: _text(value) for key, value in row.items()} for row in rows]
    if name == "random":
        return [_random(measure, rows) for measure in ("FPR", "TPR")]
    if name == "histograms":
        return _bins(rows)
    key_of = ("condition", "vector_source", "k", "alpha", "against")
    lines: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        key = tuple(row.get(part, "") for part in key_of)
        line = lines.setdefault(key, {part: _text(row[part]) for part in key_of if part in row})
        column = f"{row['measure']} {row['test_set']}" if "test_set" in row else row["measure"]
        line[column] = _cell(row)
    return list(lines.values())


def _random(measure: str, rows: Sequence[Row]) -> Row:
    values = sorted(row["value"] for row in rows if row["measure"] == measure)
    return {
        "measure": measure, "draws": str(len(values)), "mean": f"{sum(values) / len(values):.3f}",
        "least": f"{values[0]:.3f}", "most": f"{values[-1]:.3f}",
        "clips each": str(next(row["n"] for row in rows if row["measure"] == measure)),
    }  # fmt: skip


def _bins(rows: Sequence[Row]) -> list[Row]:
    """One line a bin, a column for each condition on all non-speech (or its only set) and on speech."""
    sets = list(dict.fromkeys(row["test_set"] for row in rows))
    lines: dict[float, Row] = {}
    for row in rows:
        if row["test_set"] in sets[-2:]:
            line = lines.setdefault(row["from"], {"p": f"{row['from']:.2f} … {row['to']:.2f}"})
            line[f"{row['condition']}, {row['test_set']}"] = str(row["clips"])
    return list(lines.values())


def _cell(row: Row) -> str:
    if row["value"] is None:
        return "–"
    sign = "+" if "against" in row else ""
    low, high = ("–" if row[end] is None else f"{row[end]:{sign}.3f}" for end in ("low", "high"))
    return f"{row['value']:{sign}.3f} [{low}, {high}] n={row['n']}"


def _text(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def markdown_table(rows: Sequence[Row]) -> list[str]:
    """Lines of a table with the first row's columns."""
    names = list(rows[0])
    body = ("| " + " | ".join(_text(row.get(name, "")).replace("|", "\\|") for name in names) + " |" for row in rows)
    return ["| " + " | ".join(names) + " |", "|" + "---|" * len(names), *body]
