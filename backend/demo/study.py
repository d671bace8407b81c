"""The demo's study: the built-in model on its own clips, with the SAE that ships and with one trained on the spot."""

from __future__ import annotations

from pathlib import Path

from backend.errors import ArdError
from backend.jobs.job import Job
from backend.resources import BUILTIN_CLIPS, BUILTIN_MODEL, resource
from backend.stages import pipeline
from backend.study.atomic import read_json, write_json
from backend.study.creation import new_study
from backend.study.folder import Study
from backend.study.manifest import read_manifest
from backend.study.settings import Settings

MODEL, CLIPS, SAE = BUILTIN_MODEL, BUILTIN_CLIPS, "demo/sae"
CHANGES = (
    "study.seed={seed}", "sae.seeds=[{seed}]", 'sae.architecture=["topk"]', "sae.expansion=[4]", "sae.k=[16]",
    "sae.dead_tokens=100000", "train.steps=1500", "train.batch_tokens=1024", "train.lr=0.001",
    "retrieve.raw_units=true", 'captions.captioner="audiollm"', "captions.max_new_tokens=64",
)  # fmt: skip
"""The clips are 20 times fewer than those the shipped SAE was trained on, so the SAE trained on them is smaller."""


def prepare(folder: Path, seed: int) -> Study:
    """The demo study in `folder`; study.toml is written if it is not there.

    Raises ArdError if `folder` holds something else, or a demo of another seed or another built-in model.
    """
    root = folder.expanduser().resolve()
    study, mark = Study(root), root / "demo.json"
    wanted = {"seed": seed, "model": str(resource(MODEL))}
    if study.toml.exists():
        found = read_json(mark) if mark.exists() else {}
        if found.get("seed") != seed:
            what = f"the demo of seed {found['seed']}" if "seed" in found else "a study that is not the demo"
            raise ArdError(f"this folder holds {what}", path=root, todo="Name another folder with --study.")
        if found != wanted:
            raise ArdError(
                "this demo was made by another installation of ARD", path=root,
                todo="Remove it, or name another folder with --study.",
            )  # fmt: skip
        return study
    if root.exists() and any(root.iterdir()) and not mark.exists():
        raise ArdError("this folder is not empty", path=root, todo="Name another folder with --study.")
    root.mkdir(parents=True, exist_ok=True)
    write_json(mark, wanted)
    clips = resource(CLIPS)
    return new_study(
        root, str(resource(MODEL)), [clips], manifest=str(clips / "clips.jsonl"), layers=[shipped_layer()],
        changes=[change.format(seed=seed) for change in CHANGES],
    )  # fmt: skip


def shipped_layer() -> str:
    """The layer that the shipped SAE reads."""
    return str(read_manifest(resource(SAE) / "manifest.json")["settings"]["layer"])


def shipped_id() -> str:
    """Id of the shipped SAE in the demo study."""
    return f"{shipped_layer()}-shipped"


def build(study: Study, settings: Settings, job: Job) -> None:
    """Bring everything up to date: the pipeline's stages, and the shipped SAE as soon as its layer is stored."""
    sae = study.sae(shipped_id()) / "manifest.json"
    if not sae.exists():
        for name in ("index", "extract"):
            job.check_stop()
            pipeline.stage(name).run(study, settings, job)
        from backend.stages import bring

        bring.run(study, settings, bring.Wanted(resource(SAE), shipped_layer(), shipped_id()), job)
    pipeline.run(study, settings, job)
