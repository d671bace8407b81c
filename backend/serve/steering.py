"""What the kinds of requests about steering share: their fields, and the scene that they are played on."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import torch
from pydantic import Field

from backend.audio.load import clip_seconds
from backend.errors import ArdError
from backend.extract.forward import is_out_of_memory
from backend.extract.shards import loader
from backend.serve.base import Talk
from backend.serve.provenance import Provenance, provenance_of
from backend.serve.resident import Ranked, Resident
from backend.serve.sounds import SoundRequest
from backend.steer.answers import Sampling
from backend.steer.engine import LONGEST_PROMPT, Engine, Scene
from backend.steer.intervention import Intervention
from backend.steer.representation import EncoderScene
from backend.steer.spaces import SaeSpace, Space, UnitSpace
from backend.store.retrieval import STATUS, RetrievalFile
from backend.study.settings import plain
from backend.targets.base import Target, Wave

T = TypeVar("T")
MOST_OVERRIDES = 4096


class SteerRequest(SoundRequest):
    """A request about overrides in one sound and prompt (A-48 … A-53)."""

    prompt: str = Field("", description="What is asked about the sound; for Whisper, text taken to come before it.")
    overrides: list[tuple[int, float]] = Field(
        default_factory=list, max_length=MOST_OVERRIDES, description="Pairs of feature and value."
    )
    mode: str = Field("", description="How overrides enter the code; empty for pre_topk, and for raw units delta.")
    positions: str = Field("audio", description="Positions of the prefill: none, audio or prompt, i.e. all.")
    decode: str = Field("off", description="At decoding steps: off, reconstruct or steer.")
    add_error: bool = Field(False, description="Keep what the SAE does not reconstruct (A-49).")

    def intervention(self, raw: bool) -> Intervention:
        """The steered condition; ArdError where a field makes no sense."""
        mode = self.mode or ("delta" if raw else "pre_topk")
        settings: dict[str, Any] = {"mode": mode, "positions": self.positions, "decode": self.decode}
        return Intervention.of(self.overrides, **settings, add_error=self.add_error)


class AnswerRequest(SteerRequest):
    """A request whose answers are written."""

    max_new_tokens: int = Field(64, description="Longest answer, in tokens.")
    temperature: float = Field(0.0, description="0 is greedy (A-54).")
    seed: int = Field(0, ge=0, lt=2**63, description="Of the draws.")

    def sampling(self) -> Sampling:
        """A seed means nothing to a greedy answer, which is the same under all of them."""
        return Sampling(self.max_new_tokens, self.temperature, self.seed if self.temperature else 0)


@dataclass
class Stage:
    """One sound and prompt under one ranking, ready for overrides.

    Attributes
    ----------
    key : hashable
        Everything it depends on.
    scene : Scene or EncoderScene
        The latter for models that write no text.
    duration : float
        Seconds of the sound.
    heard : (float, float)
        The part that the model was given, in seconds of the sound.
    status : uint8 array [D]
        Of each feature, a position in `store.retrieval.STATUS`.
    made : Provenance
        Of the SAE.
    original : object
        For whoever answers on it: what is kept of the original answer.
    """

    key: Hashable
    ranked: Ranked
    scene: Scene | EncoderScene
    duration: float
    heard: tuple[float, float]
    silent: bool
    status: np.ndarray[Any, np.dtype[np.uint8]]
    made: Provenance
    original: dict[Hashable, Any] = field(default_factory=dict)

    @property
    def nbytes(self) -> int:
        scene = self.scene
        held = scene.nbytes if isinstance(scene, EncoderScene) else scene.prefix.nbytes
        # the pre-activations of every feature at every position are kept too
        return held + 4 * len(scene.prefix.x) * scene.space.n_features

    def warnings(self, intervention: Intervention) -> list[str]:
        """What a person should know of an answer under `intervention`."""
        first, last = self.heard
        found = []
        if last - first < self.duration - 0.01:
            found.append(
                f"the sound has {self.duration:.1f} s; the model hears {first:.1f} to {last:.1f} s of it, and only "
                "that is steered"
            )
        if self.silent:
            found.append("the sound is silent: all its samples are 0")
        found += [
            f"feature {feature} is dead: it is active in no clip of the study"
            for feature in intervention.features
            if STATUS[self.status[feature]] == "dead"
        ]
        return found + self.made.warnings(intervention, self.ranked.layer)


def on_stage(resident: Resident, asked: SteerRequest, intervention: Intervention, talk: Talk) -> Stage:
    """The stage for a request; the last ones are kept.

    Raises ArdError where the sound, prompt, ranking or a feature cannot be used, and where the SAE was made for another
    model or layer; Stopped if it is no longer wanted.
    """
    ranked = resident.ranked(asked.sae)
    resident.check_weights(ranked)
    if len(asked.prompt) > LONGEST_PROMPT:
        raise ArdError(f"the prompt has {len(asked.prompt):,} characters", todo=f"Use at most {LONGEST_PROMPT:,}.")
    settings = resident.settings
    model, clips = repr(plain(settings.model)), repr(plain(settings.clips))
    sound = asked.sound()
    key = (*sound, asked.prompt, ranked.id, ranked.path, ranked.layer, ranked.weights, model, clips)

    def make() -> Stage:
        made = provenance_of(resident.study, settings, ranked)
        with RetrievalFile(ranked.path) as file:
            status = np.asarray(file.table()["status"], dtype=np.uint8)
        _check_features(intervention, ranked, len(status))
        target = resident.target(talk)
        space = _space(resident, ranked, target, talk)
        talk.step("reading the sound")
        duration, wave = clip_seconds(asked.clip()), loader(target, settings)(asked.clip())[0]
        talk.check()
        talk.step("running the model up to the layer")
        scene = with_room(resident, key, talk, lambda: _scene(target, space, ranked.layer, wave.samples, asked.prompt))
        if not bool(torch.isfinite(scene.prefix.x).all()):
            raise ArdError(
                f"the model gives NaN or infinite activations at layer {ranked.layer} for this sound",
                path=asked.path, todo='Use model.dtype = "float32" or "bfloat16".',
            )  # fmt: skip
        heard = (wave.start, min(duration, wave.start + len(wave.samples) / target.sample_rate))
        return Stage(key, ranked, scene, duration, heard, not wave.samples.any(), status, made)

    found = resident.scenes.kept(key, make, lambda stage: stage.nbytes)
    _check_features(intervention, ranked, len(found.status))
    talk.check()
    return found


def with_room(resident: Resident, key: Hashable, talk: Talk, work: Callable[[], T]) -> T:
    """What `work` gives; where the memory is too small for it, once more after all other scenes were let go."""
    try:
        return work()
    except Exception as error:
        if not is_out_of_memory(error):
            raise
    talk.step("the device ran out of memory; other sounds and prompts are let go")
    resident.scenes.clear(but=key)
    free_memory()
    return work()


def free_memory() -> None:
    """Give back to the device what is no longer used."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def _check_features(intervention: Intervention, ranked: Ranked, count: int) -> None:
    for feature in intervention.features:
        if not 0 <= feature < count:
            raise ArdError(f"there is no feature {feature} in {ranked.id}", todo=f"Use a number from 0 to {count - 1}.")


def _space(resident: Resident, ranked: Ranked, target: Target, talk: Talk) -> Space:
    if not ranked.raw:
        return SaeSpace(resident.sae(ranked, talk))
    if ranked.settings.get("raw_reading") == "split":
        raise ArdError(
            'units that were ranked with retrieve.raw_reading = "split" are halves and cannot be set',
            todo="Rank them under another reading.",
        )
    return UnitSpace(target.width(ranked.layer))


def _scene(target: Target, space: Space, layer: str, wave: Wave, prompt: str) -> Scene | EncoderScene:
    engine = Engine(target, space, layer)
    if type(target).begin is Target.begin:
        return EncoderScene(target, space, layer, wave)
    return engine.scene(wave, prompt)
