"""`ard sweep`: how error, sparsity and living features trade off over expansions and k (S-13, Figs 1, 8–10).

The SAEs are trained as any others, under their own ids, in one run from one stream; those that the study has already
are not trained again. Each is then measured at inference on the same stretch of training tokens. The curves are
`sweep/<fingerprint>/sweep.csv` and `.json`; plotting is left to the reader's tool.
"""

from __future__ import annotations

import csv
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from backend.jobs.job import Job
from backend.stages import train
from backend.stages.base import Product
from backend.study.atomic import replacing, write_json
from backend.study.fingerprint import fingerprint
from backend.study.folder import Study
from backend.study.manifest import write_manifest
from backend.study.settings import Settings
from backend.train.jobs import SaeJob, sae_jobs

STAGE = "sweep"
ALIVE_STEPS = 10_000
COLUMNS = (
    "sae", "layer", "architecture", "expansion", "features", "k", "seed", "l0_mean", "normalised_l2", "fvu", "alive",
    "alive_share", "alive_steps", "tokens",
)  # fmt: skip


def products(study: Study, settings: Settings) -> list[Product]:
    """The curves of the study's own grid."""
    return [_product(study, sae_jobs(study, settings), ALIVE_STEPS)]


def run(
    study: Study,
    settings: Settings,
    job: Job,
    *,
    expansion: Sequence[int] = (),
    k: Sequence[int | Literal["auto"]] = (),
    alive_steps: int = ALIVE_STEPS,
) -> Path:
    """Train the grid of `expansion` × `k` (with the study's architectures, layers and seeds) and measure it.

    Parameters
    ----------
    expansion, k : sequences, optional
        Those of study.toml where empty.
    alive_steps : int
        N of S-13: a feature is alive if it is active at least once in N batches of `train.batch_tokens` tokens; they
        are also what L0, normalised L2 and FVU are taken over. Fewer where the layer has fewer tokens: one epoch.

    Returns
    -------
    Path
        Folder with `sweep.csv`, `sweep.json` and the manifest.
    """
    grid = settings.model_copy(deep=True)
    grid.sae.expansion, grid.sae.k = list(expansion) or settings.sae.expansion, list(k) or settings.sae.k
    train.run(study, grid, job)
    jobs = sae_jobs(study, grid)
    product = _product(study, jobs, alive_steps)
    folder = product.manifest.parent
    if product.state == "finished":
        job.current(STAGE)
        return folder
    with job.running(STAGE):
        if settings.sae.inference == "per_clip":
            job.message("BatchTopK is measured by its learned threshold: the batches of a sweep are not whole clips")
        began = time.monotonic()
        rows = list(_rows(study, grid, job, jobs, alive_steps))
        _write_csv(folder / "sweep.csv", rows)
        write_json(folder / "sweep.json", rows)
        write_manifest(
            product.manifest,
            stage=STAGE,
            fingerprint=product.fingerprint,
            settings=_settings(jobs, alive_steps),
            inputs=_inputs(jobs),
            outputs={"csv": "sweep.csv", "json": "sweep.json"},
            seconds=time.monotonic() - began,
            device=settings.model.device,
        )
        job.message(f"curves of {len(rows)} SAEs: {folder / 'sweep.csv'}")
    return folder


def _product(study: Study, jobs: Sequence[SaeJob], alive_steps: int) -> Product:
    known = all(one.fingerprint for one in jobs)
    print_ = fingerprint({"settings": _settings(jobs, alive_steps), "inputs": _inputs(jobs)}) if known else ""
    return Product(STAGE, "curves", study.root / "sweep" / (print_ or "none") / "manifest.json", print_)


def _settings(jobs: Sequence[SaeJob], alive_steps: int) -> dict[str, Any]:
    return {"saes": [one.id for one in jobs], "alive_steps": alive_steps}


def _inputs(jobs: Sequence[SaeJob]) -> dict[str, Any]:
    return {one.id: one.fingerprint for one in jobs}


def _rows(
    study: Study, settings: Settings, job: Job, jobs: Sequence[SaeJob], alive_steps: int
) -> Iterator[dict[str, Any]]:
    """One row per SAE, layer by layer, each layer's SAEs on the same batches."""
    from backend.sae.parallel import ALONE
    from backend.targets.load import choose_device
    from backend.train.feed import cached_feed, live_feed
    from backend.train.measure import measure_together

    device = choose_device(settings.model.device)
    job.begin_progress("SAEs")
    done = 0
    for layer in dict.fromkeys(one.layer for one in jobs):
        mine = [one for one in jobs if one.layer == layer]
        recipes = [mine[0].recipe]
        feed = (
            live_feed(study, settings, recipes, ALONE, job, device=device)
            if settings.extract.storage == "stream"
            else cached_feed(study, settings, recipes, ALONE, device=device)
        )
        steps = max(1, min(alive_steps, feed.tokens[layer] // settings.train.batch_tokens))
        with feed.stream:
            found = measure_together([one.folder for one in mine], feed.stream, layer, steps, device, job)
        for one, quality in zip(mine, found, strict=True):
            yield _row(one, quality, steps)
        done += len(mine)
        job.progress(done, len(jobs))


def _row(one: SaeJob, quality: dict[str, float], steps: int) -> dict[str, Any]:
    config = one.config
    values = {
        "sae": one.id,
        "layer": one.layer,
        "architecture": config.architecture,
        "expansion": config.expansion,
        "features": config.n_features,
        "k": config.k,
        "seed": config.seed,
        "alive_share": quality["alive"] / config.n_features,
        "alive_steps": steps,
        **{name: quality[name] for name in ("l0_mean", "normalised_l2", "fvu", "alive", "tokens")},
    }
    return {name: values[name] for name in COLUMNS}


def _write_csv(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    with replacing(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as handle:
        writer = csv.DictWriter(handle, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
