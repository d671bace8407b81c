"""Train projector, decoder and embeddings of the built-in model on what the frozen tower made of the examples."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from backend.builtin.attention import grouped_attention
from backend.builtin.batches import Batches, Dialogues, Encoded, Scale, plain_batches
from backend.builtin.heads import Classes, Heads
from backend.builtin.prompts import Prompts
from backend.builtin.trainer import Trainer, TrainSettings
from backend.jobs.job import Job
from backend.streams.prefetch import Prefetched
from backend.study.fingerprint import fingerprint
from backend.targets.load import choose_device
from backend.train import checkpoint
from backend.train.log import MetricsLog, finite

SETTLING_STEPS, MEASURED_STEPS = 5, 30
"""Steps that are not timed, and steps after them whose mean decides how many fit into the minutes."""

LOG_EVERY = 20
CHECKPOINT = "checkpoint.safetensors"


@dataclass(frozen=True)
class Material:
    """What is trained on.

    Attributes
    ----------
    train, validation : sequence of Encoded
    dialogues : callable
        A function of example and epoch alone. Validation asks what epoch 0 asks.
    version : str
        Changes with `dialogues`, so that a checkpoint made with other questions is not continued.
    """

    train: Sequence[Encoded]
    validation: Sequence[Encoded]
    dialogues: Dialogues
    version: str = ""


@dataclass(frozen=True)
class Trained:
    """How training went.

    Attributes
    ----------
    steps, epochs, seconds : int, float, float
        Of the whole training, over all its interruptions.
    best_step : int
        Whose weights were kept.
    validation : dict
        `Trainer.validate` of the kept weights.
    """

    steps: int
    epochs: float
    seconds: float
    best_step: int
    validation: dict[str, float]


def train(
    model: Any, processor: Any, material: Material, settings: TrainSettings, *, folder: Path, job: Job
) -> Trained:
    """Train `model` in place, going on from the checkpoint in `folder` if that belongs to the same training.

    At the end the model has its last weights, unless those of its best validation (most whole answers right) are
    clearly better. `folder` holds the checkpoint and `metrics.jsonl`; a training that was finished before is only
    loaded.

    Raises
    ------
    ArdError
        A loss or gradient that is not finite, a full disk. Stopped if the user asked for it, after a checkpoint.
    """
    run = _Run(model, Prompts(processor), material, settings, folder, job)
    on_cpu = run.trainer.device.type == "cpu"
    with standardised(model, run.scale), grouped_attention(model) if on_cpu else nullcontext():
        trained = run.to_the_end()
    model.requires_grad_(False).eval().to("cpu")
    return trained


@contextmanager
def standardised(model: Any, scale: Scale) -> Iterator[None]:
    """Inside, the projector takes features of mean 0 and deviation 1; outside, as the tower gives them."""
    linear = model.model.multi_modal_projector.linear
    mean, deviation = torch.from_numpy(scale.mean), torch.from_numpy(scale.deviation)
    with torch.no_grad():
        linear.bias += linear.weight @ mean.to(linear.weight.device)
        linear.weight *= deviation.to(linear.weight.device)
    try:
        yield
    finally:
        with torch.no_grad():
            linear.weight /= deviation.to(linear.weight.device)
            linear.bias -= linear.weight @ mean.to(linear.weight.device)


@dataclass
class _Progress:
    """What a checkpoint knows beside tensors.

    Attributes
    ----------
    steps : int or None
        Of the whole training; None until the plan is made.
    losses, losses_of : float, int
        Sum of the training losses since the last line of the log, and their number.
    worse : int
        Validations since the best one.
    """

    steps: int | None
    seconds: float = 0.0
    best_step: int = 0
    validation: dict[str, float] = field(default_factory=dict)
    worse: int = 0
    losses: float = 0.0
    losses_of: int = 0
    finished: bool = False


class _Run:
    """One training from its first or next step to its last."""

    def __init__(
        self, model: Any, prompts: Prompts, material: Material, settings: TrainSettings, folder: Path, job: Job
    ) -> None:
        self.settings, self.folder, self.job = settings, folder, job
        self.fingerprint = _fingerprint(model, prompts, material, settings)
        self.scale = Scale.of(material.train)
        classes = Classes(member.example.facts for member in material.train) if settings.heads else None
        self.batches = Batches(
            material.train, prompts, material.dialogues, self.scale,
            size=settings.batch, disturbance=settings.disturbance, seed=settings.seed, classes=classes,
        )  # fmt: skip
        self.validation = list(
            plain_batches(material.validation, prompts, material.dialogues, self.scale, size=settings.batch)
        )
        device = choose_device(settings.device)
        heads = None if not classes else Heads(classes, model.config.text_config.hidden_size, settings.seed)
        self.trainer = Trainer(model.to(device), settings, device, heads)
        self.progress = _Progress(steps=self._at_most(settings.steps) if settings.steps else None)
        self.best: dict[str, Tensor] = {}
        self._timed: list[float] = []

    def to_the_end(self) -> Trained:
        self._resume()
        if not self.progress.finished:
            self._train()
        progress, step = self.progress, self.trainer.step_number
        self._keep()
        return Trained(
            step, step / self.batches.per_epoch, progress.seconds, progress.best_step, progress.validation
        )  # fmt: skip

    def _keep(self) -> None:
        """Give the model its final weights: the last ones, or those of the best validation where that is better by more
        than a standard error or the training was ended early.

        The best of a dozen validations is partly the luckiest, and the last weights have had the falling learning
        rate to the end.
        """
        progress = self.progress
        if progress.steps == self.trainer.step_number:
            last = self.trainer.validate(self.validation)
            best = progress.validation["answer_accuracy"]
            if best - last["answer_accuracy"] <= math.sqrt(best * (1 - best) / max(1, last["answers"])):
                progress.best_step, progress.validation = progress.steps, last
                return
        self.trainer.set_weights(self.best)

    def _train(self) -> None:
        self.log = MetricsLog(self.folder / "metrics.jsonl", from_step=self.trainer.step_number)
        self.job.begin_progress("steps", already_done=self.trainer.step_number)
        ahead = Prefetched(self.batches, first=self.trainer.step_number)
        clock = time.perf_counter()
        try:
            while not self.progress.finished:
                step = self.trainer.step_number
                self.progress.losses += self.trainer.step(
                    next(ahead), self.settings.lr_at(step, self.progress.steps)
                )  # fmt: skip
                self.progress.losses_of += 1
                clock, before = time.perf_counter(), clock
                self.progress.seconds += clock - before
                self._timed.append(clock - before)
                self._after_step()
                # validations and checkpoints count as time, but not as a step's
                clock, before = time.perf_counter(), clock
                self.progress.seconds += clock - before
        finally:
            ahead.close()
            self.log.close()

    def _after_step(self) -> None:
        step = self.trainer.step_number
        if self.progress.steps is None and len(self._timed) == SETTLING_STEPS + MEASURED_STEPS:
            self._plan()
        last = step == self.progress.steps
        if last or step % self.settings.validate_every == 0:
            self._validate()
        elif step % LOG_EVERY == 0:
            self._write_line({})
        tired = 0 < self.settings.patience <= self.progress.worse
        self.progress.finished = last or tired
        stop = self.job.stop_requested()
        if self.progress.finished or stop or step % self.settings.validate_every == 0:
            self._save()
        if self.progress.steps is not None:
            self.job.progress(step, self.progress.steps)
        if stop and not self.progress.finished:
            self.job.check_stop()

    def _plan(self) -> None:
        """Decide how many steps fit into the minutes, from the time of a step and of a validation."""
        began = time.perf_counter()
        self._validate()
        validation = time.perf_counter() - began
        step = sum(self._timed[SETTLING_STEPS:]) / MEASURED_STEPS
        left = 60 * self.settings.minutes - self.progress.seconds - 2 * validation
        more = int(left / (step + validation / self.settings.validate_every))
        self.progress.steps = self._at_most(self.trainer.step_number + max(1, more))
        self.job.message(
            f"{step:.2f} s a step: {self.progress.steps} steps, "
            f"{self.progress.steps / self.batches.per_epoch:.1f} times through {len(self.batches.members)} examples"
        )

    def _at_most(self, steps: int) -> int:
        """`steps`, or what the largest number of epochs allows; at least one more than are done."""
        epochs = self.settings.most_epochs
        most = steps if epochs is None else min(steps, round(epochs * self.batches.per_epoch))
        return max(most, self.trainer.step_number + 1)

    def _validate(self) -> None:
        values = self.trainer.validate(self.validation)
        progress = self.progress
        progress.worse += 1
        if not self.best or _merit(values) > _merit(progress.validation):
            self.best = self.trainer.weights()
            progress.best_step, progress.validation, progress.worse = self.trainer.step_number, values, 0
        self._write_line({"validation_loss" if name == "loss" else name: value for name, value in values.items()})

    def _write_line(self, values: dict[str, float]) -> None:
        progress, step = self.progress, self.trainer.step_number
        line = {
            "loss": progress.losses / max(1, progress.losses_of),
            "lr": self.settings.lr_at(step - 1, progress.steps),
            "epoch": step / self.batches.per_epoch,
            "seconds": round(progress.seconds, 1),
            **values,
        }
        progress.losses, progress.losses_of = 0.0, 0
        self.log.write({"step": step, **finite(line)})
        self.job.metric(step, line)

    def _save(self) -> None:
        tensors = self.trainer.state_dict() | {f"best.{name}": tensor for name, tensor in self.best.items()}
        checkpoint.save(
            self.folder / CHECKPOINT, tensors, fingerprint=self.fingerprint, progress=asdict(self.progress)
        )  # fmt: skip

    def _resume(self) -> None:
        loaded = checkpoint.load(self.folder / CHECKPOINT)
        if loaded is None or loaded[1].get("fingerprint") != self.fingerprint:
            return
        state, values = loaded
        self.trainer.load_state_dict(state)
        self.best = {name.removeprefix("best."): t for name, t in state.items() if name.startswith("best.")}
        self.progress = _Progress(**values["progress"])


def _merit(values: dict[str, float]) -> tuple[float, float]:
    """Whole answers right; the loss only decides among equals, for towards the end it grows with the model's
    confidence while its answers still improve."""
    return values["answer_accuracy"], -values["loss"]


def _fingerprint(model: Any, prompts: Prompts, material: Material, settings: TrainSettings) -> str:
    """Of everything that decides the result."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode() + tensor.cpu().numpy().tobytes())
    examples = [[asdict(one.example), one.key] for one in (*material.train, *material.validation)]
    return fingerprint([digest.hexdigest(), prompts.fingerprint, examples, material.version, asdict(settings)])
