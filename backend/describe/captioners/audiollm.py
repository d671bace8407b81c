"""Captions from an audio language model on this machine: Qwen2-Audio, SeaLLMs-Audio, or the built-in one (A-33)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import transformers

from backend.describe.captioners.base import CAPTIONERS, Captioner, Wave
from backend.errors import ArdError
from backend.extract.forward import is_out_of_memory
from backend.jobs.job import Job
from backend.store.clips import Clip
from backend.study.settings import ModelSection, Settings
from backend.targets.base import TARGETS, Target
from backend.targets.identity import identify
from backend.targets.load import load_target


@CAPTIONERS.register("audiollm")
class AudioLLMCaptioner(Captioner):
    """Greedy answers to the captioning prompt, many clips at once, each as it would be alone.

    Attributes
    ----------
    batch_clips : int
        Most clips at once; halved for good when the device runs out of memory.
    """

    def __init__(self, target: Target, section: ModelSection, settings: Settings, prompt: str) -> None:
        self.target = target
        self.section = section
        self.prompt = prompt
        self.max_new_tokens = settings.captions.max_new_tokens
        self.batch_clips = settings.captions.batch_clips
        self.sample_rate = target.sample_rate
        self.window_seconds = target.window_seconds
        self._job: Job | None = None

    @classmethod
    def load(cls, settings: Settings, prompt: str) -> Captioner:
        """Load `captions.model` with the study's precision and device, or the study's own model if it is empty."""
        section = captioning_model(settings)
        model_type = identify(section).model_type
        if not TARGETS.get(model_type).answers_prompts:
            raise ArdError(
                f"a model of the type '{model_type}' cannot be told to write captions",
                path=section.path,
                todo="Set captions.model to a Qwen2-Audio-class model, or use another captions.captioner.",
            )
        return cls(load_target(section), section, settings, prompt)

    def attach(self, job: Job) -> None:
        self._job = job

    def caption(self, clips: Sequence[Clip], waves: Sequence[Wave]) -> list[str]:
        """A caption per clip; "" for one too short for a single token of the model."""
        captions = [""] * len(waves)
        heard = [i for i, wave in enumerate(waves) if self.target.token_count(len(wave), "last") != 0]
        while heard:
            some = heard[: self.batch_clips]
            try:
                answers = self.target.generate_batch(
                    [waves[i] for i in some], [self.prompt] * len(some), self.max_new_tokens
                )
            except (torch.OutOfMemoryError, RuntimeError) as error:
                if not is_out_of_memory(error):
                    raise
                self._halve(error, len(some))
                continue
            for i, answer in zip(some, answers, strict=True):
                captions[i] = answer
            heard = heard[len(some) :]
        return captions

    def _halve(self, error: Exception, used: int) -> None:
        if used == 1:
            raise ArdError(
                "the device has too little memory to caption one clip",
                path=self.section.path,
                todo="Use a smaller model.dtype, a device with more memory, or the CPU.",
            ) from error
        self.batch_clips = used // 2
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        if self._job is not None:
            self._job.message(
                f"the device ran out of memory with {used} clips at once; going on with {self.batch_clips} "
                "(set captions.batch_clips lower to avoid this)",
                level="warning",
            )

    def identity(self) -> dict[str, Any]:
        told = self.target.describe()
        folder = Path(self.section.path).expanduser()
        return {
            "captioner": "audiollm",
            "model": folder.resolve().name if folder.is_dir() else self.section.path,
            **{key: told[key] for key in ("class", "fingerprint", "revision", "dtype") if key in told},
            "window_seconds": self.window_seconds,
            "max_new_tokens": self.max_new_tokens,
            "transformers": transformers.__version__,
        }


def captioning_model(settings: Settings) -> ModelSection:
    """The [model] section of the model that writes captions: the study's own, or `captions.model` in its place."""
    if not settings.captions.model:
        return settings.model
    values = settings.model.model_dump(include={"local_files_only", "dtype", "device"})
    return ModelSection(path=settings.captions.model, **values)
