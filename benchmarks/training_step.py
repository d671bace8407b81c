"""Training step of ARD against sparsify, dictionary_learning, SAELens and plain PyTorch, at equal reconstruction.

All contestants of one size see the same batches in the same order from the same starting weights, with the
same constant learning rate. Their steps are interleaved, one each in turn and in changing order, so that
whatever else the machine does hits all alike; the figure is the median over the rounds after the warm-up,
with the minimum and, on processors, the CPU time of all threads beside it. After the last step each
reconstructs the same held-out batch: a claim counts only where ARD's FVU is at most 1 % above the other's.

FVUs are compared within one recipe for the decoder's norms, because the recipe alone moves the FVU by several
per cent at this stage: dictionary_learning and sparsify keep them at 1 as ARD does by default, SAELens leaves
them free, for which ARD's decoder_norm = "free" runs too. SAELens' default, which multiplies the pre-activations by
those norms, has no counterpart in ARD; its FVU is printed and its time counts.

Run in the benchmark environment: python benchmarks/training_step.py [--activations FOLDER] [--rounds N]
"""

from __future__ import annotations

import argparse
import gc
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import result
import torch
from peers import Contestant, DictionaryLearning, Plain, SaeLens, Sparsify, Start
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from backend.sae.config import SaeConfig
from backend.sae.initial_bias import initial_bias
from backend.sae.losses import row_squares
from backend.sae.metrics import Quality
from backend.sae.plan import DataStatistics, TrainPlan, default_decode
from backend.sae.trainer import SaeTrainer
from backend.store.activations import ActivationStore

WARM_UP = 3
LR = 1e-3
"""High, so that the few steps of a benchmark already learn."""
EQUAL = 1.01
"""FVUs within 1 % count as equal."""


@dataclass(frozen=True)
class Size:
    d: int
    features: int
    k: int
    batch: int

    def __str__(self) -> str:
        return f"d={self.d} D={self.features} k={self.k} B={self.batch}"


CPU_SIZES = (Size(384, 3072, 32, 4096), Size(1024, 8192, 64, 2048))
PAPER_SIZES = (Size(4096, 32768, 250, 4096), Size(768, 6144, 50, 2500))


class Ard(Contestant):
    """ARD's trainer, the whole step: gradients, AuxK bookkeeping, projection, clipping, Adam, metrics, threshold."""

    def __init__(self, start: Start, family: str, dtype: str, recipe: Literal["unit", "free"] = "unit") -> None:
        self.name, self.family, self.dtype = "ARD" if recipe == "unit" else "ARD free", family, dtype
        self.recipe = recipe
        features, d = start.W_dec.shape
        matmul = "bfloat16" if dtype == "bf16" else "float32"
        config = SaeConfig(
            family, d, features, start.k, auxk_alpha=1 / 32, auxk_k=d // 2, inference="per_clip",
            decoder_norm=recipe,
        )  # fmt: skip
        plan = TrainPlan(
            steps=start.steps, batch_tokens=start.batch, lr=start.lr,
            matmul=matmul, decode=default_decode(torch.device(start.device), matmul),
        )  # fmt: skip
        unknown = DataStatistics(torch.zeros(d), 1.0, 1.0)  # input_scaling none asks for none of it
        self.trainer = SaeTrainer(config, plan, device=start.device, statistics=unknown)
        with torch.no_grad():
            self.trainer.sae.W_dec.copy_(start.W_dec)
            self.trainer.sae.W_enc.copy_(start.W_dec)

    def step(self, x: Tensor) -> None:
        self.trainer.step(x)

    def reconstruct(self, x: Tensor) -> Tensor:
        return self.trainer.sae.reconstruct(x)


