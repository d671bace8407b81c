"""Write the lists of clips behind the figures in docs/hallucination.md: three of non-speech, one of speech.

    python benchmarks/hallucination_lists.py WORK UNPACKED TEXTS OUT

WORK is the work folder of the built-in model's recipe (recordings.jsonl beside sources/), UNPACKED a folder with the
unpacked packages asterisk-core-sounds-en-wav and tuxpaint-stamps-default, TEXTS the file core-sounds-en.txt that
Asterisk publishes with its prompts. OUT gets environment.jsonl, music.jsonl, animal.jsonl (paths below WORK) and
speech.jsonl (paths below UNPACKED).
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PROMPTS = "asterisk-core-sounds-en-wav/usr/share/asterisk/sounds/en_US_f_Allison"
STAMPS = "tuxpaint-stamps-default/usr/share/tuxpaint/stamps"

Row = dict[str, Any]


def non_speech(work: Path, category: str) -> Iterator[Row]:
    """Recordings of one category; takes of one sound share their group."""
    for line in (work / "recordings.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if row["category"] == category and (work / row["path"]).exists():
            labels = {"category": category, "label": row["label"], "group": row["group"]}
            yield {"path": row["path"], "record": row["id"], "source": row["source"], "labels": labels}


def prompts(unpacked: Path, texts: Path) -> Iterator[Row]:
    """Telephone prompts of one speaker; those that are tones or have no text are left out."""
    said = {}
    for line in texts.read_text(encoding="utf-8", errors="replace").splitlines():
        if ":" in line and not line.startswith(";"):
            name, _, text = line.partition(":")
            said[name.strip().removesuffix(".wav")] = text.strip()
    folder = unpacked / PROMPTS
    for path in sorted(folder.rglob("*.wav")):
        text = said.get(path.relative_to(folder).as_posix().removesuffix(".wav"), "")
        if path.is_symlink() or re.search(r"[\[<(]", text) or not re.search("[A-Za-z]", text):
            continue
        yield {"path": path.relative_to(unpacked).as_posix(), "speaker": "allison", "text": text}


def captions(unpacked: Path) -> Iterator[Row]:
    """Spoken English captions of stamps, whose text is the first line of the file beside them."""
    for path in sorted((unpacked / STAMPS).rglob("*_desc.ogg")):
        beside = path.with_name(path.name.replace("_desc.ogg", ".txt"))
        lines = beside.read_text(encoding="utf-8").splitlines() if beside.exists() else []
        if lines and lines[0].strip():
            yield {"path": path.relative_to(unpacked).as_posix(), "speaker": "tuxpaint", "text": lines[0].strip()}


def main(work: Path, unpacked: Path, texts: Path, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    lists = {name: list(non_speech(work, name)) for name in ("environment", "music", "animal")}
    lists["speech"] = [*prompts(unpacked, texts), *captions(unpacked)]
    for name, rows in lists.items():
        (out / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        print(f"{name}: {len(rows)} clips")


if __name__ == "__main__":
    main(*(Path(word) for word in sys.argv[1:5]))
