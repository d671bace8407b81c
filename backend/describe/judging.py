"""Detection scores of all names of one SAE, by the judge that the settings name (P-10)."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from backend.describe.cache import TextCache
from backend.describe.detection import judge_by_answers, judge_by_embedder
from backend.describe.detection_samples import Sample, SampleDraw
from backend.describe.embedders.base import EMBEDDERS
from backend.describe.heard import Hearing
from backend.jobs.job import Job
from backend.store.clip_key import clip_key
from backend.store.clips import ClipTable
from backend.store.concepts import Concept
from backend.store.retrieval import RetrievalFile
from backend.study.fingerprint import fingerprint
from backend.study.settings import Settings

YES_OR_NO_TOKENS = 16
Vectors = npt.NDArray[np.float32]


class Judge:
    """Judges concepts of one SAE.

    Parameters
    ----------
    prompt : str
        Question with {name} in it, for `detection = "audiollm"`.
    answers : TextCache
        Where answers of the AudioLLM are kept.
    """

    def __init__(
        self, settings: Settings, table: ClipTable, hearing: Hearing, prompt: str, answers: TextCache, job: Job
    ) -> None:
        self.settings, self.table, self.hearing, self.prompt = settings, table, hearing, prompt
        self.answers, self.job = answers, job

    def judge(
        self, concepts: Sequence[Concept], file: RetrievalFile, vectors: Vectors
    ) -> tuple[list[Concept], dict[str, Any]]:
        """The concepts with their detection, and figures about the whole.

        Parameters
        ----------
        vectors : array [N, d]
            Of the clips: they choose the hard negatives, and judge where the embedder is the judge.

        Figures: `detection_mean`, `detection_control`: mean over the judged names, and for the same clips under names
        of other features, which is what chance really comes to; `detection_hard_mean`: against the hard negatives;
        `unclear_answers` of an AudioLLM.
        """
        section = self.settings.names
        named = [one for one in concepts if one.name]
        if section.detection == "none" or not named:
            return list(concepts), {}
        lists = [np.array([c.clip for c in one.captions], dtype=np.int64) for one in named]
        draw = SampleDraw(file, self.table, vectors, section.detection_clips)
        samples = list(self._watched(draw.draw([one.feature for one in named], lists), len(named)))
        names = [one.name for one in named]
        if section.detection == "audiollm":
            found, figures = self._by_answers(samples, names)
        else:
            found, figures = self._by_embedder(samples, names, vectors)
        judged = {one.feature: replace(one, detection=d) for one, d in zip(named, found, strict=True)}
        figures["detection_mean"] = _mean([one.balanced_accuracy for one in found])
        figures["detection_hard_mean"] = _mean([one.hard_balanced_accuracy for one in found])
        return [judged.get(one.feature, one) for one in concepts], figures

    def _watched(self, samples: Iterator[Sample], count: int) -> Iterator[Sample]:
        self.job.begin_progress("names judged")
        for done, sample in enumerate(samples, 1):
            self.job.check_stop()
            yield sample
            self.job.progress(done, count)

    def _by_embedder(
        self, samples: Sequence[Sample], names: Sequence[str], vectors: Vectors
    ) -> tuple[list[Any], dict[str, Any]]:
        least, ids = self.settings.names.detection_least, self.table.tie_ids
        model = self.settings.model
        load = EMBEDDERS.get(self.settings.embed.embedder).load
        with load(self.settings.embed, model.device, local_files_only=model.local_files_only) as embedder:
            known: dict[str, npt.NDArray[np.floating[Any]]] = {}

            def embed(texts: Sequence[str]) -> npt.NDArray[np.floating[Any]]:
                new = [text for text in dict.fromkeys(texts) if text not in known]
                if new:
                    known.update(zip(new, embedder.embed_texts(new), strict=True))
                return np.stack([known[text] for text in texts])

            found = judge_by_embedder(samples, names, embed, vectors, ids, least)
            control = judge_by_embedder(samples, _of_others(names), embed, vectors, ids, least)
        return found, {"detection_control": _mean([one.balanced_accuracy for one in control])}

    def _by_answers(self, samples: Sequence[Sample], names: Sequence[str]) -> tuple[list[Any], dict[str, Any]]:
        from backend.describe.captioners.audiollm import captioning_model
        from backend.targets.load import load_target

        target = load_target(captioning_model(self.settings))
        size = self.settings.captions.batch_clips

        def ask(clips: Sequence[int], question: str) -> list[str]:
            said: list[str] = []
            for start in range(0, len(clips), size):
                self.job.check_stop()
                some = [self.table[int(i)] for i in clips[start : start + size]]
                waves = [self.hearing.wave(clip, target.sample_rate) for clip in some]
                said += target.generate_batch(waves, [question] * len(some), YES_OR_NO_TOKENS)
            return said

        kept = KeptAnswers(self.answers, self.table)
        found, unclear = judge_by_answers(
            samples, names, ask, kept, self.prompt, self.settings.names.detection_least
        )  # fmt: skip
        return found, {"unclear_answers": unclear}


class KeptAnswers(MutableMapping[tuple[int, str], str]):
    """Answers by (clip row, question), kept on disk by the clip's sound."""

    def __init__(self, cache: TextCache, table: ClipTable) -> None:
        self._cache, self._table = cache, table

    def _key(self, asked: tuple[int, str]) -> str:
        return fingerprint([clip_key(self._table[int(asked[0])]), asked[1]])

    def __getitem__(self, asked: tuple[int, str]) -> str:
        return self._cache[self._key(asked)]

    def __setitem__(self, asked: tuple[int, str], answer: str) -> None:
        self._cache.add({self._key(asked): answer})

    def __delitem__(self, asked: tuple[int, str]) -> None:
        raise TypeError("answers are only added")

    def __iter__(self) -> Iterator[tuple[int, str]]:
        raise TypeError("answers are kept by a hash of what was asked")

    def __len__(self) -> int:
        return len(self._cache)


def _of_others(names: Sequence[str]) -> list[str]:
    """For each feature the name of another one, half the list away, "" where both have the same name."""
    shift = len(names) // 2
    return [other if other != name else "" for name, other in zip(names, [*names[shift:], *names[:shift]], strict=True)]


def _mean(values: Sequence[float]) -> float | None:
    known = [value for value in values if value == value]
    return round(float(np.mean(known)), 4) if known else None
