"""`ard train`: all SAEs of the grid from one stream of activations, in one run (A-10…A-18, S-09…S-12)."""

from __future__ import annotations

from backend.jobs.job import Job
from backend.stages.base import Product
from backend.study.folder import Study
from backend.study.settings import Settings
from backend.train.jobs import sae_jobs

STAGE = "train"


def products(study: Study, settings: Settings) -> list[Product]:
    """One product per SAE of the grid."""
    return [
        Product(STAGE, job.id, job.manifest, job.fingerprint, {"layer": job.layer, "sae": job.config.to_json()})
        for job in sae_jobs(study, settings)
    ]


def run(study: Study, settings: Settings, job: Job) -> None:
    """Train the SAEs that are missing or stale, going on from their checkpoints.

    Raises ArdError if a layer's activations are not there, or if training meets a number that is not finite;
    Stopped, with a checkpoint written, where the user asked for it.
    """
    study.clips()
    found = {one.manifest: one for one in sae_jobs(study, settings)}
    missing = [found[product.manifest] for product in products(study, settings) if product.state != "finished"]
    if not missing:
        job.current(STAGE)
        return
    with job.running(STAGE):
        from backend.train.run import TrainingRun

        TrainingRun(study, settings, job, missing).run()
