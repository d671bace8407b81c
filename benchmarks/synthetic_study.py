"""Write the large synthetic study that the desktop is measured on: 65,536 features, 118,356 clips.

Everything is written by ARD's own writers, from drawn numbers (tests/builders/synthetic_study.py); the sounds are
generated, and very many clips are parts of the same few hundred files. `ard-gui DIR` opens it as any other.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(1, str(Path(__file__).resolve().parents[1] / "tests"))

from builders.synthetic_study import Size, synthetic_study


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="study folder to make; must not exist")
    parser.add_argument("--features", type=int, default=Size.features)
    parser.add_argument("--clips", type=int, default=Size.clips)
    parser.add_argument("--mean-support", type=float, default=Size.mean_support, help="active clips per feature")
    parser.add_argument("--pairs", action="store_true", help="keep the pair table")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    if chosen.out.exists():
        parser.error(f"{chosen.out} is there already")
    began = time.perf_counter()
    size = Size(
        chosen.features, chosen.clips, mean_support=chosen.mean_support, pair_table=chosen.pairs,
        files=min(Size.files, chosen.clips),
    )  # fmt: skip
    study = synthetic_study(chosen.out, size, seed=chosen.seed)
    total = sum(path.stat().st_size for path in study.root.rglob("*") if path.is_file())
    print(f"{study.root}: {size.features} features, {size.clips} clips, {total / 2**20:.0f} MiB, "
          f"{time.perf_counter() - began:.0f} s")  # fmt: skip


if __name__ == "__main__":
    main()
