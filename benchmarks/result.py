"""One shape for every benchmark's result: a list of rows, written as JSON, printed as one table.

A row is a flat mapping; `case` and `figure` are always there, the others where they mean something:
case, size, dtype, figure (with unit), ratio (against what the bar speaks of), bar, met (bool), note.
"""

from __future__ import annotations

import json
import platform
import shlex
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parent / "results"
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


def write(name: str, rows: Sequence[Mapping[str, Any]], *, device: str, seconds: float, **context: Any) -> Path:
    """Write results/<name>.json."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    record = {
        "benchmark": name,
        "command": shlex.join(["python", *sys.argv]),
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
    return f"{value:.3g}" if isinstance(value, float) else "" if value is None else str(value)


def table(records: Sequence[Mapping[str, Any]]) -> str:
    """One Markdown table over all records."""
    lines = ["| benchmark | " + " | ".join(COLUMNS) + " |", "|---" * (len(COLUMNS) + 1) + "|"]
    for record in records:
        for row in record["rows"]:
            cells = [str(record["benchmark"]), *(_text(row.get(column)) for column in COLUMNS)]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    """Print every result that stands in results/, newest run of each benchmark."""
    records = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(RESULTS.glob("*.json"))]
    for record in records:
        print(f"{record['benchmark']}: {record['date']}, {record['device']}, {record['seconds']:.0f} s")
        print(f"    {record['command']}")
    print()
    print(table(records))


if __name__ == "__main__":
    main()
