"""What `ard estimate --measure` says of three studies, held against what `ard run` then takes of disk, memory and time.

The sizes and the bars are fixed in `estimate_sizes.json`. Both commands run in fresh processes with the same number of
threads (OMP_NUM_THREADS). Misses are rows like any other. Wants a machine that does nothing else meanwhile.

    python benchmarks/estimate.py --out DIR [--size small]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import result
import soundfile

ROOT = Path(__file__).resolve().parents[1]
SIZES = Path(__file__).with_name("estimate_sizes.json")
CLIPS, MODEL = ROOT / "resources/demo/clips", ROOT / "resources/demo/model"
ROTATED_SECONDS = 0.37
GIB = 1024**3


def listed(count: int) -> list[dict[str, Any]]:
    """`count` of the built-in clips, evenly spaced in their list."""
    lines = (CLIPS / "clips.jsonl").read_text(encoding="utf-8").splitlines()
    clips = [json.loads(line) for line in lines if line.strip()]
    return [clips[i] for i in np.linspace(0, len(clips) - 1, count).astype(int)]


def copied(sound: np.ndarray, rate: int, number: int) -> np.ndarray:
    """Copy `number` of a sound: that many decibels softer, and begun that many times 0.37 s later."""
    return np.roll(sound * 10 ** (-number / 20), -round(number * ROTATED_SECONDS * rate), axis=0)


def make_sounds(folder: Path, count: int, copies: int) -> Path:
    """The clips and their copies as wav files, with a manifest that says the same of every copy."""
    rows = []
    for row in listed(count):
        sound, rate = soundfile.read(CLIPS / row["path"], always_2d=True)
        for number in range(copies):
            path = Path(row["path"]).with_suffix("").with_name(f"{Path(row['path']).stem}-{number}.wav")
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(folder / path, copied(sound, rate, number), rate)
            rows.append({**row, "path": str(path)})
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (folder / "clips.jsonl").write_text(text, encoding="utf-8")
    return folder


def ard(*words: str) -> str:
    """What an `ard` command says on stdout, in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-P", "-m", "backend.cli.main", *words], env=environment, stdout=subprocess.PIPE, text=True,
        check=True,
    )  # fmt: skip
    return done.stdout


def folder_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def taken(study: Path) -> dict[str, Any]:
    """Seconds and largest memory of the study's only run, and of each of its stages."""
    (manifest,) = (study / "runs").glob("*/manifest.json")
    told = json.loads(manifest.read_text(encoding="utf-8"))
    stages = told["figures"]["stages"]
    peak = max(one["peak_memory_bytes"] for one in stages.values())
    return {"seconds": told["seconds"], "memory": peak, "stages": stages}


def rows_of(name: str, size: Mapping[str, Any], out: Path, bars: Mapping[str, float]) -> Iterator[dict[str, Any]]:
    """Estimate, run, compare: one row each for disk, memory and time."""
    sounds = make_sounds(out / name / "clips", size["clips"], size["copies"])
    study = out / name / "study"
    words = [word for layer in size["layers"] for word in ("--layer", layer)]
    words += [word for one in size["set"] for word in ("--set", one)]
    ard(
        "new",
        str(study),
        "--model",
        str(MODEL),
        "--audio",
        str(sounds),
        "--manifest",
        str(sounds / "clips.jsonl"),
        *words,
    )
    before = folder_bytes(study)
    began = time.monotonic()
    said = json.loads(ard("estimate", str(study), "--measure", "--json"))
    spent = time.monotonic() - began
    ard("run", str(study))
    found = taken(study)
    real = {"disk": folder_bytes(study) - before, "memory": found["memory"], "time": found["seconds"]}
    expected = {"disk": said["bytes_to_write"], "memory": said["memory_bytes"], "time": said["seconds"]}
    clips = f"{said['clips']} clips"
    for what, value in real.items():
        unit, scale = ("s", 1.0) if what == "time" else ("GiB", GIB)
        ratio = expected[what] / value
        yield {
            "case": f"{name}: {what}", "size": clips, "dtype": "",
            "figure": f"said {expected[what] / scale:.3g} {unit}, took {value / scale:.3g} {unit}", "ratio": ratio,
            "bar": f"within {bars[what]:.0%}", "met": abs(ratio - 1) <= bars[what],
            "note": _note(said, found, what, spent),
        }  # fmt: skip


def _note(said: Mapping[str, Any], found: Mapping[str, Any], what: str, spent: float) -> str:
    if what == "disk":
        return f"estimate took {spent:.0f} s"
    key, real = ("seconds", "seconds") if what == "time" else ("memory_bytes", "peak_memory_bytes")
    stages = {one["stage"]: one[key] for one in said["stages"]}
    parts = [f"{name} {stages[name] / max(1e-9, one[real]):.2f}" for name, one in found["stages"].items()]
    return f"said/took by stage: {', '.join(parts)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder for the studies; those there are made anew")
    parser.add_argument("--size", action="append", help="one of the sizes; repeatable, all if left out")
    parser.add_argument("--sizes", type=Path, default=SIZES, help="another file of sizes, for trying out")
    chosen = parser.parse_args()
    fixed = json.loads(chosen.sizes.read_text(encoding="utf-8"))
    began, rows = time.monotonic(), []
    for name in chosen.size or fixed["sizes"]:
        shutil.rmtree(chosen.out / name, ignore_errors=True)
        rows += list(rows_of(name, fixed["sizes"][name], chosen.out, fixed["bars"]))
        print(result.table([{"benchmark": "estimate", "rows": rows[-3:]}]), flush=True)
    record = {"device": result.device_name(), "seconds": time.monotonic() - began}
    if chosen.sizes == SIZES and not chosen.size:
        result.write("estimate", rows, **record)
    print(result.table([{"benchmark": "estimate", "rows": rows}]))


if __name__ == "__main__":
    main()
