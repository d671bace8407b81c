"""Training one SAE from an iterator's tensors: the trainer knows neither models nor files (A-13..A-17, S-12)."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from backend.errors import ArdError
from backend.sae.auxk import add_auxk
from backend.sae.base import Sae, build
from backend.sae.batchtopk import BatchTopK
from backend.sae.config import SaeConfig
from backend.sae.initial_bias import initial_bias
from backend.sae.metrics import Quality, Silence
from backend.sae.parallel import ALONE, World
from backend.sae.plan import DataStatistics, TrainPlan
from backend.sae.selective import SelectiveSae
from backend.sae.step import Gradients, Means


class SaeTrainer:
    """Trains one SAE, a batch at a time.

    Everything random happens when the SAE is built, from the config's seed; a step is a function of the
    state and the batch, on the CPU to the last bit at an equal number of threads.

    Parameters
    ----------
    config, plan : SaeConfig, TrainPlan
    device : torch.device
    statistics : DataStatistics
        Of the stream that will be fed.
    world : World
        The processes that share each batch; every one of them calls every method in the same order.
    """

    def __init__(
        self,
        config: SaeConfig,
        plan: TrainPlan,
        *,
        device: torch.device | str = "cpu",
        statistics: DataStatistics,
        world: World = ALONE,
    ) -> None:
        self.config, self.plan, self.world = config, plan, world
        self.device = torch.device(device)
        self.statistics = statistics
        self.sae: Sae = build(config).to(self.device)
        if config.input_scaling == "mean_sq_norm":
            if not statistics.mean_square_norm > 0:
                raise ArdError("the activations are all zero, there is nothing to train on")
            self.sae.input_factor = statistics.mean_square_norm**0.5
        self.step_number = 0
        self.tokens = 0
        self.silence = Silence(config.n_features, self.device)
        self._trained = {name: p for name, p in self.sae.named_parameters() if p.requires_grad}
        self._adam = torch.optim.Adam(
            list(self._trained.values()), lr=plan.lr, betas=plan.betas, eps=plan.eps, fused=True
        )
        self._means = Means(plan.matmul, plan.decode, world)
        self._quality = Quality(config.d, self.device)
        # Σ loss, Σ gradient norm, steps, all since the last call of `metrics`
        self._sums = torch.zeros(3, device=self.device)
        self._first_bad = torch.full((), -1, dtype=torch.int64, device=self.device)

    @torch.no_grad()
    def step(self, x: Tensor) -> None:
        """One update on x [n, d], this process's contiguous slice of the global batch, in rank order.

        Raises ArdError naming the step if the loss or a gradient is not finite: on the CPU at once, on
        other devices at the next `metrics`, `state_dict` or `finish`. That update is not applied.
        """
        if x.ndim != 2 or x.shape[1] != self.config.d:
            raise ArdError(f"this SAE reads activations of width {self.config.d}, not of shape {tuple(x.shape)}")
        scaled = self.sae.scale(x.to(self.device, non_blocking=True))[0]
        total = self.world.total(x.shape[0], self.device)
        if self.step_number == 0:
            self._start_bias(scaled)
        step = self.sae.gradients(scaled, total, self.step_number, self._means)
        self._add_auxk(step, scaled)
        self._combine(step)
        self._update(step)
        self.silence.add(step.fired, total)
        if isinstance(self.sae, BatchTopK):
            self.sae.update_threshold(step.smallest, self.step_number)
        self._quality.add(scaled, step.squared_error, step.l0)
        self.step_number += 1
        self.tokens += total

    def metrics(self) -> dict[str, float]:
        """Metrics over the steps since the last call, over all processes.

        `loss`, `grad_norm` (before clipping) are means over steps; `fvu`, `explained_variance`,
        `normalised_l2`, `l2`, `l0_mean`, `l0_max` as in `Quality` (l2 in scaled units); `dead_share` and `alive`
        with `dead_window`, the smaller of `dead_tokens` and all tokens so far; `lr` of the last update;
        `tokens` and `step` since the start.
        """
        self._check_finite()
        loss, norm, steps = self._sums.tolist()
        window = min(self.config.dead_tokens, self.tokens)
        values = {
            **self._quality.values(self.world),
            **self.silence.values(window),
            "lr": self.plan.lr_at(max(0, self.step_number - 1)),
            "tokens": float(self.tokens),
            "step": float(self.step_number),
        }
        if steps:
            values = {"loss": loss / steps, "grad_norm": norm / steps, **values}
        self._sums.zero_()
        self._quality.reset()
        return values

    def finish(self) -> Sae:
        """A copy of the trained SAE that works on raw activations: factor folded in, ready for inference."""
        self._check_finite()
        sae = copy.deepcopy(self.sae).eval()
        sae.fold_input_factor()
        return sae

    def state_dict(self) -> dict[str, Tensor]:
        """All state as flat tensors on the CPU, fit for one safetensors file (Rule 7)."""
        self._check_finite()
        state = {f"sae.{name}": t for name, t in self.sae.state_dict().items()}
        for name, parameter in self._trained.items():
            state |= {f"adam.{name}.{key}": t for key, t in self._adam.state[parameter].items()}
        state |= {
            "silence": self.silence.tokens_since,
            "quality": self._quality.sums,
            "l0_max": self._quality.l0_max,
            "sums": self._sums,
            "step": torch.tensor(self.step_number),
            "tokens": torch.tensor(self.tokens),
            "input_factor": torch.tensor(self.sae.input_factor, dtype=torch.float64),
        }
        return {name: t.detach().to("cpu", copy=True).contiguous() for name, t in state.items()}

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Go on from `state_dict`; ArdError if it belongs to another SAE."""
        try:
            self.sae.load_state_dict({n[4:]: t for n, t in state.items() if n.startswith("sae.")})
            for name, parameter in self._trained.items():
                prefix = f"adam.{name}."
                saved = {n[len(prefix) :]: t for n, t in state.items() if n.startswith(prefix)}
                self._adam.state[parameter] = {
                    key: t.to(self.device, copy=True) for key, t in saved.items()
                }  # fmt: skip
            self.silence.tokens_since.copy_(state["silence"])
            self._quality.sums.copy_(state["quality"])
            self._quality.l0_max.copy_(state["l0_max"])
            self._sums.copy_(state["sums"])
            self.step_number, self.tokens = int(state["step"]), int(state["tokens"])
            self.sae.input_factor = float(state["input_factor"])
        except (KeyError, RuntimeError) as error:
            raise ArdError(
                f"the checkpoint does not fit this SAE: {error}",
                todo="Remove the checkpoint folder to train from the start.",
            ) from error

    def _start_bias(self, scaled: Tensor) -> None:
        if self.config.bias_mode != "none":
            first = torch.cat(self.world.gather(scaled))
            self.sae.b_dec.copy_(initial_bias(first, self.config.bias_init))

    def _add_auxk(self, step: Gradients, scaled: Tensor) -> None:
        config = self.config
        if config.auxk_alpha == 0 or config.auxk_k == 0 or self.tokens < config.dead_tokens:
            return
        dead = self.silence.dead(config.dead_tokens)
        if dead.numel() and isinstance(self.sae, SelectiveSae):
            step.loss = step.loss + add_auxk(step, self.sae, scaled, dead, self._means)

    def _combine(self, step: Gradients) -> None:
        """Turn this process's share into the whole."""
        dots = [] if step.decoder_dots is None else [step.decoder_dots]
        self.world.sum(*(step.parameters[name] for name in self._trained), step.loss, step.fired, *dots)
        self.world.min(step.smallest)

    def _update(self, step: Gradients) -> None:
        unit = self.config.decoder_norm == "unit"
        if unit:
            remove_parallel(step.parameters["W_dec"], self.sae.W_dec, step.decoder_dots)
        norms = [torch.linalg.vector_norm(step.parameters[name]) for name in self._trained]
        norm = torch.linalg.vector_norm(torch.stack(norms))
        bad = ~(torch.isfinite(norm) & torch.isfinite(step.loss))
        self._first_bad = torch.where((self._first_bad < 0) & bad, self.step_number, self._first_bad)
        if self.device.type == "cpu":
            self._check_finite()
        for name, parameter in self._trained.items():
            parameter.grad = step.parameters[name]
        for group in self._adam.param_groups:
            group["lr"] = self.plan.lr_at(self.step_number)
        # the fused update divides the gradient by grad_scale and is skipped where found_inf is 1
        limit = self.plan.grad_clip
        self._adam.grad_scale = (norm / limit).clamp(min=1.0) if limit else torch.ones_like(norm)  # type: ignore[attr-defined]
        self._adam.found_inf = bad.to(norm.dtype)  # type: ignore[attr-defined]
        self._adam.step()
        self._adam.zero_grad(set_to_none=True)
        if unit:
            self.sae.W_dec.div_(torch.linalg.vector_norm(self.sae.W_dec, dim=1, keepdim=True))
        self._sums += torch.stack([step.loss, norm, torch.ones_like(norm)])

    def _check_finite(self) -> None:
        if int(self._first_bad) >= 0:
            raise ArdError(
                f"training {self.config.architecture} met a loss or gradient that is not a finite number "
                f"at step {int(self._first_bad)}",
                todo="Lower train.lr, keep train.outlier_factor on, and look for infinite activations (ard doctor).",
            )


def remove_parallel(gradient: Tensor, W_dec: Tensor, dots: Tensor | None) -> None:
    """Take from each row of `gradient` [D, d] its component along W_dec's unit row, in place (A-14)."""
    if dots is None:
        dots = (gradient * W_dec).sum(1)
    gradient.addcmul_(dots[:, None], W_dec, value=-1.0)
