"""`ard effects`: choose the features that drive a concept by what they do; no stage of the pipeline."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from backend.errors import ArdError
from backend.jobs.job import Job
from backend.steer.classes import Classes, LabelledClip, classes_of
from backend.store import effects as store
from backend.store.clips import ClipTable
from backend.store.features import check_clips, description, feature_columns
from backend.store.retrieval import RetrievalFile
from backend.study.atomic import read_json
from backend.study.fingerprint import fingerprint
from backend.study.folder import Study
from backend.study.manifest import is_current, read_manifest, write_manifest
from backend.study.settings import Settings, plain

if TYPE_CHECKING:
    from backend.sae.base import Sae
    from backend.steer.effects.candidates import Candidate
    from backend.steer.effects.search import Tried
    from backend.steer.effects.setups import How, Trial
    from backend.targets.base import Target, Wave

Floats = npt.NDArray[np.float64]
STAGE = "effects"
SEARCH = 1
"""Raised when the same settings give other results."""


@dataclass(frozen=True)
class Asked:
    """What is to be searched for.

    Attributes
    ----------
    label, target : str
        The class that answers are to state.
    prompt : str
        Empty for the usual question about the label.
    candidates : int
        Features of largest class difference that are tried; others come in by score and name.
    times, set_times : tuple of float
        Multiples of each feature's maximum, for single features and for sets.
    sizes : tuple of int
        Of the sets.
    greedy : int
        Most features of the greedy set; 0 for none.
    clips : int
        Most clips of other classes in either half: that on which is chosen, and that on which is reported.
    mode, positions, decode : str
        As in `Intervention`.
    random : int
        Sets of random living features, as large as the best one and as far-reaching, on the held-out clips.
    """

    label: str
    target: str
    prompt: str = ""
    candidates: int = 24
    times: tuple[float, ...] = (1.0, 2.0)
    set_times: tuple[float, ...] = (0.25, 0.5, 1.0, 2.0)
    sizes: tuple[int, ...] = (4, 8, 16, 32)
    greedy: int = 8
    clips: int = 24
    mode: str = "delta"
    positions: str = "audio"
    decode: str = "off"
    max_new_tokens: int = 24
    random: int = 5
    seed: int = 0


class Search:
    """One concept's features.

    Raises ArdError if the SAE, its ranking, the label or the class is not there, or the model answers no questions.
    """

    def __init__(self, study: Study, settings: Settings, sae_id: str, asked: Asked) -> None:
        from backend.steer.readers import question_for, reader_for
        from backend.targets.identity import identify

        if sae_id.startswith("raw-"):
            raise ArdError("raw units have no directions to choose from", todo="Name an SAE with --sae.")
        self.study, self.settings, self.sae_id, self.asked = study, settings, sae_id, asked
        identity = identify(settings.model)
        if identity.model_type == "whisper":
            raise ArdError("a transcript states no class, so no effect on it can be read", path=settings.model.path)
        self.table = ClipTable(study.clips())
        self.classes: Classes = classes_of(self.table, asked.label, by_speaker=True)
        if asked.target not in self.classes.names:
            raise ArdError(
                f"{asked.label} has no class '{asked.target}' with enough clips",
                todo=f"Use one of: {', '.join(self.classes.names)}.",
            )
        path, names = settings.model.path, self.classes.names
        self.reader = reader_for(path, asked.label, names)
        self.prompt = asked.prompt or question_for(path, asked.label, names)
        self.layer = str(read_manifest(study.sae(sae_id) / "manifest.json")["settings"]["layer"])
        self.values: dict[str, Any] = {
            **asked.__dict__, "times": list(asked.times), "set_times": list(asked.set_times),
            "sizes": list(asked.sizes), "prompt": self.prompt,
            "classes": list(names), "layer": self.layer, "reader": self.reader.name, "search": SEARCH,
            "crop": plain(settings.clips), "dtype": settings.model.dtype,
        }  # fmt: skip
        self.inputs = {
            "model": identity.fingerprint,
            "clips": read_manifest(study.index_manifest)["outputs"].get("clip_list", ""),
            "weights": str(read_json(study.sae(sae_id) / "config.json").get("weights_hash", "")),
            "ranking": str(read_json(study.features(sae_id) / "current.json").get("fingerprint", "")),
        }
        self.fingerprint = fingerprint({"settings": self.values, "inputs": self.inputs})
        self.path = study.features(sae_id) / f"effects-{self.fingerprint}.json"
        self.concept = f"{asked.label}={asked.target}"
        self._written = 0

    def run(self, job: Job) -> Path:
        """Search, name the result in `current.json` and return its file; Stopped if the user asked for it.

        Every clip's answers are kept as they come: a run that was stopped goes on and gives the same.
        """
        if self.path.is_file() and is_current(self.path, self.fingerprint):
            job.current(STAGE)
        else:
            with job.running(STAGE):
                self._search(job)
        store.name(self.study, self.sae_id, self.path, self.concept)
        return self.path

    def _search(self, job: Job) -> None:
        from backend.steer.effects.search import best, by_effect, search
        from backend.steer.effects.setups import Controls

        began, asked = time.monotonic(), self.asked
        found, maximum = self._candidates()
        if not found:
            raise ArdError(f"no feature of {self.sae_id} is more active in clips of '{asked.target}' than in others")
        chosen = self._trial(self.classes.first, maximum, job)
        job.begin_progress("answers")
        tried = search(
            chosen, found, times=asked.times, sizes=asked.sizes, set_times=asked.set_times, greedy=asked.greedy
        )
        winners = {"set": best(chosen, tried), "single": best(chosen, tried, "single")}
        held_out = self._trial(self.classes.second, maximum, job)
        random = self._random(winners["set"].setup.features, maximum)
        controls = Controls(winners["set"].setup, random)
        held_out.measure([one.setup for one in winners.values()], controls)
        order = by_effect(chosen, found, asked.times)
        ranking = sorted(found, key=lambda one: order.index(one.feature))
        write_manifest(
            self.path,
            stage=STAGE,
            fingerprint=self.fingerprint,
            settings=self.values,
            inputs=self.inputs,
            outputs={
                "sae": self.sae_id,
                "ranking": [self._ranked(one, chosen) for one in ranking],
                "tried": [{"how": one.how, **chosen.told(one.setup)} for one in tried if one.how != "single"],
                "sets": {name: _set(one, chosen, held_out) for name, one in winners.items()},
                "controls": [
                    {"how": key, "features": list(random.get(key, ())), **held_out.shares(key)}
                    for key in controls.keys
                ],
            },
            figures={
                "selection_clips": len(chosen.eligible()), "held_out_clips": len(held_out.eligible()),
                "setups": len(tried), "answers": len(chosen.answers.said),
            },
            seconds=time.monotonic() - began,
            device=str(self._target.device),  # type: ignore[attr-defined]
        )  # fmt: skip
        chosen.answers.path.unlink(missing_ok=True)

    def _candidates(self) -> tuple[list[Candidate], Floats]:
        from backend.steer.effects.candidates import candidates, separation

        with RetrievalFile(self.study.retrieval(self.sae_id)) as file:
            check_clips(self.study, file, self.table)
            columns = feature_columns(file, *description(self.study, self.sae_id))
            difference, auc = separation(file, self.classes.first, self.asked.target)
        found = candidates(columns, difference, auc, self.asked.target, self.asked.candidates)
        return found, columns["max"].astype(np.float64)

    def _trial(self, half: Sequence[LabelledClip], maximum: Floats, job: Job) -> Trial:
        from backend.steer.answers import Sampling
        from backend.steer.effects.setups import Answers, How, Trial
        from backend.steer.engine import Engine
        from backend.steer.spaces import SaeSpace

        asked = self.asked

        def step(count: int) -> None:
            job.check_stop()
            self._written += count
            job.progress(self._written, max(self._written + 1, expected))

        clips = [one for one in half if one.value != asked.target][: asked.clips]
        expected = len(clips) * self._expected()
        how: How = How(asked.mode, asked.positions, asked.decode)  # type: ignore[arg-type]
        return Trial(
            Engine(self._target, SaeSpace(self._sae), self.layer), clips, self._wave, self.prompt,
            Sampling(max_new_tokens=asked.max_new_tokens), how, maximum.tolist(), self.reader, asked.target,
            Answers(self.path.with_suffix(".jsonl")), step,
        )  # fmt: skip

    def _expected(self) -> int:
        """Answers a clip will roughly need; the greedy search may end earlier."""
        from backend.steer.effects.search import GREEDY_TRIED

        asked = self.asked
        several = len(asked.times) * asked.candidates + 2 * len(asked.sizes) * len(asked.set_times)
        return several + max(0, asked.greedy - 1) * GREEDY_TRIED + 4 + asked.random

    def _random(self, chosen: Sequence[int], maximum: Floats) -> dict[str, tuple[int, ...]]:
        """Sets of other living features, by name."""
        alive = np.flatnonzero((maximum > 0) & ~np.isin(np.arange(len(maximum)), chosen))
        draws, size = np.random.default_rng(self.asked.seed), min(len(chosen), len(alive))
        several = [draws.choice(alive, size, replace=False) for _ in range(self.asked.random if size else 0)]
        return {f"random {i}": tuple(sorted(one.tolist())) for i, one in enumerate(several, 1)}

    def _ranked(self, one: Candidate, trial: Trial) -> dict[str, Any]:
        from backend.steer.effects.setups import Setup

        alone = {f"{t:g}": trial.share(Setup((one.feature,), t).key).as_json() for t in self.asked.times}
        m = one.m if one.m == one.m else None
        return {**one.__dict__, "m": m, "why": list(one.why), "steered": alone}

    @cached_property
    def _target(self) -> Target:
        from backend.stages.answering import answering_target

        return answering_target(self.settings, "no effect on them can be measured")

    @cached_property
    def _sae(self) -> Sae:
        from backend.sae.files import load_sae

        return load_sae(self.study.sae(self.sae_id)).to(next(self._target.model.parameters()).device)

    def _wave(self, clip: LabelledClip) -> Wave:
        from backend.audio.load import load_waves

        target = self._target
        (first, *_) = load_waves(
            self.table[clip.index], self.settings.clips, target.sample_rate, target.window_seconds
        )  # fmt: skip
        return first.samples[:0] if target.token_count(len(first.samples), self.layer) == 0 else first.samples


def _set(one: Tried, chosen: Trial, held_out: Trial) -> dict[str, Any]:
    told, other = chosen.told(one.setup), held_out.told(one.setup)
    return {
        "how": one.how, "features": told["features"], "times": one.setup.times, "selection": told["steered"],
        "held_out": other["steered"], "coherent": other["coherent"], "displacement": other["displacement"],
    }  # fmt: skip
