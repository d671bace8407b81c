"""The whole pipeline: index → extract → train → retrieve → describe, each only where something is missing or stale."""

from __future__ import annotations

from importlib import import_module
from typing import Protocol, cast

from backend.jobs.job import Job
from backend.stages.base import Product
from backend.study.folder import Study
from backend.study.settings import Settings

ORDER = ("index", "extract", "train", "retrieve", "describe")


class Stage(Protocol):
    """What each module of `backend.stages` offers."""

    def products(self, study: Study, settings: Settings) -> list[Product]: ...

    def run(self, study: Study, settings: Settings, job: Job) -> None: ...


def stage(name: str) -> Stage:
    """The module of one stage; imported on demand, because training needs torch and asking for its state does not."""
    return cast(Stage, import_module(f"backend.stages.{name}"))


def products(study: Study, settings: Settings) -> dict[str, list[Product]]:
    """All results the present settings ask for, by stage."""
    return {name: stage(name).products(study, settings) for name in ORDER}


def run(study: Study, settings: Settings, job: Job) -> None:
    """Bring every stage up to date, in order.

    A stage whose every product is finished is not even started, so that a second run answers at once.
    The index always is, because only it can see that the folders of sound changed.
    """
    for name in ORDER:
        job.check_stop()
        found = stage(name).products(study, settings)
        if name != "index" and all(product.state == "finished" for product in found):
            job.current(name)
        else:
            stage(name).run(study, settings, job)
