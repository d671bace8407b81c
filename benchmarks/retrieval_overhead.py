"""What retrieval adds to what cannot be avoided: bookkeeping over (model forward + SAE encoder matmul).

    python benchmarks/retrieval_overhead.py STUDY [--tokens 20000]

A sample of the study's probing clips is run through the study's own model and first finished SAE. Bookkeeping
is everything between the codes and the finished file: statistics, spill files, merge. The bar is ≤ 5 % (design §7).
The merge costs mostly a constant per feature, so that its share falls as the sample grows; the share of the pass
without it is given too. Selecting the active features and measuring the SAE's quality are listed apart.
One JSON line and a readable row.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import result
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from backend.extract.decode import decode
from backend.extract.forward import Forward, Rows
from backend.extract.plan import clip_seconds, make_plan
from backend.extract.shards import loader
from backend.jobs.job import quiet_job
from backend.retrieval.merge import Scoring, merge
from backend.retrieval.result import make_ranker, probing
from backend.retrieval.source import batches_of_clips
from backend.retrieval.spill import SpillWriter, Visit, places
from backend.retrieval.statistics import CodeCollector
from backend.sae.base import Sae
from backend.sae.codes import SparseCodes
from backend.sae.files import load_sae
from backend.stages.retrieve import rankings
from backend.store import hdf
from backend.store.clips import ClipTable
from backend.store.retrieval import KIND, VERSION, RetrievalWriter
from backend.study.configuration import load_settings
from backend.study.folder import Study
from backend.study.settings import Settings, plain
from backend.targets.load import choose_device, load_target

T = TypeVar("T")


class Clock:
    """Seconds by name; waits for the device before and after."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.seconds: dict[str, float] = {}

    def __call__(self, name: str, work: Callable[[], T]) -> T:
        self._wait()
        began = time.perf_counter()
        found = work()
        self._wait()
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - began
        return found

    def _wait(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


def activations(
    study: Study, settings: Settings, layer: str, table: ClipTable, tokens: int, clock: Clock
) -> tuple[Any, Any, Any]:
    """x [tokens, d], clip and length of an even sample of the probing clips, through the model."""
    seconds = clip_seconds(table)
    rows = np.random.default_rng(0).permutation(np.flatnonzero(table.probe))
    wanted = rows[: 1 + int(np.searchsorted(np.cumsum(seconds[rows] * 50), tokens))]
    plan = make_plan(table, wanted, batch_clips=settings.extract.batch_clips, shard_tokens=10**9)
    target = load_target(settings.model)
    forward = Forward(target, batch_waves=settings.extract.batch_clips, job=quiet_job())
    load = loader(target, settings)
    found = Rows(target.width(layer))
    for number, batch in enumerate(plan.batches):
        waves = [decode(table[clip], load) for clip in batch]
        if not number:
            forward(waves, [layer])
        found.add(clock("forward", lambda waves=waves: forward(waves, [layer]))[layer])
    return torch.from_numpy(found.x()), np.array(found.clip), np.array(found.length)


@torch.no_grad()
def retrieve(
    sae: Sae, x: torch.Tensor, clip: Any, length: Any, table: ClipTable, settings: Settings, clock: Clock, folder: Path
) -> dict[str, int]:
    """The stage's work on the sample, each part timed."""
    section = settings.retrieve
    device = sae.W_dec.device
    collector = CodeCollector(sae.config.n_features, section.max_tokens_window, section.score)
    spill = clock("bookkeeping", lambda: SpillWriter(folder / "shard.h5", section.max_tokens_window > 0))
    ends = np.concatenate(([0], np.cumsum(length)))
    sae.encode(x[: length[0]].to(device), torch.from_numpy(length[:1]).to(device))
    for batch in batches_of_clips(length, section.batch_tokens):
        part = x[int(ends[batch.start]) : int(ends[batch.stop])].to(device)
        lengths = torch.from_numpy(length[batch]).to(device)
        clock("matmul", lambda part=part: part @ sae.W_enc.T)
        codes: SparseCodes = clock("encode", lambda part=part, lengths=lengths: sae.encode(part, lengths))
        clock("quality", lambda part=part, codes=codes: sae.decode(codes, sae.scale(part)[1]))
        clock("bookkeeping", lambda codes=codes, batch=batch: collector.add(codes, clip[batch], length[batch]))

    def commit() -> None:
        spill.add(collector.finish())
        spill.finish(Visit(clip, length))

    def finish() -> dict[str, int]:
        found = probing([Visit(clip, length)], len(table))
        with hdf.create(folder / "retrieval.h5", kind=KIND, version=VERSION) as handle:
            writer = RetrievalWriter(
                handle, features=sae.config.n_features, clips=len(table), settings=plain(section),
                seconds_per_token=0.02, largest_token=int(length.max()),
            )  # fmt: skip
            return merge(
                writer, places(folder / "shard.h5"), found, make_ranker(table, found.tokens, section),
                Scoring(section.score, section.max_tokens_window, section.p),
                memory=section.memory_mb * 2**19, clip_features=section.clip_features,
            )  # fmt: skip

    clock("bookkeeping", commit)
    return clock("merge", finish)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=Path)
    parser.add_argument("--tokens", type=int, default=20000)
    parser.add_argument("--sae", default="", help="id of the SAE; the study's first one otherwise")
    options = parser.parse_args()
    began = time.monotonic()
    study = Study.open(options.study)
    settings = load_settings(study.toml)
    found = [r for r in rankings(study, settings) if r.sae and r.fingerprint and options.sae in ("", r.id)]
    if not found:
        sys.exit("the study has no finished SAE: run ard train first")
    device = choose_device(settings.model.device)
    table, clock = ClipTable(study.clips()), Clock(device)
    x, clip, length = activations(study, settings, found[0].layer, table, options.tokens, clock)
    sae = load_sae(found[0].sae, device)
    with tempfile.TemporaryDirectory() as folder:
        totals = retrieve(sae, x, clip, length, table, settings, clock, Path(folder))
    seconds = {name: round(value, 4) for name, value in clock.seconds.items()}
    unavoidable = clock.seconds["forward"] + clock.seconds["matmul"]
    during = clock.seconds["bookkeeping"] / unavoidable
    share = during + clock.seconds["merge"] / unavoidable
    figures = {
        "benchmark": "retrieval_overhead", "sae": found[0].id, "clips": len(clip), "tokens": len(x),
        "features": sae.config.n_features, "pairs": totals["pairs"], "seconds": seconds,
        "pass_share": during, "bookkeeping_share": share,
    }  # fmt: skip
    print(json.dumps(figures))
    row = {
        "case": found[0].id, "size": f"{len(clip)} clips, {len(x)} tokens", "figure": f"{100 * share:.1f} %",
        "ratio": share, "bar": "≤ 5 %", "met": share <= 0.05,
        "note": f"{100 * during:.1f} % without the merge; "
        + ", ".join(f"{name} {value:.2f} s" for name, value in clock.seconds.items()),
    }  # fmt: skip
    result.write(
        "retrieval_overhead", [row], device=result.device_name(str(device)), seconds=time.monotonic() - began,
        figures=figures,
    )  # fmt: skip
    print(result.table([{"benchmark": "retrieval_overhead", "rows": [row]}]))


if __name__ == "__main__":
    main()
