"""Results as Markdown and CSV."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from backend.evaluate.sensitivity.outcome import DENOMINATORS
from backend.study.atomic import write_text

Told = Mapping[str, Any]
NONE = "–"


def write_tables(folder: Path, told: Told) -> None:
    """table.md and table.csv of a result (`run.run`)."""
    write_text(folder / "table.md", markdown(told))
    write_text(folder / "table.csv", csv_text(told["rows"]))


def markdown(told: Told) -> str:
    """A table with a row for each concept and kind, and what it must be read with."""
    judge = told["judge"]["judge"]
    lines = [
        f"# Sensitivity of {told['sae']}", "",
        f"Layer {told['layer']}, judge {judge}, seed {told['plan']['seed']}. Chosen on {told['parts']['selection']} "
        f"selection clips, reported on the {told['parts']['test']} test clips, of each concept those of its source. "
        "A share stands with its n and 95 % Wilson interval; only coherent answers count.", "",
        "| concept | direction | features | value | eligible | label | baseline | changed / all | coherent "
        "| reconstructed | random sets, mean (largest) | raw units |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    lines += [_line(row) for row in told["rows"]]
    notes = [_notes(row) for row in told["rows"]]
    lines += ["", *(one for one in notes if one)]
    if told["skipped"]:
        lines += ["", f"{len(told['skipped'])} clips could not be asked."]
    return "\n".join(lines).rstrip() + "\n"


def _line(row: Told) -> str:
    test, controls = row["test"], row["controls"]
    overrides = row["intervention"]["overrides"]
    shown = ", ".join(str(feature) for feature, _ in overrides[:4]) + (" …" if len(overrides) > 4 else "")
    random = controls["random"]
    cells = [
        row["concept"], f"{row['source']} → {row['target']}", f"{row['kind']} of {len(overrides)}: {shown}",
        f"{row['value']}, {row['intervention']['mode']}, {row['intervention']['positions']}",
        *(rate(test["rates"][name]) for name in DENOMINATORS),
        percent(test["coherence"]["coherent"]["share"]),
        rate(controls["reconstructed"]["rates"]["eligible"]),
        NONE if random is None else f"{percent(random['mean'])} ({percent(random['largest']['share'])}) "
        f"[{percent(random['interval'][0])}, {percent(random['interval'][1])}], {random['sets']} sets",
        NONE if controls["units"] is None else rate(controls["units"]["rates"]["eligible"]),
    ]  # fmt: skip
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |"


def _notes(row: Told) -> str:
    test, random = row["test"], row["controls"]["random"]
    said = []
    if row["few"]:
        said.append(f"only {test['rates']['eligible']['n']} eligible clips")
    if test["unparsed"]:
        said.append(f"{test['unparsed']} steered answers could not be read by the judge; they count as not shifted")
    if test["coherence"]["cut"]:
        said.append(f"{test['coherence']['cut']} answers were cut at their longest")
    if random is not None and random["largest_mismatch"] > 0.01:
        said.append(f"displacements of random sets differ by up to {percent(random['largest_mismatch'])}")
    said += row["notes"]
    if row["agreement"]:
        one = row["agreement"]
        said.append(
            f"{one['judges'][0]['judge']} and {one['judges'][1]['judge']} agree on {rate(one['equal'])} of the answers"
        )
    return f"* {row['concept']}, {row['kind']}: {'; '.join(said)}." if said else ""


def csv_text(rows: Sequence[Told]) -> str:
    """One line a row; shares as fractions, intervals in columns of their own."""
    handle = io.StringIO()
    found = [_flat(row) for row in rows]
    writer = csv.DictWriter(handle, fieldnames=list(found[0]) if found else ["concept"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(found)
    return handle.getvalue()


def _flat(row: Told) -> dict[str, Any]:
    test, controls = row["test"], row["controls"]
    flat: dict[str, Any] = {
        name: row[name] for name in ("concept", "column", "source", "target", "kind", "set", "value")
    } | {name: row["intervention"][name] for name in ("mode", "positions", "decode", "add_error")}
    flat["overrides"] = " ".join(f"{k}={v:g}" for k, v in row["intervention"]["overrides"])
    for name in DENOMINATORS:
        flat |= _columns(name, test["rates"][name])
    flat |= {"coherent": test["coherence"]["coherent"]["share"], "unparsed": test["unparsed"],
             "displacement": test["displacement"], "survived": test["survived"]}  # fmt: skip
    flat |= _columns("reconstructed", controls["reconstructed"]["rates"]["eligible"])
    random, units = controls["random"], controls["units"]
    flat |= {
        "random_sets": random["sets"] if random else 0, "random_mean": random["mean"] if random else "",
        "random_largest": random["largest"]["share"] if random else "",
    }  # fmt: skip
    nothing = {"share": "", "n": "", "interval": ["", ""]}
    return flat | _columns("units", units["rates"]["eligible"] if units else nothing)


def _columns(name: str, told: Told) -> dict[str, Any]:
    low, high = told["interval"]
    return {name: told["share"], f"{name}_n": told["n"], f"{name}_low": low, f"{name}_high": high}


def rate(told: Told) -> str:
    """ "75.0 % of 384 [70.4 %, 79.1 %]"."""
    if not told["n"]:
        return "no clip"
    low, high = told["interval"]
    return f"{percent(told['share'])} of {told['n']} [{percent(low)}, {percent(high)}]"


def percent(share: float | None) -> str:
    return NONE if share is None or math.isnan(share) else f"{100 * share:.1f} %"
