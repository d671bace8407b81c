"""What `ard sensitivity` is asked for, and how concepts of a file and of the command line become goals."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from backend.errors import ArdError
from backend.evaluate.judges.base import Scale
from backend.evaluate.sensitivity.concept_file import read_concepts
from backend.evaluate.sensitivity.features import FeatureSet, Map, candidates, mapped
from backend.evaluate.sensitivity.goals import ANY, Goal, direction
from backend.resources import resource
from backend.steer.intervention import Intervention, Mode
from backend.store.features import Columns


@dataclass(frozen=True)
class Defaults:
    """What holds for every concept that does not say otherwise.

    Attributes
    ----------
    words, references : mapping of label to words, and to the sentence that states it
    merge : mapping of label to the label it counts as
    kind : str
        "": the column's name.
    """

    column: str = "category"
    source: str = ANY
    kind: str = ""
    prompts: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    modes: tuple[Mode, ...] = ("pre_topk",)
    steering: Intervention = field(default_factory=Intervention)
    maps: tuple[Map, ...] = ("best",)
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    references: Mapping[str, str] = field(default_factory=dict)
    merge: Mapping[str, str] = field(default_factory=dict)


def goals(
    names: Sequence[str], file: Path | None, defaults: Defaults, columns: Columns, labels: Mapping[str, Sequence[str]]
) -> list[Goal]:
    """The asked concepts; all of the file where none is named.

    Parameters
    ----------
    names : sequence of str
        Concepts of the file, or directions as `goals.direction` reads them.
    columns : mapping
        The SAE's features (`feature_columns`): maxima, names and scores.
    labels : mapping of column to sequence of str
        The labels that the clips have.

    Raises ArdError for a concept that is not there, or a file that is damaged.
    """
    known = read_concepts(file) if file else {}
    if not (names or known):
        raise ArdError("no concept is named", todo='Give --concept "source->target", or --features FILE.')
    return [_goal(name, known, defaults, columns, labels) for name in names or list(known)]


def read_words(name: str) -> tuple[dict[str, tuple[str, ...]], dict[str, str]]:
    """(words, references) by label from a TOML file, or from one that comes with ARD: emotion, gender.

    Raises ArdError if it cannot be read.
    """
    path = Path(name).expanduser()
    if not path.is_file():
        shipped = sorted(one.stem for one in resource("judges").glob("*.toml"))
        if name not in shipped:
            raise ArdError(f"there is no file of words '{name}'", todo=f"Name one, or one of: {', '.join(shipped)}.")
        path = resource(f"judges/{name}.toml")
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
        tables = {label: one if isinstance(one, dict) else {"words": one} for label, one in found.items()}
        words = {label: tuple(map(str, one.get("words", ()))) for label, one in tables.items()}
        references = {label: str(one["reference"]) for label, one in tables.items() if "reference" in one}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, TypeError) as error:
        raise ArdError(
            f"the words of labels cannot be read: {error}", path=path, todo='Write: happy = ["happiness", "joy"]'
        ) from error
    return words, references


def _goal(
    name: str, known: Mapping[str, dict[str, Any]], defaults: Defaults, columns: Columns,
    labels: Mapping[str, Sequence[str]],
) -> Goal:  # fmt: skip
    given = known.get(name, {})
    source, target = direction(name)
    source = str(given.get("source", defaults.source if source == ANY else source))
    target = str(given.get("label", target))
    column = str(given.get("column", defaults.column))
    scale = _scale(name, column, given, defaults, labels.get(column, ()))
    _check_labels(name, source, target, column, scale)
    steering = _steering(name, given, defaults)
    modes: tuple[Mode, ...] = (given["mode"],) if "mode" in given else defaults.modes
    values = defaults.values or tuple(map(str, given.get("values", ())))
    sets = feature_sets(name, given, columns) or _mapped_sets(target, scale, given, defaults, columns)
    prompts = defaults.prompts or tuple(map(str, given.get("prompts", ())))
    return Goal(name, column, source, target, scale, prompts, tuple(candidates(sets, values, modes, steering)))


def feature_sets(name: str, given: Mapping[str, Any], columns: Columns) -> list[FeatureSet]:
    """The sets that a concept of a file has: "features", and those of "sets" by name.

    Entries are [feature, value], or a feature alone, whose value is then its maximum on the probing set.
    """
    found = {**({name: given["features"]} if "features" in given else {}), **given.get("sets", {})}
    return [_set(f"{name}, {key}" if key != name else name, entries, columns) for key, entries in found.items()]


def _set(name: str, entries: Any, columns: Columns) -> FeatureSet:
    highest = columns["max"]
    try:
        pairs = [(int(one[0]), float(one[1])) if isinstance(one, list) else (int(one), None) for one in entries]
    except (TypeError, ValueError, IndexError) as error:
        raise ArdError(
            f"the features of '{name}' cannot be read ({error})", todo="Write [feature, value], or the feature alone."
        ) from error
    for feature, _ in pairs:
        if not 0 <= feature < len(highest):
            raise ArdError(
                f"there is no feature {feature} in this SAE, named for '{name}'",
                todo=f"Use numbers from 0 to {len(highest) - 1}.",
            )
    values = tuple(float(highest[k]) if value is None else value for k, value in pairs)
    return FeatureSet(name, tuple(k for k, _ in pairs), values, given=all(value is not None for _, value in pairs))


def _mapped_sets(
    target: str, scale: Scale, given: Mapping[str, Any], defaults: Defaults, columns: Columns
) -> list[FeatureSet]:
    """The features that are named after the target (A-52)."""
    words = [word for word, label in scale.words().items() if label == scale.merged(target)]
    found = []
    for how in defaults.maps:
        features = mapped(columns, [*words, *map(str, given.get("words", ()))] or [target], how)
        found.append(_set(f"{target}, {'largest m' if how == 'best' else 'all mapped'}", features, columns))
    # one mapped feature gives the same set twice
    return list({one.features: one for one in found}.values())


def _scale(
    name: str, column: str, given: Mapping[str, Any], defaults: Defaults, labels: Sequence[str]
) -> Scale:  # fmt: skip
    return Scale(
        tuple(labels), dict(defaults.words), dict(defaults.references), dict(defaults.merge),
        str(given.get("kind", defaults.kind or column)),
    )  # fmt: skip


def _check_labels(name: str, source: str, target: str, column: str, scale: Scale) -> None:
    known = {*scale.labels, *scale.merge.values()}
    if source != ANY and source not in known:
        raise ArdError(
            f"{name}: no clip has '{source}' as its {column}", todo=f"Labels are: {', '.join(scale.labels) or 'none'}."
        )
    if scale.merged(source) == scale.merged(target):
        raise ArdError(f"{name}: source and target are the same", todo="Name two labels.")


def _steering(name: str, given: Mapping[str, Any], defaults: Defaults) -> Intervention:
    changes = {key: given[key] for key in ("positions", "decode", "add_error") if key in given}
    try:
        return replace(defaults.steering, **changes)
    except ArdError as error:
        raise ArdError(f"{name}: {error.what}", todo=error.todo) from error


def labels_by_column(clips: Iterable[Mapping[str, str]]) -> dict[str, list[str]]:
    """Every value of every label, sorted."""
    found: dict[str, set[str]] = {}
    for labels in clips:
        for column, value in labels.items():
            found.setdefault(column, set()).add(value)
    return {column: sorted(values) for column, values in found.items()}
