"""The describe stage at work: vectors once for all rankings, then scores and concepts of each (design §3)."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from backend.describe.cache import TextCache, VectorCache
from backend.describe.captioning import Captions
from backend.describe.embedding import ClipVectors, embed_study
from backend.describe.heard import Hearing
from backend.describe.judging import Judge
from backend.describe.naming_run import Prompts, name_features
from backend.describe.result import Result
from backend.describe.scores.monosemanticity import monosemanticity
from backend.errors import ArdError, Stopped
from backend.jobs.job import Job
from backend.store import concepts as concepts_store
from backend.store import scores as scores_store
from backend.store.clips import ClipTable
from backend.store.concepts import Concept
from backend.store.retrieval import RetrievalFile
from backend.store.scores import ScoresFile
from backend.study.atomic import read_json, write_json
from backend.study.fingerprint import fingerprint
from backend.study.folder import Study
from backend.study.manifest import write_manifest
from backend.study.settings import Settings

STAGE = "describe"
INCOMPLETE = "incomplete-"


class Work:
    """One run of the stage; vectors are loaded or made when the first ranking needs them.

    Parameters
    ----------
    ids : sequence of str
        The rankings that may be asked for: layers differ in which clips have a token.
    """

    def __init__(
        self, study: Study, settings: Settings, prompts: Mapping[str, str], ids: Sequence[str], job: Job
    ) -> None:
        self.study, self.settings, self.prompts, self.ids, self.job = study, settings, prompts, ids, job
        self.table = ClipTable(study.clips())
        self.hearing = Hearing(settings)
        self._vectors: ClipVectors | None = None
        self._failures: list[ArdError] = []
        self._uses: dict[str, str] = {}

    def end(self) -> None:
        """Raise the first failure that left concepts incomplete."""
        if self._failures:
            raise self._failures[0]

    # scores

    def score(self, wanted: Result) -> None:
        """Make and publish one scores file."""
        began = time.monotonic()
        with RetrievalFile(self.study.retrieval(wanted.id)) as file:
            vectors = self._clip_vectors(wanted.inputs["embedder"])
            self.job.begin_progress("features scored")
            columns, figures = monosemanticity(
                file, vectors.vectors, self.settings.scores,
                progress=self.job.progress, check_stop=self.job.check_stop,
            )  # fmt: skip
        path = self.study.features(wanted.id) / f"{wanted.name}.h5"
        scores_store.write(path, columns, wanted.settings, wanted.inputs["embedder"])
        self._publish(wanted, path, figures, time.monotonic() - began)
        best = (
            "" if figures["max"] is None else f", best {figures['max']:.2f} (random clips {figures['control_max']:.2f})"
        )
        self.job.message(f"{wanted.id}: {figures['valid']} of {figures['features']} features scored{best}")
        if figures["without_pair_pass"] and not file.raw:
            self.job.message(f"{wanted.id}: {figures['without_pair_pass']}", level="warning")

    def _clip_vectors(self, source: Mapping[str, Any]) -> ClipVectors:
        """Vectors of all clips with a token in any of the rankings."""
        if self._vectors is None:
            name = fingerprint({"embedder": source, "part": self.hearing.identity()})
            cache = VectorCache(self.study.root / "describe" / f"embeddings-{name}")
            self._uses["embeddings"] = cache.folder.name
            rows = np.flatnonzero(np.any([self._heard(name) for name in self.ids], axis=0)).astype(np.int64)
            self._vectors = embed_study(self.settings, self.table, rows, cache, self.hearing, self.job)
            for row, reason in list(self._vectors.problems.items())[:3]:
                self.job.message(f"clip {row} has no vector: {reason}", level="warning")
        return self._vectors

    def _heard(self, name: str) -> npt.NDArray[np.bool_]:
        """Clips with a token in a ranking, [N]."""
        with RetrievalFile(self.study.retrieval(name)) as file:
            return np.asarray(file.clip_tokens() > 0)

    # concepts

    def describe(self, wanted: Result) -> None:
        """Caption, name and judge the best-ranked features, and publish what could be had."""
        began = time.monotonic()
        with RetrievalFile(self.study.retrieval(wanted.id)) as file:
            scores = ScoresFile(self.study.features(wanted.id) / str(self._current(wanted.id)["scores"]))
            found, failure = self._name(wanted, file, self._asked(wanted.id, scores.ranked(), file.features))
            found, figures = self._judge(wanted, found, file, scores)
        path = self.study.features(wanted.id) / f"{wanted.name}.h5"
        concepts_store.write(path, found, {**wanted.inputs, "detection": self.settings.names.detection})
        counts = dict(Counter(one.status for one in found))
        self._publish(
            wanted, path, {"described": len(found), **counts, **figures}, time.monotonic() - began,
            complete=failure is None,
        )  # fmt: skip
        said = ", ".join(f"{count} {status}" for status, count in counts.items())
        self.job.message(f"{wanted.id}: {len(found)} features described ({said or 'none had a score'})")
        if failure is not None:
            self.job.message(f"{wanted.id} is not complete: {failure}", level="error")
            self._failures.append(failure)

    def _asked(self, sae: str, ranked: npt.NDArray[np.int64], features: int) -> npt.NDArray[np.int64]:
        """The best-ranked features, then those of `names.features` that are not among them, ascending.

        Raises ArdError if the SAE has no such feature.
        """
        named = self.settings.names.features_of(sae)
        if named and named[-1] >= features:
            raise ArdError(
                f"names.features asks for feature {named[-1]} of {sae}, which has {features} (0 to {features - 1})",
                path=self.study.toml,
                todo="Correct it.",
            )
        best = ranked[: self.settings.scores.top]
        return np.concatenate([best, np.setdiff1d(np.array(named, np.int64), best)])

    def _judge(
        self, wanted: Result, found: list[Concept], file: RetrievalFile, scores: ScoresFile
    ) -> tuple[list[Concept], dict[str, Any]]:
        if self.settings.names.detection == "none":
            return found, {}
        asked = [wanted.inputs["captioner"], self.prompts["detection"], self.hearing.identity()]
        answers = TextCache(self.study.root / "describe" / f"answers-{fingerprint(asked)}.jsonl")
        self._uses["answers"] = answers.path.name
        vectors = self._clip_vectors(scores.embedder).vectors
        judge = Judge(self.settings, self.table, self.hearing, self.prompts["detection"], answers, self.job)
        return judge.judge(found, file, vectors)

    def _name(
        self, wanted: Result, file: RetrievalFile, ranked: npt.NDArray[np.int64]
    ) -> tuple[list[Concept], ArdError | None]:
        """Concepts without detection, and what stopped the captioner or the namer on the way."""
        p = int(file.settings["p"])
        lists = file.most_clips(p)
        folder = self.study.root / "describe"
        name = fingerprint([wanted.inputs["captioner"], self.hearing.identity()])
        kept = TextCache(folder / f"captions-{name}.jsonl")
        captions = Captions(self.settings, self.table, self.hearing, kept, file, self.job)
        asked = captions.wanted({int(k): lists[k][lists[k] >= 0].tolist() for k in ranked})
        failure: ArdError | None = None
        try:
            captions.make(asked, self.prompts["caption"])
        except Stopped:
            raise
        except ArdError as error:
            failure = error
        cache = TextCache(folder / f"names-{fingerprint(wanted.inputs['namer'])}.jsonl")
        self._uses |= {"captions": kept.path.name, "names": cache.path.name}
        prompts = Prompts(self.prompts["concept"], self.prompts["short_name"])
        texts = {k: captions.of(some) for k, some in asked.items()}
        if failure is not None:
            texts = {k: tuple(replace(c, problem=c.problem or ("" if c.text else str(failure))) for c in some)
                     for k, some in texts.items()}  # fmt: skip
        found, stopped = name_features(self.settings, texts, prompts, cache, self.job)
        return found, failure or stopped

    # both

    def _current(self, sae_id: str) -> dict[str, Any]:
        found: dict[str, Any] = read_json(self.study.features(sae_id) / "current.json")
        return found

    def _publish(
        self, wanted: Result, path: Path, figures: Mapping[str, Any], seconds: float, *, complete: bool = True
    ) -> None:
        """Manifest, then `current.json`, then older files of the kind go.

        An incomplete result carries another fingerprint in its manifest: it can be used and counts as stale.
        """
        folder = path.parent
        write_manifest(
            path.with_suffix(".json"),
            stage=STAGE,
            fingerprint=wanted.fingerprint if complete else INCOMPLETE + wanted.fingerprint,
            settings=wanted.settings,
            inputs=wanted.inputs,
            outputs={"file": path.name, "bytes": path.stat().st_size, "uses": self._uses},
            figures=figures,
            seconds=seconds,
            device=self.settings.model.device,
        )
        write_json(folder / "current.json", {**self._current(wanted.id), wanted.kind: path.name})
        for old in folder.glob(f"{wanted.kind}-*"):
            if old.stem != path.stem:
                with suppress(OSError):  # a reader elsewhere may hold it open; `ard gc` removes it later
                    old.unlink()
