"""`ard describe`: how monosemantic each ranked feature is, and what it is called (A-26…A-36)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from backend.describe.prompts import read_prompt
from backend.describe.result import Result
from backend.describe.sources import captioner_source, embedder_source, namer_source
from backend.extract.recipe import clip_list
from backend.jobs.job import Job
from backend.stages import retrieve
from backend.stages.base import Product
from backend.study.fingerprint import fingerprint
from backend.study.folder import Study
from backend.study.manifest import read_manifest
from backend.study.settings import Settings, plain

STAGE = "describe"
NOT_OF_SCORES = ("top",)
NOT_OF_CAPTIONS = ("batch_clips", "url", "key_env", "retries", "timeout", "model", "prompt")
NOT_OF_NAMES = (
    "url", "key_env", "retries", "timeout", "model", "prompt", "short_prompt", "detection_prompt", "features",
)  # fmt: skip


@dataclass(frozen=True)
class Description:
    """What the settings ask for about one ranking.

    Attributes
    ----------
    id : str
        Name under `features/`.
    scores, concepts : Result
        `concepts` is None for raw units, which are scored and not named, and where neither captions nor names are
        asked for.
    """

    id: str
    scores: Result
    concepts: Result | None


def descriptions(study: Study, settings: Settings) -> list[Description]:
    """Scores of every ranking, and concepts of every SAE."""
    embedder = embedder_source(settings)
    prompts = prompt_texts(study, settings)
    return [_description(study, settings, one, embedder, prompts) for one in retrieve.rankings(study, settings)]


def prompt_texts(study: Study, settings: Settings) -> dict[str, str]:
    """The prompts' texts by use; ArdError naming the known ones if one is not there."""
    captions, names = settings.captions, settings.names
    return {
        "caption": read_prompt(study.root, captions.prompt),
        "concept": read_prompt(study.root, names.prompt),
        "short_name": read_prompt(study.root, names.short_prompt),
        "detection": read_prompt(study.root, names.detection_prompt),
    }


def _description(
    study: Study, settings: Settings, ranking: retrieve.Ranking, embedder: dict[str, Any], prompts: dict[str, str]
) -> Description:
    values = {k: v for k, v in plain(settings.scores).items() if k not in NOT_OF_SCORES}
    inputs: dict[str, Any] = {"retrieval": ranking.fingerprint, "embedder": embedder, "clips": clip_list(study)}
    print_ = fingerprint({"settings": values, "inputs": inputs}) if ranking.fingerprint else ""
    scores = Result("scores", ranking.id, values, inputs, print_)
    return Description(ranking.id, scores, _concepts(study, settings, ranking, scores, prompts))


def _concepts(
    study: Study, settings: Settings, ranking: retrieve.Ranking, scores: Result, prompts: dict[str, str]
) -> Result | None:  # fmt: skip
    if ranking.sae is None or settings.captions.captioner == "none":
        return None
    values: dict[str, Any] = {
        "top": settings.scores.top,
        "captions": {k: v for k, v in plain(settings.captions).items() if k not in NOT_OF_CAPTIONS},
        "names": {k: v for k, v in plain(settings.names).items() if k not in NOT_OF_NAMES},
    }
    asked = settings.names.features_of(ranking.id)
    if asked:
        # only this SAE's, and only where there are some: results from before there was this setting stay valid
        values["names"]["features"] = asked
    inputs: dict[str, Any] = {
        "scores": scores.fingerprint,
        "captioner": captioner_source(settings, prompts["caption"]),
        "namer": namer_source(settings, prompts["concept"], prompts["short_name"]),
    }
    if scores.fingerprint:
        # captions may come from it
        inputs["clip_table"] = read_manifest(study.index_manifest)["fingerprint"]
    if settings.names.detection == "audiollm":
        inputs["detection"] = prompts["detection"]
    print_ = fingerprint({"settings": values, "inputs": inputs}) if scores.fingerprint else ""
    return Result("concepts", ranking.id, values, inputs, print_)


def products(study: Study, settings: Settings) -> list[Product]:
    """The scores of every ranking, and the concepts of every SAE."""
    found = []
    for one in descriptions(study, settings):
        for result in results(one):
            found.append(Product(STAGE, f"{result.kind} of {one.id}", result.manifest(study), result.fingerprint))
    return found


def results(one: Description) -> Sequence[Result]:
    return [one.scores] if one.concepts is None else [one.scores, one.concepts]


def run(study: Study, settings: Settings, job: Job) -> None:
    """Score and name what is missing or stale.

    Embeddings, captions and names that are there already are not made again, so a killed run goes on and ends with
    the same files. Raises ArdError if a captioner or namer cannot be reached: then what there is has been published,
    marked incomplete, and the next run goes on from it. Stopped where the user asked for it.
    """
    asked = [one for one in descriptions(study, settings) if one.scores.fingerprint]
    if all(result.is_current(study) for one in asked for result in results(one)):
        job.current(STAGE)
        return
    from backend.describe.work import Work

    with job.running(STAGE):
        work = Work(study, settings, prompt_texts(study, settings), [one.id for one in asked], job)
        for one in asked:
            if not one.scores.is_current(study):
                work.score(one.scores)
        for one in asked:
            if one.concepts is not None and not one.concepts.is_current(study):
                work.describe(one.concepts)
        work.end()
