"""What the study's own finished results tell of this machine's speed, where nothing is measured."""

from __future__ import annotations

import os
import platform
from dataclasses import replace
from typing import Any

from backend.errors import ArdError
from backend.estimate.seconds import pass_seconds
from backend.estimate.speeds import Key, Speeds, key
from backend.estimate.workload import Workload
from backend.sae.config import SaeConfig
from backend.study.manifest import read_manifest


def refined(work: Workload, speeds: Speeds) -> Speeds:
    """Speeds corrected by the manifests of this study that were written on a machine like this one."""
    return _model(work, _steps(work, speeds))


def _steps(work: Workload, speeds: Speeds) -> Speeds:
    """Steps of the same kind of SAE and batch; other kinds by the mean ratio of guess and truth."""
    step = dict(speeds.step)
    found: dict[Key, list[float]] = {}
    for name in work.planned.study.sae_ids():
        manifest = _mine(work.planned.study.sae(name) / "manifest.json")
        seconds = (manifest or {}).get("figures", {}).get("step_seconds")
        if manifest is None or not seconds or "sae" not in manifest["settings"]:
            continue
        config = SaeConfig.from_json(manifest["settings"]["sae"])
        same = manifest["settings"].get("plan", {}).get("batch_tokens") == work.settings.train.batch_tokens
        if same and key(config) in step:
            found.setdefault(key(config), []).append(float(seconds))
    if not found:
        return speeds
    known = {name: sum(many) / len(many) for name, many in found.items()}
    ratio = sum(value / step[name] for name, value in known.items()) / len(known)
    return speeds.with_("steps", step={name: known.get(name, value * ratio) for name, value in step.items()})


def _model(work: Workload, speeds: Speeds) -> Speeds:
    """Passes of this model over the study's clips; a layer that shares its forward with others says the same."""
    for one in work.planned.study.root.glob("activations/*/*/manifest.json"):
        manifest = _mine(one)
        if manifest is None or manifest.get("inputs", {}).get("model") != work.identity.fingerprint:
            continue
        clips = int(manifest["outputs"].get("clips", 0))
        expected = pass_seconds(work, speeds) * clips / max(1, int((work.clips.windows > 0).sum()))
        spent = float(manifest["seconds"]) - speeds.startup - speeds.load
        if clips and expected > 0 and spent > 0:
            ratio = spent / expected
            return replace(
                speeds.with_("model"), window=speeds.window * ratio, second=speeds.second * ratio, decode=0.0
            )
    return speeds


def _mine(path: Any) -> dict[str, Any] | None:
    try:
        found = read_manifest(path)
    except ArdError:
        return None
    alike = (found.get("system"), found.get("cpu_count")) == (platform.platform(), os.cpu_count())
    return found if alike else None
