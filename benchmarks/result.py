"""One shape for every benchmark's result: a list of rows, written as JSON, printed as one table.

A row is a flat mapping; `case` and `figure` are always there, the others where they mean something:
case, size, dtype, figure (with unit), ratio (against what the bar speaks of), bar, met (bool), note.
"""

from __future__ import annotations

import argparse
import json
import platform
import shlex
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parent / "results"
BEGIN, END = "<!-- benchmarks: begin -->", "<!-- benchmarks: end -->"
COLUMNS = ("case", "size", "dtype", "figure", "ratio", "bar", "met", "note")


def device_name(device: str = "cpu") -> str:
    """E.g. "AMD EPYC, 2 threads" or the GPU's name."""
    import torch

    if device.startswith("cuda"):
        return torch.cuda.get_device_name(torch.device(device))
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        model = names[0] if names else model
    return f"{model}, {torch.get_num_threads()} threads"


def _portable(word: str) -> str:
    """A word of the command line without the folders of this machine."""
    path = Path(word)
    if path.resolve().parent == RESULTS.parent:
        return f"benchmarks/{path.name}"
    return path.name if path.is_absolute() else word


def write(name: str, rows: Sequence[Mapping[str, Any]], *, device: str, seconds: float, **context: Any) -> Path:
    """Write results/<name>.json."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    record = {
        "benchmark": name,
        "command": shlex.join(["python", *(_portable(word) for word in sys.argv)]),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "device": device,
        "seconds": round(seconds, 1),
        **context,
        "rows": [dict(row) for row in rows],
    }
    path.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "NO"
    text = f"{value:.3g}" if isinstance(value, float) else "" if value is None else str(value)
    return text.replace("|", "\\|")


def table(records: Sequence[Mapping[str, Any]]) -> str:
    """One Markdown table over all records."""
    lines = ["| benchmark | " + " | ".join(COLUMNS) + " |", "|---" * (len(COLUMNS) + 1) + "|"]
    for record in records:
        for row in record["rows"]:
            cells = [str(record["benchmark"]), *(_text(row.get(column)) for column in COLUMNS)]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def listing(records: Sequence[Mapping[str, Any]]) -> str:
    """Command, date, device and duration of each benchmark, then the table."""
    lines = [
        f"* `{r['command']}`: {r['date'][:10]}, {r['device']}, {r['seconds']:.0f} s"
        + (f", data: {r['data']}" if "data" in r else "")
        for r in records
    ]
    return "\n".join([*lines, "", table(records)])


def main() -> None:
    """Print every result in results/ as one table, and put it between the markers of a document."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("--into", type=Path, help="Markdown file with the two marker lines")
    chosen = parser.parse_args()
    text = listing([json.loads(path.read_text(encoding="utf-8")) for path in sorted(RESULTS.glob("*.json"))])
    print(text)
    if chosen.into:
        before, rest = chosen.into.read_text(encoding="utf-8").split(BEGIN)
        after = rest.split(END)[1]
        chosen.into.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
