"""Some of the clips that ship with ARD in a folder of their own, with the table of what is in them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from backend.resources import resource

TABLE = "clips.jsonl"


def shipped_clips(folder: Path, every: int) -> Path:
    """Each `every`-th shipped clip and its row of the table, which keeps its name."""
    clips = resource("demo/clips")
    rows = [json.loads(line) for line in (clips / TABLE).read_text(encoding="utf-8").splitlines()]
    chosen = rows[::every]
    for row in chosen:
        path = folder / row["path"]
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(clips / row["path"], path)
    (folder / TABLE).write_text("".join(json.dumps(row) + "\n" for row in chosen), encoding="utf-8")
    return folder
