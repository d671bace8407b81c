"""The plan of a blind rating study: which concepts are judged, by which clips, in which order (A-44)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from backend.errors import ArdError
from backend.store.clip_key import clip_key
from backend.store.clips import ClipTable
from backend.store.concepts import STATUS, ConceptsFile
from backend.store.notes.keys import sae_key
from backend.store.notes.schema import as_text, tidy_line
from backend.store.retrieval import RetrievalFile
from backend.study.fingerprint import fingerprint
from backend.study.folder import Study

VERSION = 1
CONCEPTS = 50
LISTEN_SECONDS = 10.0


@dataclass(frozen=True)
class RatingClip:
    """A clip as it can be found again: its record id, and `clip_key` of its sound."""

    record: str
    clip: str


@dataclass(frozen=True)
class RatingItem:
    """One concept to be judged.

    Attributes
    ----------
    order : int
        Its place, from 1.
    method : str
        Id of the SAE, or `raw-<layer>`.
    sae : str
        `sae_key` of the method.
    feature : int
    name : str
        What is shown after the label: the automatic name as it was when the plan was made.
    clips : tuple of RatingClip
        H: the p most representative clips, the first one first.
    """

    order: int
    method: str
    sae: str
    feature: int
    name: str
    clips: tuple[RatingClip, ...]


@dataclass(frozen=True)
class RatedMethod:
    """What is compared, and which files the names were taken from.

    Attributes
    ----------
    id, sae : str
        As in `RatingItem`.
    named : int
        Concepts that could have been drawn.
    retrieval, concepts : str
        Fingerprints of the files.
    namer : str
    """

    id: str
    sae: str
    named: int
    retrieval: str
    concepts: str
    namer: str


@dataclass(frozen=True)
class RatingPlan:
    """A whole study. Two plans of equal settings on equal results have equal keys, whoever made them.

    Attributes
    ----------
    key : str
        Hash of everything but name, author and date.
    name, author, created : str
    concepts : int
        Per method.
    seed : int
    p : int
        Clips per concept.
    listen_seconds : float
        A clip has been heard when so much of it, or all of it, was played.
    trace : bool
        Whether the activation trace is drawn over the spectrograms. It may tell a rater which method an item is of.
    methods : tuple of RatedMethod
    items : tuple of RatingItem
        In the order in which they are judged.
    """

    key: str
    name: str
    author: str
    created: str
    concepts: int
    seed: int
    p: int
    listen_seconds: float
    trace: bool
    methods: tuple[RatedMethod, ...]
    items: tuple[RatingItem, ...]

    def to_json(self) -> dict[str, Any]:
        """The plan as it is kept."""
        return {"version": VERSION, **asdict(self)}


def from_json(value: Any) -> RatingPlan:
    """A plan that was kept; ArdError if it was made by a later version or is none."""
    try:
        version, rest = value["version"], {name: one for name, one in value.items() if name != "version"}
        if version > VERSION:
            raise ArdError("a rating study was made by a later version of ARD", todo="Update ARD.")
        items = tuple(
            RatingItem(**{**one, "clips": tuple(RatingClip(**clip) for clip in one["clips"])}) for one in rest["items"]
        )
        return RatingPlan(**{**rest, "methods": tuple(RatedMethod(**one) for one in rest["methods"]), "items": items})
    except (TypeError, KeyError, AttributeError) as error:
        raise ArdError(f"a rating study is damaged ({error})", todo="Import it again, or delete it.") from error


def plan(
    study: Study, methods: Sequence[str], *, concepts: int = CONCEPTS, seed: int = 0, p: int = 0,
    listen_seconds: float = LISTEN_SECONDS, trace: bool = False, name: str = "", author: str = "",
) -> RatingPlan:  # fmt: skip
    """Draw a blind study: `concepts` named concepts of each method, all in one random order (A-44).

    Drawn are concepts whose name has the status "ok" and that have p clips. The same seed on the same results gives
    the same plan, on every machine and with every version of numpy: features are ordered by SHA-256 of seed, method
    and number.

    Parameters
    ----------
    methods : sequence of str
        Ids with ranked and named features: SAEs, or `raw-<layer>`. Their order does not matter.
    p : int
        Clips per concept; 0 for p of the rankings, which must then be equal, or their number would tell the method.

    Raises ArdError where a method has no names or too few, or is the same SAE as another.
    """
    if concepts < 1 or listen_seconds < 0 or p < 0:
        raise ArdError("a rating study needs at least one concept, and no number may be below 0")
    wanted = sorted(set(methods))
    if not wanted:
        raise ArdError("a rating study needs a method", todo="Name one with --method.")
    p = p or _common_p(study, wanted)
    found = [_Candidates.of(study, one, p) for one in wanted]
    _check(found, concepts, study)
    with closing(ClipTable(study.clips())) as table:
        drawn = [
            one.item(feature, table) for one in found for feature in draw(one.method.sae, [*one.names], concepts, seed)
        ]
    drawn.sort(key=lambda item: _place("order", seed, item.sae, item.feature))
    items = tuple(RatingItem(**{**vars(item), "order": n}) for n, item in enumerate(drawn, start=1))
    settings: dict[str, Any] = {
        "concepts": concepts, "seed": seed, "p": p, "listen_seconds": float(listen_seconds), "trace": trace,
    }  # fmt: skip
    rated = tuple(one.method for one in found)
    key = fingerprint([VERSION, settings, [asdict(one) for one in rated], [asdict(one) for one in items]])
    shown = tidy_line(name) or f"{' and '.join(wanted)}, {concepts} each, seed {seed}"
    return RatingPlan(key, shown, author, as_text(datetime.now(UTC)), methods=rated, items=items, **settings)


def draw(key: str, features: Sequence[int], count: int, seed: int) -> list[int]:
    """`count` of the features, drawn without replacement; the same ones whatever order they are given in."""
    return sorted(features, key=lambda k: _place("draw", seed, key, k))[:count]


def named_concepts(study: Study, method: str) -> int:
    """Features with a name of status "ok"; 0 where nothing is named."""
    path = study.concepts(method)
    if path is None:
        return 0
    with closing(ConceptsFile(path)) as file:
        return int((file.status == STATUS.index("ok")).sum())


@dataclass(frozen=True)
class _Candidates:
    """What can be drawn of one method: names and clips [feature → p clips]."""

    method: RatedMethod
    names: Mapping[int, str]
    clips: Mapping[int, Sequence[int]]

    @classmethod
    def of(cls, study: Study, method: str, p: int) -> _Candidates:
        path = study.concepts(method)
        if path is None:
            raise ArdError(f"the features of {method} have no names yet", path=study.root, todo="Run: ard describe")
        with closing(ConceptsFile(path)) as file:
            namer = file.namer
            ok = [status == STATUS.index("ok") for status in file.status.tolist()]
            listed = zip(file.features.tolist(), file.names, ok, strict=True)
            names = {k: tidy_line(name) for k, name, kept in listed if kept and tidy_line(name)}
        retrieval = study.retrieval(method)
        with RetrievalFile(retrieval) as file:
            most = file.most_clips(p)
        clips = {k: row for k in names if len(row := [i for i in most[k].tolist() if i >= 0]) == p}
        names = {k: names[k] for k in clips}
        prints = (retrieval.stem.removeprefix("retrieval-"), path.stem.removeprefix("concepts-"))
        rated = RatedMethod(method, sae_key(study, method), len(names), *prints, namer)
        return cls(rated, names, clips)

    def item(self, k: int, table: ClipTable) -> RatingItem:
        """The item of a feature, without a place yet."""
        clips = tuple(RatingClip(one.record, clip_key(one)) for one in table.rows(self.clips[k]))
        return RatingItem(0, self.method.id, self.method.sae, k, self.names[k], clips)


def _common_p(study: Study, methods: Sequence[str]) -> int:
    found = {}
    for one in methods:
        with RetrievalFile(study.retrieval(one)) as file:
            found[one] = int(file.settings["p"])
    if len(set(found.values())) > 1:
        told = ", ".join(f"{name}: {p}" for name, p in found.items())
        raise ArdError(
            f"the methods show different numbers of clips, which would tell them apart ({told})", path=study.root,
            todo="Name one number of clips for all of them.",
        )  # fmt: skip
    return next(iter(found.values()))


def _check(found: Sequence[_Candidates], concepts: int, study: Study) -> None:
    keys: dict[str, str] = {}
    for one in found:
        other = keys.setdefault(one.method.sae, one.method.id)
        if other != one.method.id:
            raise ArdError(f"{other} and {one.method.id} are the same SAE", path=study.root, todo="Leave one out.")
        if one.method.named < concepts:
            raise ArdError(
                f"{one.method.id} has {one.method.named} named concepts with enough clips where {concepts} are wanted",
                path=study.root, todo="Ask for fewer, or name more: ard describe.",
            )  # fmt: skip


def _place(purpose: str, seed: int, sae: str, feature: int) -> str:
    """Where a feature stands in a random order that depends on nothing else."""
    return hashlib.sha256(f"{purpose}\n{seed}\n{sae}\n{feature}".encode()).hexdigest()
