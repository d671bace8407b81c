"""`ard sensitivity` from a study to its files: load, measure, write (Rule 3)."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from backend.audio.load import load_waves
from backend.errors import ArdError
from backend.evaluate.judges.base import JUDGES, Judge
from backend.evaluate.sensitivity.asking import Asking
from backend.evaluate.sensitivity.concept_file import check_made_for
from backend.evaluate.sensitivity.goals import Goal
from backend.evaluate.sensitivity.items import Item, outside_items, study_items
from backend.evaluate.sensitivity.measure import Measurement, Plan
from backend.evaluate.sensitivity.parts import divide
from backend.evaluate.sensitivity.replies import Replies
from backend.evaluate.sensitivity.request import Defaults, goals, labels_by_column
from backend.evaluate.sensitivity.result import Row
from backend.evaluate.sensitivity.tables import write_tables
from backend.export.json_values import finite
from backend.jobs.job import Job
from backend.sae.files import load_sae
from backend.serve.provenance import provenance_of
from backend.serve.resident import Ranked, Resident
from backend.steer.answers import Sampling
from backend.steer.engine import Engine
from backend.steer.spaces import SaeSpace
from backend.store.clips import ClipTable
from backend.store.features import Columns, check_clips, description, feature_columns
from backend.store.retrieval import RetrievalFile
from backend.study.atomic import write_json, write_text
from backend.study.fingerprint import fingerprint
from backend.study.folder import Study
from backend.study.manifest import write_manifest
from backend.study.settings import AudioSection, Settings, fingerprinted
from backend.targets.base import Target, Wave
from backend.targets.load import load_target

FOLDER = "sensitivity"
RESULT, CLIPS = "result.json", "clips.jsonl"


@dataclass(frozen=True)
class Request:
    """Everything the figures depend on beside the study.

    Attributes
    ----------
    data : AudioSection or None
        A data set to measure on; None for the study's own clips.
    selection_splits, test_splits, share : as `parts.divide`
    group_by : str
        Label whose clips stay in one part.
    second : str
        Judge whose agreement is reported; "" for none.
    """

    sae: str
    concepts: tuple[str, ...] = ()
    features: Path | None = None
    defaults: Defaults = field(default_factory=Defaults)
    data: AudioSection | None = None
    selection_splits: tuple[str, ...] = ()
    test_splits: tuple[str, ...] = ()
    share: float = 0.5
    group_by: str = "group"
    judge: str = "rules"
    second: str = ""
    plan: Plan = field(default_factory=Plan)
    sampling: Sampling = field(default_factory=Sampling)


def run(study: Study, settings: Settings, request: Request, job: Job, out: Path | None = None) -> Path:
    """Measure and write; returns the folder that holds result.json, tables and single answers.

    Answers that were given before, by a run that was stopped too, are taken from `sensitivity/answers-<fp>.jsonl` of
    the study.

    Raises ArdError for anything in the request that cannot be had; Stopped between clips.
    """
    began = time.monotonic()
    resident = Resident(study)
    ranked = resident.ranked(request.sae)
    if ranked.raw:
        raise ArdError("raw units are a control here", todo="Name an SAE with --sae.")
    resident.check_weights(ranked)
    if request.features:
        check_made_for(request.features, ranked.weights, ranked.layer)
    columns = _columns(study, ranked)
    items = _items(study, request, job)
    parts = divide(
        items, selection_splits=request.selection_splits, test_splits=request.test_splits, share=request.share,
        seed=request.plan.seed,
    )  # fmt: skip
    labels = labels_by_column(one.clip.labels for one in items)
    wanted = goals(request.concepts, request.features, request.defaults, columns, labels)
    _warn(study, settings, ranked, wanted, job)
    folder = study.root / FOLDER
    judge, second = _judges(settings, request, folder, job)
    measurement = _measurement(study, settings, ranked, columns, request, judge, second, folder, job)
    rows = measurement.run(wanted, parts)
    told = {
        "study": study.root.name, "sae": ranked.id, "layer": ranked.layer, "weights": ranked.weights,
        "judge": judge.identity(), "plan": asdict(request.plan), "sampling": asdict(request.sampling),
        "parts": {
            "selection": len(parts.selection), "test": len(parts.test), "overlapping": parts.overlapping,
            "splits": [list(request.selection_splits), list(request.test_splits)],
        },
        "skipped": measurement.asking.skipped,
        "rows": [row.as_json() for row in rows],
    }  # fmt: skip
    made_from = fingerprint([_plain(request), ranked.weights, ranked.model, sorted(one.key for one in items)])
    place = out or folder / made_from
    _write(place, told, rows, measurement, request, ranked, made_from, items, time.monotonic() - began)
    return place


def _items(study: Study, request: Request, job: Job) -> list[Item]:
    if request.data is None:
        return study_items(ClipTable(study.clips()), request.group_by)
    found, unreadable = outside_items(request.data, study.root, request.group_by)
    for one in unreadable[:5]:
        job.message(f"{one.path} is left out: {one.reason}", level="warning")
    if len(unreadable) > 5:
        job.message(f"{len(unreadable) - 5} more files are left out", level="warning")
    return found


def _columns(study: Study, ranked: Ranked) -> Columns:
    with RetrievalFile(ranked.path) as file:
        check_clips(study, file, ClipTable(study.clips()))
        return feature_columns(file, *description(study, ranked.id))


def _warn(study: Study, settings: Settings, ranked: Ranked, wanted: Sequence[Goal], job: Job) -> None:
    """ArdError where the SAE is of another model; a message where it has not seen what is steered."""
    provenance = provenance_of(study, settings, ranked)
    said = {
        text
        for goal in wanted
        for one in goal.candidates
        for text in provenance.warnings(one.intervention, ranked.layer)
    }
    for text in sorted(said):
        job.message(text, level="warning")


def _judges(settings: Settings, request: Request, folder: Path, job: Job) -> tuple[Judge, Judge | None]:
    judge = JUDGES.get(request.judge).load(settings, folder)
    second = JUDGES.get(request.second).load(settings, folder) if request.second else None
    for one in (judge, second):
        if one is not None:
            one.attach(job)
    return judge, second


def _measurement(
    study: Study, settings: Settings, ranked: Ranked, columns: Columns, request: Request, judge: Judge,
    second: Judge | None, folder: Path, job: Job,
) -> Measurement:  # fmt: skip
    target = load_target(settings.model)
    sae = load_sae(study.sae(ranked.id), next(target.model.parameters()).device)
    engine = Engine(target, SaeSpace(sae), ranked.layer)
    made_with = {
        "model": target.describe(), "weights": ranked.weights, "layer": engine.layer,
        "device": next(target.model.parameters()).device.type,
        "read": settings.model.model_dump(mode="json", include={"dtype", "prefix", "tokens", "frames"}),
        "clips": settings.clips.model_dump(mode="json", include={"crop", "short"}),
    }  # fmt: skip
    replies = Replies(engine, folder, made_with, request.sampling)
    asking = Asking(replies, judge, _loader(settings, target), request.plan.seed, job)
    alive = np.flatnonzero(columns["max"] > 0).tolist()
    return Measurement(asking, alive, request.plan, second)


def _loader(settings: Settings, target: Target) -> Any:
    def load(item: Item) -> Wave:
        return load_waves(item.clip, settings.clips, target.sample_rate, target.window_seconds)[0].samples

    return load


def _plain(request: Request) -> dict[str, Any]:
    """The request as JSON-ready values; of a file its concepts and not its place."""
    found = asdict(request)
    found["features"] = request.features.read_text(encoding="utf-8") if request.features else ""
    found["data"] = fingerprinted(request.data) if request.data else None
    return found


def _write(
    place: Path, told: dict[str, Any], rows: Sequence[Row], measurement: Measurement, request: Request, ranked: Ranked,
    made_from: str, items: Sequence[Item], seconds: float,
) -> None:  # fmt: skip
    from json import dumps

    place.mkdir(parents=True, exist_ok=True)
    manifest = place / "manifest.json"
    manifest.unlink(missing_ok=True)
    lines = [dumps(finite(dict(record)), ensure_ascii=False) for row in rows for record in row.records]
    write_text(place / CLIPS, "".join(f"{line}\n" for line in lines))
    write_tables(place, told)
    write_json(place / RESULT, finite(told))
    write_manifest(
        manifest, stage=FOLDER, fingerprint=made_from, settings=finite(_plain(request)),
        inputs={"sae": ranked.id, "weights": ranked.weights, "model": ranked.model, "clips": len(items)},
        outputs={"result": RESULT, "clips": CLIPS, "answers": measurement.asking.replies.path.name},
        seconds=seconds, device=str(next(measurement.engine.target.model.parameters()).device),
    )  # fmt: skip