def contestants(start: Start) -> list[Callable[[], Contestant]]:
    """Every trainer in every precision, as functions that build it."""
    found: list[Callable[[], Contestant]] = []
    for family in ("topk", "batchtopk"):
        for dtype in ("fp32", "bf16"):
            found.append(partial(Ard, start, family, dtype))
            found.append(partial(Ard, start, family, dtype, "free"))
            found.append(partial(Plain, start, family, dtype, fused=dtype == "bf16"))
        peers: list[Callable[..., Contestant]] = [DictionaryLearning, SaeLens, partial(SaeLens, rescale=False)]
        if family == "topk":
            peers.append(Sparsify)
        for peer in peers:
            for dtype, fused in (("fp32", False), ("fp32", True), ("bf16", True)):
                found.append(partial(peer, start, family, dtype, fused=fused))
    return found


def mixture(size: Size, batches: int, device: str) -> list[Tensor]:
    """Synthetic stream: k/2 of D/4 unit directions per token with exponential strengths, noise, offset; E‖x‖² = 1."""
    g = torch.Generator(device=device).manual_seed(1)
    n = size.features // 4
    directions = torch.nn.functional.normalize(torch.randn(n, size.d, generator=g, device=device), dim=1)
    offset = 0.5 * torch.nn.functional.normalize(torch.randn(size.d, generator=g, device=device), dim=0)
    active, found = max(1, size.k // 2), []
    for _ in range(batches):
        # a skewed popularity of directions, as in real streams
        which = (torch.rand(size.batch, active, generator=g, device=device).square() * n).long()
        strength = torch.empty(size.batch, active, device=device).exponential_(generator=g)
        x = torch.nn.functional.embedding_bag(which, directions, per_sample_weights=strength, mode="sum")
        x /= x.square().sum(1).mean().sqrt()
        x += offset + 0.1 * torch.randn(x.shape, generator=g, device=device) / size.d**0.5
        found.append(x)
    scale = torch.stack([x.square().sum(1).mean() for x in found]).mean().sqrt()
    return [x / scale for x in found]


def stored(folder: Path, size: Size, batches: int, device: str) -> list[Tensor]:
    """Shuffled batches of a study's activations, scaled to E‖x‖² = 1."""
    store = ActivationStore(folder)
    order = torch.randperm(store.tokens, generator=torch.Generator().manual_seed(1)).numpy()
    batches = min(batches, store.tokens // size.batch)
    rows = [torch.from_numpy(store.gather(order[i * size.batch :][: size.batch])) for i in range(batches)]
    return [(x / store.mean_square_norm**0.5).to(device) for x in rows]


def fvu(contestant: Contestant, x: Tensor) -> float:
    quality = Quality(x.shape[1], x.device)
    error = row_squares(x - contestant.reconstruct(x).float())
    quality.add(x, error, torch.zeros(len(x), dtype=torch.int64, device=x.device))
    return quality.values()["fvu"]


def timed(contestant: Contestant, x: Tensor) -> tuple[float, float]:
    """Wall-clock and CPU seconds of one step."""
    on_gpu = x.device.type == "cuda"
    if on_gpu:
        torch.cuda.synchronize()
    began, busy = time.perf_counter(), time.process_time()
    contestant.step(x)
    if on_gpu:
        torch.cuda.synchronize()
    return time.perf_counter() - began, time.process_time() - busy


def measure(size: Size, data: list[Tensor], rounds: int, device: str) -> list[dict[str, Any]]:
    """Interleaved steps of all contestants; one row each."""
    *batches, held_out = data
    W_dec = torch.nn.functional.normalize(
        torch.randn(size.features, size.d, generator=torch.Generator().manual_seed(0)), dim=1
    ).to(device)
    b_dec = initial_bias(batches[0], "geometric_median")
    start = Start(W_dec, b_dec, size.k, LR, WARM_UP + rounds, size.batch, device)
    running = [build() for build in contestants(start)]
    seconds: list[list[tuple[float, float]]] = [[] for _ in running]
    for step in range(WARM_UP + rounds):
        x = batches[step % len(batches)]
        turn = [(step + i) % len(running) for i in range(len(running))]
        for number in turn:
            spent = timed(running[number], x)
            if step >= WARM_UP:
                seconds[number].append(spent)
        print(f"\r{size}: round {step + 1} of {WARM_UP + rounds}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return [
        {
            "trainer": c.name,
            "family": c.family,
            "dtype": c.dtype,
            "recipe": c.recipe,
            "size": str(size),
            "median_ms": 1e3 * statistics.median(wall for wall, _ in s),
            "fastest_ms": 1e3 * min(wall for wall, _ in s),
            "cpu_ms": 1e3 * statistics.median(busy for _, busy in s),
            "fvu": fvu(c, held_out),
            "tokens": (WARM_UP + rounds) * size.batch,
        }
        for c, s in zip(running, seconds, strict=True)
    ]


def judged(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of the table: each trainer against plain dense fp32, ARD's also against the fastest peer."""
    return [_judged(row, [r for r in rows if (r["family"], r["size"]) == (row["family"], row["size"])]) for row in rows]


def _judged(row: dict[str, Any], alike: list[dict[str, Any]]) -> dict[str, Any]:
    plain = next(r for r in alike if r["trainer"] == "plain PyTorch" and r["dtype"] == "fp32")
    entry = {
        "case": f"{row['family']}: {row['trainer']}",
        "size": row["size"],
        "dtype": row["dtype"],
        "figure": f"{row['median_ms']:.1f} ms (min {row['fastest_ms']:.1f}, CPU {row['cpu_ms']:.0f})",
        "ratio": f"{plain['median_ms'] / row['median_ms']:.2f} × plain fp32",
        "note": f"FVU {row['fvu']:.4f}",
    }
    if not row["trainer"].startswith("ARD"):
        return entry
    peers = [r for r in alike if r["dtype"] == row["dtype"] and not r["trainer"].startswith(("ARD", "plain"))]
    best = min(peers, key=lambda r: r["median_ms"])
    same_recipe = [r for r in peers if r["recipe"] == row["recipe"]]
    equal = all(row["fvu"] <= EQUAL * r["fvu"] for r in same_recipe)
    faster = all(row[key] < r[key] for r in peers for key in ("median_ms", "fastest_ms"))
    entry |= {
        "bar": "faster than every peer, FVU within 1 %",
        "met": equal and faster,
        "note": f"{entry['note']}, same recipe {min(r['fvu'] for r in same_recipe):.4f} to "
        f"{max(r['fvu'] for r in same_recipe):.4f}; {best['median_ms'] / row['median_ms']:.2f} × as fast as the "
        f"fastest peer ({best['trainer']})",
    }
    return entry


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20, help="timed steps of each trainer")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads")
    parser.add_argument("--activations", type=Path, help="a layer's folder in a study, instead of synthetic data")
    parser.add_argument("--size", type=int, action="append", help="only the n-th size, counted from 0")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    sizes = CPU_SIZES + (PAPER_SIZES if device == "cuda" else ())
    began, raw = time.monotonic(), []
    for number in chosen.size or range(len(sizes)):
        size = sizes[number]
        if chosen.activations:
            d = ActivationStore(chosen.activations).d
            size = Size(d, size.features // size.d * d, size.k, size.batch)
            data = stored(chosen.activations, size, 33, device)
        else:
            data = mixture(size, 17, device)
        raw += measure(size, data, chosen.rounds, device)
        gc.collect()
        # after every size, so that a run that is cut short leaves what it measured
        result.write(
            "training_step", judged(raw), device=result.device_name(device), seconds=time.monotonic() - began,
            torch=torch.__version__, rounds=chosen.rounds, measured=raw,
            data=str(chosen.activations.name if chosen.activations else "synthetic sparse mixture"),
        )  # fmt: skip
    rows = judged(raw)
    print(result.table([{"benchmark": "training_step", "rows": rows}]))


if __name__ == "__main__":
    main()
