"""One process of the data-parallel test: trains on its slices and writes what it saw."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from sae_builders import config, dictionary, sparse_batch, trainer

from backend.sae.parallel import ALONE, World, join, leave

STEPS, TOKENS = 20, 48


def train(architecture: str, world: World) -> dict[str, torch.Tensor]:
    """20 steps; the global batch is cut unevenly, as at the end of an epoch."""
    settings = config(
        architecture, input_scaling="mean_sq_norm", auxk_alpha=0.1, auxk_k=8, dead_tokens=200, l0_warmup_steps=5
    )
    truth = dictionary(32, 16, seed=99)
    batches = [sparse_batch(truth, TOKENS, i, offset=1.0) for i in range(STEPS)]
    run = trainer(settings, batches[0], world=world, warmup_steps=5, decay_start=15, steps=STEPS)
    cut = [0, 20, TOKENS] if world.size == 2 else [0, TOKENS]
    seen: dict[str, torch.Tensor] = {}
    for i, batch in enumerate(batches):
        gradients: dict[str, torch.Tensor] = {}
        update = run._update

        def keep(step, update=update, gradients=gradients):
            gradients.update({n: g.clone() for n, g in step.parameters.items()})
            update(step)

        run._update = keep
        run.step(batch[cut[world.rank] : cut[world.rank + 1]])
        run._update = update
        seen |= {f"gradient.{i}.{n}": g for n, g in gradients.items()}
        metrics = run.metrics()
        seen[f"metrics.{i}"] = torch.tensor([metrics[n] for n in sorted(metrics)], dtype=torch.float64)
    seen |= {f"state.{n}": t for n, t in run.state_dict().items()}
    return seen


if __name__ == "__main__":
    torch.set_num_threads(1)
    out = Path(sys.argv[1])
    world = join(torch.device("cpu"))
    assert world is not ALONE
    torch.save({a: train(a, world) for a in ("topk", "batchtopk", "jumprelu")}, out / f"rank{world.rank}.pt")
    leave()
