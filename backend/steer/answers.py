"""Answers to one prefix, written token by token: greedy, or drawn with a seed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from backend.errors import ArdError
from backend.targets.prefix import Continuation, Prefix

TOP = 5
LONGEST = 4096
HOTTEST = 5.0


@dataclass(frozen=True)
class Sampling:
    """How answers are written.

    Attributes
    ----------
    max_new_tokens : int
    temperature : float
        0 is greedy (A-54).
    seed : int
        Of the draws; rows and conditions share them, so that a difference is not chance.
    """

    max_new_tokens: int = 64
    temperature: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not 1 <= self.max_new_tokens <= LONGEST:
            raise ArdError(f"an answer cannot have at most {self.max_new_tokens} tokens", todo=f"Use 1 to {LONGEST}.")
        if not 0 <= self.temperature <= HOTTEST:
            raise ArdError(f"a temperature of {self.temperature} makes no sense", todo=f"Use 0 to {HOTTEST:g}.")


@dataclass(frozen=True)
class Token:
    """One token of an answer.

    Attributes
    ----------
    probability : float
        Under the model's generation settings, at temperature 1.
    top : tuple of (str, float)
        The most probable tokens there and their probabilities, the first first.
    """

    id: int
    text: str
    probability: float
    top: tuple[tuple[str, float], ...]


@dataclass
class Answer:
    """One answer.

    Attributes
    ----------
    tokens : list of Token
        Without the one that ends it.
    text : str
        As `Target.generate` gives it.
    ended : bool
        False if it was cut at its longest.
    """

    tokens: list[Token] = field(default_factory=list)
    text: str = ""
    ended: bool = False

    @property
    def ids(self) -> list[int]:
        return [token.id for token in self.tokens]


OnToken = Callable[[int, Token], None]


def write(
    prefix: Prefix,
    continuation: Continuation,
    sampling: Sampling,
    *,
    on_token: OnToken = lambda row, token: None,
    check: Callable[[], None] = lambda: None,
    on_keep: Callable[[Tensor], None] = lambda rows: None,
    top: int = TOP,
) -> list[Answer]:
    """Answers of all rows of a continuation.

    Parameters
    ----------
    on_token : function of row and Token
        Called as each token is chosen.
    check : function
        Called between steps; may raise Stopped.
    on_keep : function of int64 tensor
        Told the rows, counted among those that still run, that go on when others have ended.
    top : int
        Tokens whose probabilities are reported at each position; 0 reports none.
    """
    rows = len(continuation.logits)
    answers = [Answer() for _ in range(rows)]
    running = list(range(rows))
    written = torch.zeros(rows, 0, dtype=torch.int64, device=continuation.logits.device)
    draws = torch.Generator().manual_seed(sampling.seed)
    limit = min(sampling.max_new_tokens, prefix.longest)
    for step in range(limit):
        check()
        scores = prefix.processed(written, continuation.logits)
        chosen = _chosen(scores, sampling, draws)
        tokens = _tokens(prefix, scores, chosen, top)
        for row, token in zip(running, tokens, strict=True):
            _take(prefix, answers[row], row, token, on_token)
        written = torch.cat([written, chosen[:, None]], dim=1)
        going = [i for i, row in enumerate(running) if not answers[row].ended]
        if not going or step == limit - 1:
            break
        if len(going) <= len(running) // 2:
            kept = torch.tensor(going, device=written.device)
            continuation.keep(kept)
            on_keep(kept)
            written, chosen, running = written[kept], chosen[kept], [running[i] for i in going]
        continuation.extend(chosen)
    for answer in answers:
        answer.text = prefix.text(answer.ids)
    return answers


def _take(prefix: Prefix, answer: Answer, row: int, token: Token, on_token: OnToken) -> None:
    if answer.ended:
        return
    if token.id in prefix.ends:
        answer.ended = True
        return
    answer.tokens.append(token)
    on_token(row, token)


def _chosen(scores: Tensor, sampling: Sampling, draws: torch.Generator) -> Tensor:
    """The next token of each row, int64 [B]."""
    if sampling.temperature == 0:
        return scores.argmax(dim=-1)
    order = torch.sort(scores / sampling.temperature, dim=-1, descending=True)
    reached = torch.softmax(order.values.float(), dim=-1).cumsum(dim=-1)
    u = float(torch.rand(1, generator=draws)) * reached[:, -1:]
    place = (reached < u).sum(dim=-1).clamp(max=scores.shape[-1] - 1)
    return order.indices.gather(1, place[:, None])[:, 0]


def _tokens(prefix: Prefix, scores: Tensor, chosen: Tensor, top: int) -> Sequence[Token]:
    probabilities = torch.softmax(scores.float(), dim=-1)
    mine = probabilities.gather(1, chosen[:, None])[:, 0].tolist()
    best = torch.topk(probabilities, min(top, scores.shape[-1]), dim=-1)
    found = []
    for row, token in enumerate(chosen.tolist()):
        pairs = zip(best.indices[row].tolist(), best.values[row].tolist(), strict=True)
        shown = tuple((prefix.token_text(other), share) for other, share in pairs)
        found.append(Token(token, prefix.token_text(token) if top else "", mine[row], shown))
    return found


def kl_divergence(original: Tensor, other: Tensor) -> Tensor:
    """KL(p_original ‖ p_other) in nats along the last dimension, from logits of equal shape."""
    p, q = torch.log_softmax(original.double(), dim=-1), torch.log_softmax(other.double(), dim=-1)
    terms = torch.where(p > -torch.inf, p.exp() * (p - q), torch.zeros_like(p))
    return terms.sum(dim=-1)
