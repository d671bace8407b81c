"""Captions of the clips that show features: each distinct clip once, one by one into the cache (A-33)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from backend.describe.active_audio import active_part, join_active
from backend.describe.cache import TextCache
from backend.describe.captioners.base import CAPTIONERS, Captioner, Wave
from backend.describe.heard import Hearing
from backend.errors import ArdError
from backend.jobs.job import Job
from backend.store.clip_key import clip_key
from backend.store.clips import ClipTable
from backend.store.concepts import ClipCaption
from backend.store.retrieval import RetrievalFile
from backend.study.fingerprint import fingerprint
from backend.study.settings import Settings


@dataclass(frozen=True)
class Asked:
    """One caption that is wanted.

    Attributes
    ----------
    clip : int
        Row of the clip table.
    feature : int
        Whose active part is captioned; −1 for the whole clip.
    key : str
        Under which the caption is kept.
    """

    clip: int
    feature: int
    key: str


class Captions:
    """The captions of one study under one captioner and prompt.

    Parameters
    ----------
    cache : TextCache
    file : RetrievalFile
        Whose traces say where a feature is active, for `part = "active"`.
    """

    def __init__(
        self, settings: Settings, table: ClipTable, hearing: Hearing, cache: TextCache, file: RetrievalFile, job: Job
    ) -> None:
        self.settings, self.table, self.hearing, self.cache, self.file = settings, table, hearing, cache, file
        self.job = job
        self.problems: dict[str, str] = {}
        self._texts: dict[str, str] = dict(cache)
        self._hears = getattr(CAPTIONERS.get(settings.captions.captioner), "sample_rate", 0) is not None

    def wanted(self, lists: Mapping[int, Sequence[int]]) -> dict[int, list[Asked]]:
        """What must be captioned for the clips H of each feature."""
        active = self.settings.captions.part == "active"
        return {k: [self._asked(int(clip), k if active else -1) for clip in clips] for k, clips in lists.items()}

    def _asked(self, clip: int, feature: int) -> Asked:
        if not self._hears:
            return Asked(clip, -1, str(clip))
        key = clip_key(self.table[clip])
        if feature >= 0:
            key = fingerprint([key, feature, self.file.path.name])
        return Asked(clip, feature, key)

    def make(self, wanted: Mapping[int, Sequence[Asked]], prompt: str) -> None:
        """Caption what is not captioned yet, in the features' order.

        Raises ArdError if the captioner cannot be loaded or reached: what was captioned before is kept. Stopped if the
        user asked for it.
        """
        distinct = {one.key: one for asked in wanted.values() for one in asked}
        missing = [one for key, one in distinct.items() if key not in self._texts]
        if not missing:
            return
        captioner = CAPTIONERS.get(self.settings.captions.captioner).load(self.settings, prompt)
        captioner.attach(self.job)
        size = 1 if captioner.one_by_one else self.settings.captions.batch_clips
        self.job.begin_progress("captions")
        for start in range(0, len(missing), size):
            self._caption(captioner, missing[start : start + size])
            self.job.progress(min(start + size, len(missing)), len(missing))
            self.job.check_stop()

    def _caption(self, captioner: Captioner, asked: Sequence[Asked]) -> None:
        readable: list[Asked] = []
        waves: list[Wave] = []
        for one in asked:
            if captioner.sample_rate is None:
                readable.append(one)
                continue
            try:
                waves.append(self._wave(one, captioner.sample_rate))
                readable.append(one)
            except ArdError as error:
                self.problems[one.key] = str(error)
        if readable:
            texts = captioner.caption([self.table[one.clip] for one in readable], waves)
            found = {one.key: text for one, text in zip(readable, texts, strict=True)}
            self._texts |= found
            if self._hears:
                self.cache.add(found)  # what comes from the clip table is there at once, and may be edited

    def _wave(self, asked: Asked, rate: int) -> Wave:
        wave = self.hearing.wave(self.table[asked.clip], rate)
        if asked.feature < 0:
            return wave
        trace = self.file.feature(asked.feature).traces.get(asked.clip)
        if trace is None:
            raise ArdError(f"feature {asked.feature} has no trace in clip {asked.clip}")
        above = self.settings.captions.active_above
        seconds = self.file.token_seconds(asked.clip)
        part = join_active([active_part(wave, rate, seconds, trace.token, trace.value, above=above)], rate).wave
        if not len(part):
            raise ArdError(
                f"feature {asked.feature} is nowhere above {above} in clip {asked.clip}",
                todo="Lower captions.active_above, or set captions.part = \"clip\".",
            )  # fmt: skip
        return part

    def of(self, asked: Sequence[Asked]) -> tuple[ClipCaption, ...]:
        """The captions of one feature's clips, with the reason where there is none."""
        return tuple(
            ClipCaption(one.clip, self._texts.get(one.key, ""), self.problems.get(one.key, "")) for one in asked
        )
