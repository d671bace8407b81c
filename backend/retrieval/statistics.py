"""Additive statistics of every (feature, clip) pair, from which its score follows (A-21)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from backend.retrieval.score import ScoreName
from backend.sae.codes import SparseCodes

Float64 = npt.NDArray[np.float64]
Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class PairRun:
    """Statistics of the pairs of one run of tokens, by feature and then by clip, with the codes behind them.

    Attributes
    ----------
    start : int64 array [D+1]
        Pairs of feature k are start[k] … start[k+1].
    clip : int32 array [pairs]
        Clip table row.
    sum : float64 array [pairs]
        Σ z over the clip's tokens in this run.
    count : int32 array [pairs]
        Tokens with z > 0.
    max : float32 array [pairs]
        Largest z, at least 0.
    window_sum, window_count : arrays [pairs]
        The same of the clip's best window (A-22); equal to sum and count where there is no window.
    entries : int32 array [pairs]
        Codes of each pair; they follow one another in `token` and `value`.
    token : int32 array [codes]
        Token index inside the clip.
    value : float32 array [codes]
        z.
    """

    start: Int64
    clip: npt.NDArray[np.int32]
    sum: Float64
    count: npt.NDArray[np.int32]
    max: npt.NDArray[np.float32]
    window_sum: Float64
    window_count: npt.NDArray[np.int32]
    entries: npt.NDArray[np.int32]
    token: npt.NDArray[np.int32]
    value: npt.NDArray[np.float32]

    @property
    def features(self) -> int:
        return len(self.start) - 1


class CodeCollector:
    """Gathers the codes of several batches on their device until they are turned into one PairRun.

    Parameters
    ----------
    n_features : int
    window : int
        Length of the scoring window in tokens; 0 scores whole clips (A-22).
    score : ScoreName
        What the best window is best in.
    """

    BYTES_PER_CODE = 64
    """Peak bytes per collected code while they are sorted and reduced (measured: 44 to 60)."""

    def __init__(self, n_features: int, window: int = 0, score: ScoreName = "r") -> None:
        self.n_features, self.window, self.score = n_features, window, score
        self._parts: list[tuple[Tensor, Tensor, Tensor, Tensor]] = []
        self._rows: list[Int64] = []
        self.codes = 0
        self._clips = 0

    def add(self, codes: SparseCodes, clip: Int64, length: Int64, first: Int64 | None = None) -> None:
        """Add the codes of a run of whole clips.

        Parameters
        ----------
        clip : array [n]
            Clip table row of each clip, in the order of the tokens.
        length : array [n]
            Tokens of each clip; they add up to `codes.n_tokens`.
        first : array [n], optional
            Token index inside the clip of its first token here, for clips that come in pieces.
        """
        if int(length.sum()) != codes.n_tokens or codes.n_features != self.n_features:
            raise ValueError("clip lengths or features do not fit the codes")
        device = torch.device("cpu") if codes.value.device.type == "mps" else codes.value.device
        begin = np.cumsum(length) - length
        shift = begin if first is None else begin - first
        of_token = np.repeat(np.arange(len(clip), dtype=np.int32) + self._clips, length)
        in_clip = (np.arange(codes.n_tokens) - np.repeat(shift, length)).astype(np.int32)
        token = codes.token.to(device)
        self._parts.append(
            (
                codes.feature.to(device, torch.int32),
                torch.from_numpy(of_token).to(device)[token],
                torch.from_numpy(in_clip).to(device)[token],
                codes.value.to(device, torch.float32),
            )
        )
        self._rows.append(np.asarray(clip, dtype=np.int64))
        self._clips += len(clip)
        self.codes += len(token)

    def finish(self) -> PairRun:
        """The statistics of everything added since the last call.

        Codes arrive by token, hence by clip, so one stable sort by feature brings them into
        (feature, clip, token) order; sums run over each pair's codes in token order in float64.
        """
        if not self._parts:
            return _empty_run(self.n_features)
        feature, clip, token, value = (torch.cat(columns) for columns in zip(*self._parts, strict=True))
        rows = np.concatenate(self._rows)
        self._parts, self._rows, self.codes, self._clips = [], [], 0, 0
        if not len(feature):
            return _empty_run(self.n_features)
        feature, order = torch.sort(feature, stable=True)
        clip, token, value = clip[order], token[order], value[order]
        del order
        begins = torch.ones(len(feature), dtype=torch.bool, device=feature.device)
        begins[1:] = (feature[1:] != feature[:-1]) | (clip[1:] != clip[:-1])
        first = torch.nonzero(begins).squeeze(1)
        entries = torch.diff(first, append=first.new_tensor([len(feature)]))
        active = value > 0
        total = _segments(value.double(), entries, "sum")
        count = _segments(active.double(), entries, "sum")
        largest = _segments(value, entries, "max").clamp_min(0)
        per_feature = torch.bincount(feature[first], minlength=self.n_features)
        window_total, window_count = total, count
        if self.window:
            window_total, window_count = _best_window(token, value, first, entries, self.window, self.score)
        return PairRun(
            start=np.concatenate(([0], np.cumsum(_numpy(per_feature)))).astype(np.int64),
            clip=rows[_numpy(clip[first])].astype(np.int32),
            sum=_numpy(total),
            count=_numpy(count.int()),
            max=_numpy(largest.float()),
            window_sum=_numpy(window_total),
            window_count=_numpy(window_count.int()),
            entries=_numpy(entries.int()),
            token=_numpy(token),
            value=_numpy(value),
        )


def pair_statistics(codes: SparseCodes, clip: Int64, length: Int64, window: int = 0, score: ScoreName = "r") -> PairRun:
    """Statistics of one run of codes; `CodeCollector` for many."""
    collector = CodeCollector(codes.n_features, window, score)
    collector.add(codes, clip, length)
    return collector.finish()


def _segments(data: Tensor, lengths: Tensor, reduce: str) -> Tensor:
    return torch.segment_reduce(data, reduce, lengths=lengths, unsafe=True)


def _best_window(
    token: Tensor, value: Tensor, first: Tensor, entries: Tensor, window: int, score: ScoreName
) -> tuple[Tensor, Tensor]:
    """Sum and count of each pair's best window of `window` tokens (A-22).

    Only windows that begin at an active token need looking at: for z ≥ 0 any other contains no
    more than one of these. A clip shorter than the window is inside the window of its first active
    token. The first of equal windows is taken.
    """
    pair = torch.repeat_interleave(torch.arange(len(first), device=first.device), entries)
    span = int(token.max()) + window + 1
    place = pair * span + token
    end = torch.searchsorted(place, place + window)
    positions = torch.arange(len(place), device=place.device)
    running = torch.cat([value.new_zeros(1, dtype=torch.float64), torch.cumsum(value.double(), 0)])
    active = torch.cat([place.new_zeros(1), torch.cumsum((value > 0).long(), 0)])
    total, count = running[end] - running[positions], (active[end] - active[positions]).double()
    merit = {"r": total * count, "mean": total, "coverage": count}[score]
    best = _segments(merit, entries, "max")
    is_best = merit == best[pair]
    where = torch.where(is_best, positions, len(place))
    begin = _segments(where.double(), entries, "min").long()
    size = end[begin] - begin
    # the members are summed again one by one: differences of running sums depend on what came before
    member = torch.repeat_interleave(begin - (torch.cumsum(size, 0) - size), size)
    chosen = value[member + torch.arange(len(member), device=member.device)]
    return _segments(chosen.double(), size, "sum"), _segments((chosen > 0).double(), size, "sum")


def _numpy(tensor: Tensor) -> Any:
    return tensor.cpu().numpy()


def _empty_run(features: int) -> PairRun:
    none32, none = np.empty(0, np.int32), np.empty(0, np.float64)
    return PairRun(
        np.zeros(features + 1, np.int64), none32, none, none32, np.empty(0, np.float32),
        none, none32, none32, none32, np.empty(0, np.float32),
    )  # fmt: skip
