"""`ard map`: the 2-D map of one SAE's directions (S-26). No stage of the pipeline: made when somebody asks for it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any, Literal

from backend.errors import ArdError
from backend.jobs.job import Job
from backend.study.atomic import read_json, write_json
from backend.study.fingerprint import fingerprint
from backend.study.folder import Study
from backend.study.manifest import is_current, read_manifest, write_manifest
from backend.study.settings import Settings

STAGE = "map"
LAYOUT = 1
"""Raised when the same settings give another map."""
Directions = Literal["decoder", "encoder"]


def run(study: Study, settings: Settings, sae_id: str, directions: Directions, seed: int, job: Job) -> Path:
    """Make the map of `sae_id`, name it in `current.json` and return its file.

    A map that is there already is only named. A killed run leaves nothing and gives the same map when run again.

    Raises
    ------
    ArdError
        For raw units; if the SAE is not there, or is not the one whose features are ranked.
    Stopped
        If the user asked for it.
    """
    weights = _weights(study, sae_id)
    wanted: dict[str, Any] = {"directions": directions, "seed": seed, "layout": LAYOUT}
    print_ = fingerprint({"settings": wanted, "inputs": {"weights": weights}})
    path = study.features(sae_id) / f"map-{print_}.h5"
    if path.is_file() and is_current(path.with_suffix(".json"), print_):
        _name(study, sae_id, path)
        job.current(STAGE)
        return path
    with job.running(STAGE):
        _make(study, settings, sae_id, path, wanted, weights, print_, job)
    return path


def _make(
    study: Study, settings: Settings, sae_id: str, path: Path, wanted: dict[str, Any], weights: str, print_: str,
    job: Job,
) -> None:  # fmt: skip
    from backend.analyse.direction_map import direction_map
    from backend.sae.files import load_sae
    from backend.store import map as store

    began = time.monotonic()
    sae = load_sae(study.sae(sae_id))
    vectors = sae.W_dec if wanted["directions"] == "decoder" else sae.W_enc
    memory = settings.retrieve.memory_mb * 2**20 // 4
    found = direction_map(vectors, seed=int(wanted["seed"]), memory=memory, job=job)
    figures = {"kept": found.kept, "by_chance": found.by_chance}
    store.write(path, found.places, found.directed, settings=wanted, weights=weights, **figures)
    write_manifest(
        path.with_suffix(".json"),
        stage=STAGE,
        fingerprint=print_,
        settings=wanted,
        inputs={"weights": weights},
        outputs={"file": path.name, "features": len(found.places), "bytes": path.stat().st_size},
        figures={
            "undirected": int((~found.directed).sum()),
            **{name: None if value != value else round(value, 4) for name, value in figures.items()},
        },
        seconds=time.monotonic() - began,
    )
    _name(study, sae_id, path)


def _weights(study: Study, sae_id: str) -> str:
    """Hash of the weights that the features of `sae_id` were ranked with; ArdError if the SAE has others now."""
    if sae_id.startswith("raw-"):
        raise ArdError("raw units have no directions to map", path=study.root, todo="Name an SAE with --sae.")
    current = read_json(study.features(sae_id) / "current.json")
    ranked = read_manifest(study.features(sae_id) / str(current["manifest"]))["inputs"].get("weights")
    weights = str(read_json(study.sae(sae_id) / "config.json").get("weights_hash", ""))
    if ranked != weights:
        raise ArdError(
            f"the features of {sae_id} were ranked with other weights than the SAE has now",
            path=study.sae(sae_id),
            todo="Run: ard retrieve",
        )
    return weights


def _name(study: Study, sae_id: str, path: Path) -> None:
    """Make `path` the valid map; maps of other directions or seeds stay until `ard gc`."""
    current = study.features(sae_id) / "current.json"
    named = read_json(current)
    if named.get("map") != path.name:
        write_json(current, {**named, "map": path.name})
