"""What the model still says when an SAE's reconstruction stands in its residual stream (A-19, A-49)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import torch

from backend.errors import ArdError
from backend.export.shares import wilson
from backend.jobs.job import Job
from backend.sae.base import Sae
from backend.targets.base import Target, Wave


@dataclass(frozen=True)
class SplicedAnswer:
    """One clip's greedy answers, and what the original answer costs under both conditions.

    Attributes
    ----------
    loss_original, loss_reconstructed : float
        Mean negative log-likelihood per token of the *original* answer, in nats.
    """

    clip: str
    question: str
    original: str
    reconstructed: str
    loss_original: float
    loss_reconstructed: float


@dataclass(frozen=True)
class SpliceReport:
    """Answers of many clips under the original and the reconstructed condition."""

    answers: tuple[SplicedAnswer, ...]

    @property
    def unchanged(self) -> float:
        """Share of clips whose answer is the same text."""
        return sum(one.original == one.reconstructed for one in self.answers) / len(self.answers)

    def interval(self) -> tuple[float, float]:
        """95 % Wilson interval of `unchanged`."""
        return wilson(sum(one.original == one.reconstructed for one in self.answers), len(self.answers))

    def losses(self) -> tuple[float, float]:
        """Mean of `loss_original` and of `loss_reconstructed` over the clips."""
        n = len(self.answers)
        return sum(a.loss_original for a in self.answers) / n, sum(a.loss_reconstructed for a in self.answers) / n

    def as_json(self) -> dict[str, Any]:
        low, high = self.interval()
        original, reconstructed = self.losses()
        return {
            "clips": len(self.answers), "unchanged": self.unchanged, "interval": [low, high],
            "loss_original": original, "loss_reconstructed": reconstructed,
            "answers": [asdict(one) for one in self.answers],
        }  # fmt: skip


def splice(
    target: Target,
    sae: Sae,
    layer: str,
    asked: Iterable[tuple[str, Wave, str]],
    *,
    max_new_tokens: int,
    job: Job,
    total: int,
) -> SpliceReport:
    """Ask every question twice: of the model as it is, and with x̂ for x at the positions the SAE was trained on.

    No override and no error term: this is the "reconstructed" condition that every steering result is compared with.

    Parameters
    ----------
    asked : iterable of (clip name, mono float32 samples, question)
        The question is empty for a transcription.
    total : int
        Length of `asked`, for the progress.

    Raises ArdError if nothing was asked, or the model cannot answer; Stopped between clips.
    """
    answers: list[SplicedAnswer] = []
    device = sae.W_dec.device

    @torch.no_grad()
    def replace(x: torch.Tensor) -> torch.Tensor:
        return sae.reconstruct(x.to(device).float()).to(x.device)

    job.begin_progress("clips")
    for name, wave, question in asked:
        job.check_stop()
        original = target.generate(wave, question, max_new_tokens)
        loss = target.answer_loss(wave, question, original)
        with target.spliced(layer, len(wave), replace):
            reconstructed = target.generate(wave, question, max_new_tokens)
            spliced_loss = target.answer_loss(wave, question, original)
        answers.append(SplicedAnswer(name, question, original, reconstructed, loss, spliced_loss))
        job.progress(len(answers), total)
    if not answers:
        raise ArdError("no clip was asked anything", todo="Ask for at least one clip.")
    return SpliceReport(tuple(answers))
