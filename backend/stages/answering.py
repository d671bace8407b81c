"""The study's model, where a stage needs its answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backend.errors import ArdError
from backend.study.settings import Settings

if TYPE_CHECKING:
    from backend.targets.base import Target


def answering_target(settings: Settings, why: str) -> Target:
    """The loaded model; ArdError as `load_target`, and for one that gives no answers, ending in `why`."""
    from backend.targets.base import Target as Base
    from backend.targets.load import load_target

    target = load_target(settings.model)
    if type(target).generate is Base.generate:
        raise ArdError(
            f"a {target.describe()['class']} gives no answers, so {why}", path=settings.model.path,
            todo="Steer single features and look at the change of the representation instead.",
        )  # fmt: skip
    return target
