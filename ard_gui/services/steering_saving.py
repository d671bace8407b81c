"""A steering result made of what the panel shows, to be saved or written as a command line."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Mapping

from ard_gui.services.steering_answers import Track
from ard_gui.services.study_reading import OpenRanking
from ard_gui.state.steering import Setup
from backend.errors import ArdError
from backend.store.notes.steering import CONDITIONS, Override, SteeringResult
from backend.study.folder import Study
from backend.study.manifest import package_versions, read_manifest


def overrides_told(setup: Setup, ranking: OpenRanking, name_of: Callable[[int], str]) -> tuple[Override, ...]:
    """What is overridden, with each feature's maximum on the probing set and its name."""
    maxima = ranking.columns["max"]
    found = []
    for feature, value in setup.overrides:
        maximum = float(maxima[feature])
        found.append(Override(feature, value, maximum if maximum == maximum else None, name_of(feature)))
    return tuple(found)


def steering_result(
    study: Study, ranking: OpenRanking, key: str, setup: Setup, features: tuple[Override, ...],
    tracks: Mapping[str, Track],
) -> SteeringResult:  # fmt: skip
    """The result as it is kept; on a thread that may read files.

    Parameters
    ----------
    key : str
        `sae_key` of the ranking.
    tracks : mapping of condition to Track
        Those whose answers are complete are taken.

    Raises ArdError if there is no sound, or the study cannot be read.
    """
    if setup.sound is None:
        raise ArdError("no sound was chosen", todo="Choose a clip, or drop a file on the steering panel.")
    settings = setup.settings
    answers = {name: tracks[name].answer for name in CONDITIONS if name in tracks}
    return SteeringResult(
        sae=key, ranking=ranking.name, layer=_layer(ranking), model=_model(study), clip=setup.sound,
        prompt=setup.prompt, features=features, mode=settings.mode, positions=settings.positions,
        decode=settings.decode, add_error=settings.add_error, max_new_tokens=settings.tokens,
        temperature=settings.temperature, seed=settings.seed,
        conditions={name: one.said for name, one in answers.items() if one is not None},
        made_with=package_versions(),
    )  # fmt: skip


def _layer(ranking: OpenRanking) -> str:
    return str(read_manifest(ranking.path.with_suffix(".json"))["settings"].get("layer", ""))


def _model(study: Study) -> str:
    try:
        return str(tomllib.loads(study.toml.read_text(encoding="utf-8"))["model"]["path"])
    except (OSError, ValueError, KeyError, json.JSONDecodeError) as error:
        raise ArdError(f"study.toml cannot be read: {error}", path=study.toml, todo="Correct that file.") from error
