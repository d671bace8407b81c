"""What `ard status` and `ard info` say of a study; nothing is written and nothing heavy imported."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from backend.errors import ArdError
from backend.jobs.lock import holder
from backend.stages import pipeline
from backend.stages.base import Product
from backend.store.clips import ClipTable
from backend.study.atomic import read_json
from backend.study.configuration import load_settings
from backend.study.folder import Study
from backend.study.manifest import read_manifest
from backend.study.run_records import list_runs
from backend.study.settings import Settings

State = dict[str, Any]


def study_state(study: Study, draft: Path | None = None) -> State:
    """Everything `ard status` shows, JSON-ready.

    Parameters
    ----------
    draft : Path or None
        A changed `study.toml`, in place of the study's own: what would be finished, stale or missing with it.

    `products` has one entry per result with state finished, stale, missing or in progress; a stage whose
    state cannot be found out appears in `problems` with the reason, and the others are shown nevertheless.
    """
    settings = load_settings(draft or study.toml)
    writer = holder(study)
    runs = list_runs(study)
    products: list[State] = []
    problems: list[str] = []
    for name in pipeline.ORDER:
        try:
            found = pipeline.stage(name).products(study, settings)
            products += [product_state(one) for one in found]
        except ArdError as error:
            problems.append(f"{name}: {error}")
    problems += [f"{one['stage']} {one['name']}: {one['problem']}" for one in products if one["problem"]]
    return {
        "study": str(study.root),
        "uuid": settings.study.uuid,
        "model": settings.model.path,
        "products": products,
        "writer": None if writer is None else {"pid": writer.pid, "host": writer.host, "since": writer.since},
        "unreadable": _unreadable(study, problems),
        "skipped": _skipped(study, settings, problems),
        "runs": [one.plain() for one in runs],
        "problems": problems,
    }


def product_state(product: Product) -> State:
    """One result; work that a running or stopped run has left in its folder counts as in progress."""
    try:
        state: str = product.state
        problem = ""
    except ArdError as error:
        state, problem = "missing", str(error)
    if state == "missing" and not problem and _begun(product):
        state = "in progress"
    detail = {key: value for key, value in product.detail.items() if isinstance(value, str | int | float)}
    note = ", ".join(f"{key} {value}" for key, value in detail.items() if key != "error")
    unchecked = product.detail.get("unchecked")
    if unchecked:
        note = f"not checked, because a folder of sound is not there: {', '.join(unchecked)}"
    return {
        "stage": product.stage,
        "name": product.name,
        "state": state,
        "fingerprint": product.fingerprint,
        "manifest": str(product.manifest),
        "note": note,
        "problem": problem or str(product.detail.get("error", "")),
    }


def manifests(study: Study, sae: str = "") -> dict[str, State]:
    """Every finished result's manifest by its place in the study; only those about `sae` if one is named.

    Raises ArdError if nothing is there.
    """
    paths = [study.index_manifest, *sorted(study.root.glob("activations/*/*/manifest.json"))]
    paths += [*sorted(study.root.glob("saes/*/manifest.json")), *sorted(study.root.glob("features/*/*.json"))]
    found: dict[str, State] = {}
    for path in paths:
        about = path.relative_to(study.root).parts
        if not path.exists() or (sae and not (about[0] in ("saes", "features") and about[1] == sae)):
            continue
        if path.name == "current.json":
            continue
        found["/".join(about)] = read_manifest(path)
    if not found:
        known = ", ".join(study.sae_ids()) or "none yet"
        what = f"there is no SAE '{sae}' (there are: {known})" if sae else "this study has no results yet"
        raise ArdError(what, path=study.root, todo="Run: ard run")
    return found


def _begun(product: Product) -> bool:
    """Whether the product's own folder holds anything: shards of a layer, a checkpoint of an SAE."""
    folder = product.manifest.parent
    if product.stage == "index" or not folder.is_dir():
        return False
    if product.stage == "retrieve":
        return any(folder.glob("*.partial*")) or any(folder.glob(".*.tmp"))
    return any(folder.iterdir())


def _unreadable(study: Study, problems: list[str]) -> list[State]:
    if not study.index_manifest.exists():
        return []
    try:
        table = ClipTable(study.clips())
    except ArdError as error:
        problems.append(str(error))
        return []
    return [{"path": str(Path(table.roots[d]) / u.path), "reason": u.reason} for d, u in table.unreadable]


def _skipped(study: Study, settings: Settings, problems: list[str]) -> list[State]:
    """Clips that the extraction or retrieval of the present results left out, each once."""
    found: dict[tuple[str, str], State] = {}
    for path in [*study.root.glob("activations/*/*/manifest.json"), *study.root.glob("features/*/*.json")]:
        try:
            outputs = read_json(path).get("outputs", {})
        except ArdError as error:
            problems.append(str(error))
            continue
        skipped = outputs.get("skipped", []) if isinstance(outputs, dict) else []
        for one in skipped if isinstance(skipped, list) else []:
            found.setdefault((one["record"], one["reason"]), one)
    return list(found.values())
