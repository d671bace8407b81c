"""All scores of all features of one retrieval file (A-27 to A-32; numpy only)."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from backend.describe.scores import coherence as of
from backend.describe.scores.groups import Groups, listed_clips
from backend.describe.scores.pair_pass import PairPass, why_not
from backend.describe.scores.ranking import against_control, rank
from backend.describe.scores.vectors import UnitVectors
from backend.errors import ArdError
from backend.store.retrieval import STATUS, RetrievalFile
from backend.store.scores import COLUMNS
from backend.study.settings import ScoresSection

Columns = dict[str, npt.NDArray[Any]]
Int = npt.NDArray[np.int64]
Float = npt.NDArray[np.float64]
FEATURES_AT_ONCE = 1024
MEMORY = 256 * 2**20


def monosemanticity(
    file: RetrievalFile,
    vectors: npt.NDArray[Any],
    settings: ScoresSection,
    *,
    memory: int = MEMORY,
    check_stop: Callable[[], None] = lambda: None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[Columns, dict[str, Any]]:
    """Every column of the scores file, and figures for the manifest.

    Parameters
    ----------
    vectors : float array [N, d]
        One embedding per row of the clip table; NaN or zeros where a clip has none.
    memory : int
        Bytes for gathered vectors and blocks of pairs; the lists of all features come on top.
    progress : callable
        Told how many features of how many are done; the two parts count all features once each.

    Returns
    -------
    columns : dict of array [D]
        As `COLUMNS` of the scores file. var_h and var_l are σ_H² and σ_L² as `sigma` reads them. The spread over
        re-draws is that of m, with ddof = 1; m_control is the floored score of the control. A feature with fewer
        than p clips in H or in L, or with one there that has no embedding, has NaN in all columns that need H and
        rank −1; e_l_expected and weighted do not need H. They leave out clips without an embedding.
    figures : dict
        features = valid + insufficient + dead + without_embedding; degenerate; clips_without_embedding; ranked_by and
        `against_control` for it; redraws, redraw_sd_median, redraws_used (the most of any feature), fewer_redraws
        (features), not_decided_by_ties; without_pair_pass: why e_l_expected and weighted are missing, else "";
        group_seconds and pair_seconds.

    Raises ArdError if p makes no pairs or there is not one embedding per clip, and what `check_stop` raises.
    """
    of.check_group_size(int(file.settings["p"]), settings.sigma, settings.ddof)
    units = UnitVectors(vectors)
    if len(units) != file.clips:
        raise ArdError(
            f"there are {len(units)} embeddings for the {file.clips} clips of the retrieval file", path=file.path,
            todo="Embed the clips again: ard describe",
        )  # fmt: skip
    reason = why_not(file)
    total = file.features * (1 if reason else 2)
    began = time.monotonic()
    scores = _GroupScores(Groups(file, units.known, redraws=settings.redraws, seed=settings.control_seed), units)
    scores.run(settings, memory, check_stop, lambda done: progress(done, total))
    grouped = time.monotonic() - began
    began = time.monotonic()
    listed = listed_clips(file)
    columns = scores.columns
    if not reason:
        found = PairPass(file, units, listed & units.known, memory=memory)
        found.run(check_stop, lambda done: progress(file.features + done, total))
        columns["e_l_expected"], columns["weighted"] = found.e_l_expected, found.weighted
        columns["m_expected"] = of.floored_score(
            columns["e_h"], columns["e_l_expected"], columns["sigma"], settings.floor
        )
    paired = time.monotonic() - began
    figures = {
        **_counts(scores.groups, file.table()["status"]),
        "degenerate": int(columns["degenerate"].sum()),
        "clips_without_embedding": int((listed & ~units.known).sum()),
        **scores.figures(settings),
        "without_pair_pass": reason,
        "group_seconds": round(grouped, 3),
        "pair_seconds": round(paired, 3),
    }
    return columns, figures


class _GroupScores:
    """The scores of groups of p clips: everything but the pass over the pair table."""

    def __init__(self, groups: Groups, units: UnitVectors) -> None:
        self.groups, self.units = groups, units
        count = len(groups.high)
        self.columns: Columns = {name: np.full(count, np.nan) for name, dtype in COLUMNS.items() if dtype == "f8"}
        self.columns["degenerate"] = np.zeros(count, dtype=bool)
        self._control = np.full(count, np.nan)
        self._draws = np.zeros(count, np.int64)

    def run(
        self, settings: ScoresSection, memory: int, check_stop: Callable[[], None], progress: Callable[[int], None]
    ) -> None:
        count = len(self.groups.high)
        for low in range(0, count, FEATURES_AT_ONCE):
            check_stop()
            high = min(count, low + FEATURES_AT_ONCE)
            features = low + np.flatnonzero(self.groups.embedded[low:high])
            if len(features):
                self._score(features, settings, memory)
            progress(high)
        by = "m" if settings.rank_by == "floored" else "m_epsilon"
        self.columns["rank"] = rank(self.columns[by])

    def _score(self, features: Int, settings: ScoresSection, memory: int) -> None:
        """Fill the rows of complete features."""

        def measured(groups: Int) -> tuple[Float, Float]:
            return of.of_groups(self.units, groups, sigma=settings.sigma, ddof=settings.ddof, memory=memory)

        e_h, var_h = measured(self.groups.high[features])
        e_l, var_l = measured(self.groups.low[features])
        sigma = of.pooled(var_h, var_l)
        found = {
            "e_h": e_h, "e_l": e_l, "var_h": var_h, "var_l": var_l, "sigma": sigma,
            "m": of.floored_score(e_h, e_l, sigma, settings.floor),
            "m_epsilon": of.epsilon_score(e_h, e_l, sigma, settings.epsilon),
            "degenerate": of.degenerate(sigma),
        }  # fmt: skip
        e_c, var_c = measured(self.groups.control(features))
        sigma_c = of.pooled(var_c, var_l)
        found["m_control"] = of.floored_score(e_c, e_l, sigma_c, settings.floor)
        floored = settings.rank_by == "floored"
        self._control[features] = (
            found["m_control"] if floored else of.epsilon_score(e_c, e_l, sigma_c, settings.epsilon)
        )
        for name, values in found.items():
            self.columns[name][features] = values
        if settings.redraws:
            self._redraw(features, settings, memory)

    def _redraw(self, features: Int, settings: ScoresSection, memory: int) -> None:
        """Mean and standard deviation (ddof = 1) of m over draws of L (A-24)."""
        decided = self.groups.decided[features]
        self.columns["m_redraw_mean"][features[decided]] = self.columns["m"][features[decided]]
        self.columns["m_redraw_sd"][features[decided]] = 0.0
        features = features[~decided]
        step = max(1, memory // (8 * 16 * settings.redraws * self.groups.p))
        for low in range(0, len(features), step):
            some = features[low : low + step]
            draws = self.groups.draws(some)
            usable = draws[..., 0] >= 0
            row, _ = np.nonzero(usable)
            e, variance = of.of_groups(
                self.units, draws[usable], sigma=settings.sigma, ddof=settings.ddof, memory=memory
            )
            sigma = of.pooled(self.columns["var_h"][some][row], variance)
            m = np.full(usable.shape, np.nan)
            m[usable] = of.floored_score(self.columns["e_h"][some][row], e, sigma, settings.floor)
            self._draws[some] = usable.sum(axis=1)
            enough = self._draws[some] >= 2
            self.columns["m_redraw_mean"][some[enough]] = np.nanmean(m[enough], axis=1)
            self.columns["m_redraw_sd"][some[enough]] = np.nanstd(m[enough], axis=1, ddof=1)

    def figures(self, settings: ScoresSection) -> dict[str, Any]:
        by = "m" if settings.rank_by == "floored" else "m_epsilon"
        open_ = self.groups.embedded & ~self.groups.decided
        return {
            "ranked_by": by,
            **against_control(self.columns[by], self._control, settings.top),
            "redraws": settings.redraws,
            "redraw_sd_median": _median(self.columns["m_redraw_sd"]),
            "redraws_used": int(self._draws.max(initial=0)),
            "fewer_redraws": int((self._draws[open_] < settings.redraws).sum()),
            "not_decided_by_ties": int((self.groups.embedded & self.groups.decided).sum()),
        }


def _median(values: Float) -> float | None:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else None


def _counts(groups: Groups, status: npt.NDArray[Any]) -> dict[str, int]:
    """Features by what became of them."""
    dead = ~groups.complete & (status == STATUS.index("dead"))
    return {
        "features": len(status),
        "valid": int(groups.embedded.sum()),
        "insufficient": int((~groups.complete & ~dead).sum()),
        "dead": int(dead.sum()),
        "without_embedding": int((groups.complete & ~groups.embedded).sum()),
    }
