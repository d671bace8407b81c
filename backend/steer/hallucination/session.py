"""From a study and a plan to a measurement: which SAE, does it fit the model, where results are kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from backend.errors import ArdError
from backend.jobs.job import Job
from backend.steer.hallucination.clips import Items, read_items
from backend.steer.hallucination.plan import Plan
from backend.study.fingerprint import fingerprint
from backend.study.folder import Study
from backend.study.manifest import read_manifest
from backend.study.settings import Settings
from backend.targets.identity import identify

KEYED = ("frames", "pooled_frames", "clamp0", "add_error")
"""Readings that change what is measured of a clip; the others change what is made of it."""
MEASURED = 1
"""Raised when a clip's answers are computed in another way."""


def choose_sae(study: Study, asked: str) -> str:
    """The SAE `asked`, or the only one there is; ArdError naming the known ones. It needs no ranked features."""
    known = study.sae_ids()
    if asked in known or (not asked and len(known) == 1):
        return asked or known[0]
    if asked.startswith("raw-"):
        raise ArdError("raw units have no codes to steer", todo="Name an SAE with --sae.")
    names = ", ".join(known) or "none yet"
    what = f"this study has no SAE '{asked}'" if asked else "it is not clear which SAE is meant"
    raise ArdError(f"{what} (there are: {names})", path=study.root, todo="Name one with --sae.")


def layer_of(study: Study, settings: Settings, sae_id: str) -> str:
    """The layer the SAE reads.

    Raises ArdError if the model is no Whisper model, is not the one the SAE was trained on, or has no such layer, or
    one of another width.
    """
    identity = identify(settings.model)
    if identity.model_type != "whisper":
        raise ArdError(
            f"a model of type '{identity.model_type}' has no no-speech probability; only Whisper models have one",
            path=settings.model.path, todo="Use a study of a Whisper model.",
        )  # fmt: skip
    path = study.sae(sae_id) / "manifest.json"
    manifest = read_manifest(path)
    trained_on = str(manifest["inputs"].get("model", ""))
    if trained_on and trained_on != identity.fingerprint:
        raise ArdError(
            f"the SAE '{sae_id}' was trained on another model than the study has now", path=path, todo="Run: ard run"
        )
    layer = str(manifest["settings"]["layer"])
    stack, _, number = layer.partition(".")
    if stack != "encoder" or int(number) >= identity.stacks["encoder"]:
        raise ArdError(
            f"the SAE '{sae_id}' reads {layer}, which is no layer of this model's encoder "
            f"(encoder.0 … encoder.{identity.stacks['encoder'] - 1})",
            path=path, todo="Use an SAE of an encoder layer.",
        )  # fmt: skip
    width = int(manifest["settings"]["sae"]["d"])
    if width != identity.widths["encoder"]:
        raise ArdError(
            f"the SAE '{sae_id}' reads vectors of {width} numbers, the model's encoder has "
            f"{identity.widths['encoder']}", path=path, todo="Use an SAE of this model.",
        )  # fmt: skip
    return layer


def measure(
    study: Study, settings: Settings, plan: Plan, plan_folder: Path, sae_id: str, out: Path, job: Job
) -> dict[str, Any]:
    """Run the plan and write its report to `out`; returns the report.

    Raises ArdError for whatever cannot be used, before the model is loaded where that can be told; Stopped.
    """
    layer = layer_of(study, settings, sae_id)
    with job.running("clips"):
        items = read_items(plan, plan_folder, identify(settings.model).window_seconds or 30.0)
        job.message(_spread(items))
    from backend.sae.files import load_sae, weights_hash
    from backend.steer.hallucination.listener import Listener
    from backend.steer.hallucination.report import report, write
    from backend.steer.hallucination.run import Hallucination
    from backend.targets.load import choose_device, load_target

    with job.running("loading"):
        target = load_target(settings.model)
        sae = load_sae(study.sae(sae_id), choose_device(settings.model.device))
        listener = Listener(target, layer)
    weights = weights_hash(sae)
    keyed = {name: getattr(plan.readings, name) for name in KEYED}
    model = target.describe()
    identity = fingerprint(
        [MEASURED, model["fingerprint"], model["dtype"], layer, weights, keyed, plan.max_new_tokens]
    )  # fmt: skip
    outcome = Hallucination(listener, sae, plan, items, out / "kept", identity, job).run()
    facts = {
        "study": study.root.name, "sae": sae_id, "layer": layer, "weights": weights, "model": model,
        "input_scaling": sae.config.input_scaling, "no_speech_token": listener.token,
        "seen_by_the_sae": seen_by(study, items), **outcome.facts,
    }  # fmt: skip
    found = report(plan, facts, outcome.tables)
    write(found, out)
    return found


def seen_by(study: Study, items: Items) -> dict[str, int]:
    """Clips of each set that the SAE was trained on, by their audio (C4)."""
    from backend.store.clips import ClipTable

    try:
        table = ClipTable(study.clips())
    except ArdError:
        return {}
    known = {digest for digest, used in zip(table.text["hash"], table.train.tolist(), strict=True) if used}
    table.close()
    names = sorted({one.set for one in items.items})
    return {name: sum(one.key in known for one in items.of(name=name)) for name in names}


def _spread(items: Items) -> str:
    parts = (
        f"{name}: {', '.join(f'{n} {part}' for part, n in found.items())}" for name, found in items.counts().items()
    )
    left = ", ".join(f"{n} {reason}" for reason, n in items.left_out.items())
    return "; ".join(parts) + (f"; left out: {left}" if left else "")
