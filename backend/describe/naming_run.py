"""Names for features from their clips' captions: each asked for once, one by one into the cache (A-34, A-36)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from backend.describe.cache import TextCache
from backend.describe.namers.base import NAMERS, Namer, Naming
from backend.describe.naming import judge_naming
from backend.errors import ArdError, Stopped
from backend.jobs.job import Job
from backend.store.concepts import ClipCaption, Concept
from backend.study.fingerprint import fingerprint
from backend.study.settings import Settings

Captions = Mapping[int, tuple[ClipCaption, ...]]


@dataclass(frozen=True)
class Prompts:
    """Texts of the two naming prompts (A-34)."""

    concept: str
    short_name: str


def name_features(
    settings: Settings, captions: Captions, prompts: Prompts, cache: TextCache, job: Job
) -> tuple[list[Concept], ArdError | None]:
    """A concept per feature of `captions`, in its order, without detection.

    Returns
    -------
    (list of Concept, ArdError or None)
        The error is what stopped the namer on the way; features it did not reach are "not named".

    Raises
    ------
    Stopped
        If the user asked for it: names so far are in `cache`.
    """
    texts = {k: [one.text for one in some if one.text.strip()] for k, some in captions.items()}
    corpus = sorted({text for some in texts.values() for text in some})
    found: dict[int, Naming] = {}
    failure: ArdError | None = None
    if settings.names.namer != "none" and corpus:
        try:
            _ask(settings, texts, corpus, prompts, cache, found, job)
        except Stopped:
            raise
        except ArdError as error:
            failure = error
    return [_concept(k, some, texts[k], found.get(k)) for k, some in captions.items()], failure


def _ask(
    settings: Settings, texts: Mapping[int, Sequence[str]], corpus: Sequence[str], prompts: Prompts, cache: TextCache,
    found: dict[int, Naming], job: Job,
) -> None:  # fmt: skip
    """Fill `found`; the namer is only loaded if a name is missing."""
    kept = not NAMERS.get(settings.names.namer).compares
    keys = {k: fingerprint(list(some)) for k, some in texts.items() if some}
    namer: Namer | None = None
    job.begin_progress("names")
    for done, (k, key) in enumerate(keys.items(), 1):
        if kept and key in cache:
            found[k] = Naming(*json.loads(cache[key]))
        else:
            job.check_stop()
            if namer is None:
                namer = NAMERS.get(settings.names.namer).load(settings, prompts.concept, prompts.short_name)
                namer.attach(job)
                namer.read(corpus)
            found[k] = said = namer.name(texts[k])
            if kept:
                cache.add({key: json.dumps([said.description, said.short_name], ensure_ascii=False)})
        job.progress(done, len(keys))


def _concept(
    k: int, captions: tuple[ClipCaption, ...], texts: Sequence[str], naming: Naming | None
) -> Concept:  # fmt: skip
    if not texts:
        return Concept(k, "no captions", captions=captions)
    if naming is None:
        return Concept(k, "not named", captions=captions)
    status, short_name, description = judge_naming(naming)
    return Concept(k, status, short_name, description, captions)
