"""How fast the desktop is on a large study: start, open, sort, filter, star, feature → page, stalls; and its memory.

    python benchmarks/synthetic_study.py --out /tmp/large
    python benchmarks/desktop.py /tmp/large

Every figure comes from fresh processes with an offscreen screen and settings of their own. "Cold" means that the
study's HDF5 files were put out of the page cache by posix_fadvise before each selection (as a user can; what HDF5 and
ARD keep in memory stays). A stall is a time of more than 100 ms in which the window's thread did not answer; those in
which it computed so long itself are told apart from those in which it waited for another thread or for the processor.
The study is opened as a person would: a file of notes is made in it, in which nothing is left noted.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import result
from desktop_window import evict

HERE = Path(__file__).resolve().parent
Row = dict[str, Any]


def measure(what: str, study: Path) -> dict[str, Any]:
    """One measurement in a fresh process."""
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen", "ARD_HOME": home}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed program is compiled
        command = [sys.executable, "-P", str(HERE / "desktop_window.py"), what, str(study), repr(time.time())]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        sys.exit(f"the window did not get through '{what}':\n{done.stderr}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def seconds(case: str, values: Sequence[float], bar: float | None, note: str = "") -> Row:
    middle = float(np.median(values))
    row: Row = {"case": case, "figure": f"{middle:.2f} s", "note": f"{min(values):.2f} … {max(values):.2f} s{note}"}
    return row if bar is None else row | {"ratio": middle / bar, "bar": f"< {bar:g} s", "met": middle < bar}


def cpu(found: Sequence[dict[str, Any]]) -> str:
    """What the wall time is to be seen beside on a machine that does other things too."""
    return f"; CPU time {np.median([one['cpu'] for one in found]):.2f} s"


def milliseconds(case: str, times: Sequence[tuple[float, float]], bar: float | None) -> Row:
    values, used = [one[0] for one in times], [one[1] for one in times]
    high = float(np.percentile(values, 95))
    told = (
        f"95th percentile of {len(values)}; median {np.median(values):.0f}, largest {max(values):.0f} ms; "
        f"CPU time {np.percentile(used, 95):.0f} ms"
    )
    row: Row = {"case": case, "figure": f"{high:.0f} ms", "note": told}
    return row if bar is None else row | {"ratio": high / bar, "bar": f"< {bar:g} ms", "met": high < bar}


def stalls(case: str, found: Sequence[dict[str, Any]]) -> Row:
    """The worst of several runs."""
    count, own = max(one["stalls"] for one in found), max(one["own"] for one in found)
    longest = max(found, key=lambda one: float(one["longest"]))
    note = f"{own} by its own work; longest {longest['longest']:.0f} ms, of it own work {longest['longest_cpu']:.0f} ms"
    return {
        "case": case, "figure": f"{count} over 100 ms", "bar": "none", "met": not count,
        "note": f"worst of {len(found)}; {note}" if len(found) > 1 else note,
    }  # fmt: skip


def slowest(case: str, times: dict[str, tuple[float, float]], bar: float) -> Row:
    name, (worst, used) = max(times.items(), key=lambda one: one[1])
    middle = np.median([wall for wall, _ in times.values()])
    return {
        "case": case, "figure": f"{worst:.0f} ms", "ratio": worst / bar, "bar": f"< {bar:g} ms", "met": worst < bar,
        "note": f"slowest of {len(times)}: {name or 'no filter'}, CPU time {used:.0f} ms; median {middle:.0f} ms",
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=Path)
    parser.add_argument("--starts", type=int, default=7, help="fresh processes per figure")
    chosen = parser.parse_args()
    began, study = time.perf_counter(), chosen.study.resolve()
    busy = os.getloadavg()[0]
    measure("open", study)  # whatever is read for the first time is in the page cache from now on
    starts = [measure("start", study) for _ in range(chosen.starts)]
    opens = [measure("open", study) for _ in range(chosen.starts)]
    cold = []
    for _ in range(chosen.starts):
        evict(study)
        cold.append(measure("open", study))
    found, walked = measure("work", study), measure("walk", study)
    size = f"{opens[0]['rows']} features"
    rows = [
        seconds("window visible, no study", [one["window"] for one in starts], 0.8, cpu(starts)),
        seconds("window visible, a study named", [one["window"] for one in opens], 0.8,
                f"; CPU time {np.median([one['window_cpu'] for one in opens]):.2f} s"),
        seconds("table usable", [one["table"] for one in opens], 1.5),
        seconds("first page", [one["page"] for one in opens], None, cpu(opens)),
        seconds("first page's pictures", [one["pictures"] for one in opens], None),
        seconds("search for words usable", [one["settled"] for one in opens], None),
        seconds("table usable, study not in the page cache", [one["table"] for one in cold], None),
        slowest("sort", found["sorts"], 100),
        slowest("filter", found["filters"], 100),
        slowest("search as you type", found["searches"], 100),
        milliseconds("star shown in the table", found["stars"], 100),
        milliseconds("feature → page, first visit", found["first"], None),
        milliseconds("feature → page, warm", found["warm"], 100),
        milliseconds("feature → page, cold", found["cold"], 300),
        milliseconds("feature → all visible spectrograms", found["pictures"], None),
        stalls("stalls while opening", opens),
        stalls("stalls while ↓ is held", [walked["held"]]),
        stalls("stalls over 200 random features", [walked["visited"]]),
        {"case": "memory after 200 features", "figure": f"{walked['resident']:.0f} MB",
         "note": f"window {max(one['memory'] for one in starts):.0f}, study open {found['opened']:.0f}, largest "
                 f"{max(found['memory'], walked['memory']):.0f} MB; holds up to 256 MB of sounds and spectrograms"},
    ]  # fmt: skip
    for row in rows:
        row.setdefault("size", size)
    spent = time.perf_counter() - began
    path = result.write("desktop", rows, device=result.device_name(), seconds=spent, load_before=round(busy, 2))
    print(result.table([{"benchmark": "desktop", "rows": rows}]))
    print(f"load before: {busy:.2f}; written to {path}")


if __name__ == "__main__":
    main()
