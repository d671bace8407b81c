"""Memory, time and disk of retrieval at 32,768 features × 20,000 clips of synthetic codes.

The codes go straight into statistics, spill files and the external merge, so that the bookkeeping is
measured alone. Each clip has a set of active features drawn by a power law of popularity and each token
K of them. One JSON line and a readable row on stdout.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import result
import torch
from peak import Peak

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from backend.retrieval.lists import ListRules, Ranker
from backend.retrieval.merge import Probing, Scoring, merge
from backend.retrieval.spill import SpillWriter, Visit, places
from backend.retrieval.statistics import CodeCollector
from backend.retrieval.ties import TieOrder
from backend.sae.codes import SparseCodes
from backend.store import hdf
from backend.store.retrieval import KIND, VERSION, RetrievalFile, RetrievalWriter

MIB = 2**20


class SyntheticClips:
    """Codes of clips of `tokens` tokens: `distinct` features a clip, `k` of them in each token."""

    def __init__(self, features: int, tokens: int, k: int, distinct: int, seed: int) -> None:
        self.features, self.tokens, self.k, self.distinct = features, tokens, k, distinct
        self._random = torch.Generator().manual_seed(seed)
        popularity = torch.arange(1, features + 1, dtype=torch.float32).pow(-0.7)
        self._popularity = popularity[torch.randperm(features, generator=self._random)]

    def codes(self, clips: int) -> SparseCodes:
        race = torch.rand(clips, self.features, generator=self._random).log_().neg_().div_(self._popularity)
        active = race.topk(self.distinct, largest=False).indices.sort(dim=1).values
        stride = self.distinct // self.k
        step = torch.randint(0, stride, (clips, self.tokens, self.k), generator=self._random)
        chosen = step + torch.arange(self.k) * stride
        feature = torch.gather(active, 1, chosen.view(clips, -1)).view(-1)
        token = torch.arange(clips * self.tokens).repeat_interleave(self.k)
        value = torch.rand(len(token), generator=self._random).add_(0.1)
        return SparseCodes(token, feature, value, clips * self.tokens, self.features)


def settings(lists: ListRules) -> dict[str, Any]:
    return {**vars(lists), "pair_table": True}


def measure(options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Run the whole bookkeeping once."""
    synthetic = SyntheticClips(options.features, options.tokens, options.k, options.distinct, seed=0)
    per_batch = max(1, 8192 // options.tokens)
    per_shard = max(1, 65536 // options.tokens)
    memory = options.memory_mb * MIB // 2
    collector = CodeCollector(options.features)
    lists = ListRules()
    made = collected = 0.0
    tokens = np.full(options.clips, options.tokens, np.int64)
    synthetic.codes(2)
    with Peak() as peak:
        shards = []
        for number, first in enumerate(range(0, options.clips, per_shard)):
            end = min(options.clips, first + per_shard)
            path = folder / f"shard-{number:05d}.h5"
            spill = SpillWriter(path, window=False)
            for begin in range(first, end, per_batch):
                rows = np.arange(begin, min(end, begin + per_batch))
                clock = time.perf_counter()
                codes = synthetic.codes(len(rows))
                made += time.perf_counter() - clock
                clock = time.perf_counter()
                collector.add(codes, rows, tokens[rows])
                del codes
                if collector.codes >= memory // CodeCollector.BYTES_PER_CODE:
                    spill.add(collector.finish())
                collected += time.perf_counter() - clock
            clock = time.perf_counter()
            spill.add(collector.finish())
            spill.finish(Visit(np.arange(first, end), tokens[first:end]))
            collected += time.perf_counter() - clock
            shards.append(path)
        spilled = sum(path.stat().st_size for path in shards)
        pass_peak = peak.peak
        peak.peak = 0
        clock = time.perf_counter()
        path = folder / "retrieval.h5"
        runs = [place for shard in shards for place in places(shard)]
        ids = np.random.default_rng(0).integers(0, 2**64, options.clips, dtype=np.uint64)
        ranker = Ranker(TieOrder(ids), tokens > 0, lists)
        with hdf.create(path, kind=KIND, version=VERSION) as handle:
            writer = RetrievalWriter(
                handle, features=options.features, clips=options.clips, settings=settings(lists),
                seconds_per_token=0.04, largest_token=options.tokens,
            )  # fmt: skip
            totals = merge(
                writer, runs, Probing(tokens, False), ranker, Scoring(), memory=memory, clip_features=32
            )  # fmt: skip
            none = np.zeros((options.features, 32), np.int32)
            writer.finish({"neighbours/feature": none, "neighbours/cosine": none.astype(np.float32)})
        merged = time.perf_counter() - clock
    return {
        "benchmark": "retrieval_memory",
        "features": options.features,
        "clips": options.clips,
        "tokens": int(tokens.sum()),
        "k": options.k,
        "codes": int(tokens.sum()) * options.k,
        "pairs": totals["pairs"],
        "features_per_clip": totals["pairs"] / options.clips,
        "memory_setting_mb": options.memory_mb,
        "peak_pass_mb": round((pass_peak - peak.before) / MIB, 1),
        "peak_merge_mb": round((peak.peak - peak.before) / MIB, 1),
        "resident_before_mb": round(peak.before / MIB, 1),
        "generate_seconds": round(made, 2),
        "statistics_seconds": round(collected, 2),
        "merge_seconds": round(merged, 2),
        "spill_mb": round(spilled / MIB, 1),
        "file_mb": round(path.stat().st_size / MIB, 1),
        **opening(path),
    }


def opening(path: Path) -> dict[str, float]:
    """Bytes and seconds to open the file, and the page of one feature; the largest of 200."""
    process = psutil.Process()
    count = getattr(process, "io_counters", None)

    def read() -> float:
        return float(getattr(count(), "read_chars", float("nan"))) if count else float("nan")

    before, clock = read(), time.perf_counter()
    with RetrievalFile(path) as file:
        opened, open_seconds = read() - before, time.perf_counter() - clock
        most = seconds = 0.0
        for k in np.random.default_rng(0).choice(file.features, min(200, file.features), replace=False):
            before, clock = read(), time.perf_counter()
            file.feature(int(k))
            seconds = max(seconds, time.perf_counter() - clock)
            most = max(most, read() - before)
    return {
        "open_file_bytes": opened,
        "open_file_ms": round(open_seconds * 1e3, 2),
        "open_feature_bytes": most,
        "open_feature_ms": round(seconds * 1e3, 2),
    }


def table_rows(found: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of the common table; the bars are those of design §3."""
    size = f"{found['features']} × {found['clips']}, {found['codes']:.2g} codes"
    peak, allowed = max(found["peak_pass_mb"], found["peak_merge_mb"]), found["memory_setting_mb"]
    page = found["open_feature_bytes"] / 1e6
    return [
        {
            "case": "peak memory above start", "size": size, "figure": f"{peak:.0f} MB",
            "ratio": peak / allowed, "bar": "≤ 1 × memory_mb", "met": peak <= allowed,
            "note": f"pass {found['peak_pass_mb']:.0f}, merge {found['peak_merge_mb']:.0f} of {allowed} MB",
        },
        {
            "case": "open one feature", "size": size, "figure": f"{page:.2f} MB", "bar": "< 1 MB", "met": page < 1,
            "note": f"largest of 200; {found['open_feature_ms']:.1f} ms",
        },
        {
            "case": "statistics and merge", "size": size,
            "figure": f"{found['statistics_seconds']:.0f} + {found['merge_seconds']:.0f} s",
            "note": f"spill {found['spill_mb']:.0f} MB, file {found['file_mb']:.0f} MB",
        },
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--features", type=int, default=32768)
    parser.add_argument("--clips", type=int, default=20000)
    parser.add_argument("--tokens", type=int, default=250, help="per clip; 250 is ten seconds of Qwen2-Audio")
    parser.add_argument("--k", type=int, default=250)
    parser.add_argument("--distinct", type=int, default=3000, help="active features of one clip (U)")
    parser.add_argument("--memory-mb", type=int, default=1024)
    parser.add_argument("--folder", type=Path, default=None, help="where the spill files go")
    options = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        found = measure(options, Path(folder))
    print(json.dumps(found), flush=True)
    rows = table_rows(found)
    result.write("retrieval_memory", rows, device=result.device_name(), seconds=time.monotonic() - began, figures=found)
    print(
        f"{found['features']} features x {found['clips']} clips, {found['codes']:.3g} codes: "
        f"peak +{found['peak_pass_mb']:.0f} MB (pass), +{found['peak_merge_mb']:.0f} MB (merge) "
        f"of {found['memory_setting_mb']} MB allowed; {found['statistics_seconds']:.0f} s statistics, "
        f"{found['merge_seconds']:.0f} s merge; file {found['file_mb']:.0f} MB; "
        f"one feature {found['open_feature_bytes'] / 1e6:.2f} MB in {found['open_feature_ms']:.1f} ms"
    )


if __name__ == "__main__":
    main()
