"""What `ard hallucination` is asked to do: a TOML file with the sets of clips and every reading of S-43…S-49."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError, model_validator

from backend.errors import ArdError
from backend.study.settings import AudioSection, Section

SPEECH_LABELS = [
    "Speech", "Human_voice", "Male_speech_and_man_speaking", "Female_speech_and_woman_speaking",
    "Child_speech_and_kid_speaking", "Conversation", "Speech_synthesizer", "Chatter", "Crowd", "Shout", "Yell",
    "Screaming", "Whispering", "Singing", "Male_singing", "Female_singing", "Laughter", "Giggle",
    "Chuckle_and_chortle", "Crying_and_sobbing", "Sigh", "Cheering", "human",
]  # fmt: skip
"""Labels that make a clip speech-like (S-45): FSD50K's voice classes, and ARD's own category `human`."""


class ClipSet(AudioSection):
    """A data set as in study.toml, and what this measurement needs to know of it."""

    name: str = Field(min_length=1, pattern=r"^[\w.-]+$", description="Name in the tables.")
    limit: int = Field(0, ge=0, description="Most clips of it, the same random ones every time; 0 for all.")
    group: str = Field("", description="Label, `source` or `speaker` whose clips stay in one part; empty: each alone.")


class NonSpeech(ClipSet):
    exclude: list[str] = Field(
        SPEECH_LABELS, description="Clips with one of these as a label's value are left out (S-45)."
    )


class Speech(ClipSet):
    name: str = Field("speech", min_length=1, pattern=r"^[\w.-]+$", description="Name in the tables.")
    text: str = Field("text", description="Label that holds what is said, or `caption`.")


class Shares(Section):
    """Parts of the clips (S-46: the vector, its choice and its figures come from disjoint parts)."""

    train: float = Field(0.4, gt=0, lt=1, description="Share of the non-speech clips that the vectors are made from.")
    selection: float = Field(0.2, gt=0, lt=1, description="Share of them that k and alpha are chosen on.")
    speech_selection: float = Field(0.2, gt=0, lt=1, description="Share of the speech clips that they are chosen on.")
    seed: int = Field(0, ge=0, lt=2**31, description="Seed of the parts, the random controls and the bootstrap.")

    @model_validator(mode="after")
    def _room_for_a_test(self) -> Shares:
        if self.train + self.selection >= 1:
            raise ValueError("train and selection leave nothing to test on")
        return self


class Readings(Section):
    """Every open reading of S-43…S-48."""

    threshold: float = Field(0.5, gt=0, lt=1, description="tau: a clip counts as detected where p < tau (S-43).")
    count: Literal["p", "p_and_text"] = Field(
        "p", description="Detected: p < tau, or that and a transcript that is not empty (S-44)."
    )
    frames: Literal["all", "valid"] = Field(
        "all", description="Frames that are changed: the whole window, or those that start inside the clip (S-47)."
    )
    pooled_frames: Literal["valid", "all"] = Field("valid", description="Frames over which codes are pooled (S-46).")
    standardise: bool = Field(False, description="Divide pooled codes by their standard deviation first (S-46).")
    c: float = Field(1.0, gt=0, description="Inverse strength of the L2 penalty of the logistic regression (S-46).")
    clamp0: bool = Field(False, description="Do not let a steered code fall below zero (S-47).")
    add_error: bool = Field(False, description="Keep what the SAE does not reconstruct (S-47).")
    units: Literal["raw", "normalised"] = Field(
        "raw", description="alpha in the units of the codes, or of sqrt(mean squared norm of x) (S-08, S-47)."
    )
    s_vector_units: Literal["raw", "normalised"] = Field("raw", description="The same of the S-vector's alpha (S-48).")
    s_vector_sign: Literal[-1, 1] = Field(-1, description="x - alpha s, or x + alpha s (S-48).")

    @model_validator(mode="after")
    def _pooled_where_encoded(self) -> Readings:
        if self.pooled_frames == "all" and self.frames == "valid":
            raise ValueError('pooled_frames = "all" needs frames = "all": nothing else is encoded')
        return self


class Grid(Section):
    """What is tried."""

    k: list[int] = Field([1, 5, 10, 100], min_length=1, description="Features that are steered (S-46).")
    alpha: list[float] = Field([0.5, 1.0, 3.0], min_length=1, description="Strengths (S-46).")
    s_vector_alpha: list[float] = Field([0.5, 1.0, 3.0], min_length=1, description="Strengths of the S-vector (S-48).")
    f1_k: list[int] = Field([1000, 100, 10, 5, 1], description="Features of the classifiers in the table of F1 (S-49).")
    each_set: bool = Field(True, description="Vectors from every non-speech set by itself beside those from all.")
    random_draws: int = Field(20, ge=0, description="Random sets of features at the chosen displacement, as a control.")
    max_tpr_loss: float = Field(0.02, ge=0, description="Most detected speech that may be lost by the chosen strength.")
    max_wer_rise: float = Field(0.02, ge=0, description="Most that WER may rise by it, as a share of words.")

    @model_validator(mode="after")
    def _sensible(self) -> Grid:
        if min([*self.k, *self.f1_k, 1]) < 1:
            raise ValueError("k counts features: 1 or more")
        if min([*self.alpha, *self.s_vector_alpha]) <= 0:
            raise ValueError("strengths are positive")
        return self


class Plan(Section):
    """A whole plan; paths of data sets are relative to its file."""

    non_speech: list[NonSpeech] = Field(min_length=1, description="Sets of sounds without speech.")
    speech: Speech = Field(description="Speech with transcripts in English.")
    shares: Shares = Field(default_factory=lambda: Shares())
    readings: Readings = Field(default_factory=lambda: Readings())
    grid: Grid = Field(default_factory=lambda: Grid())
    max_new_tokens: int = Field(224, ge=1, description="Longest transcript, in tokens.")
    batch: int = Field(6, ge=1, description="Conditions of one clip that run at once.")

    @model_validator(mode="after")
    def _names_differ(self) -> Plan:
        names = [one.name for one in self.non_speech] + [self.speech.name, "all"]
        if len(set(names)) < len(names):
            raise ValueError('every set needs a name of its own, and none may be called "all"')
        return self


def load_plan(path: Path) -> Plan:
    """The checked plan in `path`; ArdError naming each setting that cannot be used."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ArdError(
            "this plan cannot be read", path=path, todo="Name a TOML file; docs/hallucination.md has one."
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise ArdError(f"this plan is not valid TOML: {error}", path=path, todo="Correct that line.") from error
    try:
        return Plan.model_validate(raw)
    except ValidationError as error:
        lines = "\n".join(f"  {'.'.join(str(p) for p in one['loc']) or 'plan'}: {one['msg']}" for one in error.errors())
        raise ArdError(
            f"this plan has {error.error_count()} value(s) that cannot be used:\n{lines}\n", path=path,
            todo="Correct them and run the command again.",
        ) from error  # fmt: skip
