"""What the view Compare asks of a study; runs on the reader thread only."""

from __future__ import annotations

from dataclasses import dataclass

from ard_gui.state.pair_rows import columns_of
from backend.export.comparison import figures
from backend.export.shares import Share
from backend.store import comparison as store
from backend.store.columns import FeatureColumns
from backend.store.comparison import ComparisonFile, Side
from backend.store.features import feature_names
from backend.store.sae_metrics import Metric, metrics
from backend.study.folder import Study


@dataclass(frozen=True)
class ShownComparison:
    """Two SAEs of a study.

    Attributes
    ----------
    saes : tuple of str
        All finished SAEs of the study.
    a, b : str
        The two; "" where the study has fewer.
    metrics : tuple of Metric
    file : ComparisonFile or None
        None where nobody has compared the two as they are now.
    columns : dict
        "a" and "b" to the columns of their features; empty without a file.
    names : dict
        "a" and "b" to the names of their features; empty without a file.
    """

    saes: tuple[str, ...]
    a: str
    b: str
    metrics: tuple[Metric, ...]
    file: ComparisonFile | None
    columns: dict[str, FeatureColumns]
    names: dict[str, list[str]]


def read_comparison(study: Study, a: str, b: str) -> ShownComparison:
    """Everything about two SAEs; those that are not (or no longer) there are replaced by the first ones that are.

    Raises ArdError if a file is damaged.
    """
    saes = tuple(study.sae_ids())
    if a not in saes:
        a = next((one for one in saes if one != b), "")
    if b not in saes or b == a:
        b = next((one for one in saes if one != a), "")
    if not a or not b:
        return ShownComparison(saes, a, b, (), None, {}, {})
    lines = tuple(one for one in metrics(study, a, b) if any(value is not None for value in one.values))
    path = store.find(study, a, b)
    if path is None:
        return ShownComparison(saes, a, b, lines, None, {}, {})
    file = ComparisonFile(path)
    names = {"a": _names(study, file.a), "b": _names(study, file.b)}
    columns = {
        "a": columns_of(file.a, names["a"], names["b"]), "b": columns_of(file.b, names["b"], names["a"]),
    }  # fmt: skip
    for one in columns.values():
        for column in one:
            one.prepare(column)
    return ShownComparison(saes, a, b, lines, file, columns, names)


def _names(study: Study, side: Side) -> list[str]:
    if side.id not in study.feature_ids():
        return [""] * side.features
    return feature_names(study, side.id, side.features)


def summary(file: ComparisonFile) -> str:
    """What the comparison says about both SAEs, one sentence each."""
    return "\n".join(_sentence(file.side(one), one.upper(), other.upper()) for one, other in (("a", "b"), ("b", "a")))


def _sentence(side: Side, one: str, other: str) -> str:
    found = figures(side)
    text = f"{one}: {_share(found['partner'])} have a partner in {other}"
    if found["alive_partner"] is not None and found["alive"].count < found["alive"].n:
        text += f", and {_share(found['alive_partner'])} of those active on the clips"
    if found["mmcs"] is not None:
        text += f"; mean largest cosine {found['mmcs']:.3f}"
    return f"{text}."


def _share(share: Share) -> str:
    if not share.n:
        return "none of 0"
    low, high = share.interval
    return f"{share.count:,} of {share.n:,} ({share.value:.1%}, 95 %: {low:.1%} … {high:.1%})"


def further(one: Side, other: str, feature: int, names: list[str]) -> str:
    """The nearest features of one row, all that are kept, as text; `names` are those of the other SAE."""
    near = [
        f"{int(k)}{f' “{names[k]}”' if names[k] else ''} ({_measured(float(cosine), float(iou))})"
        for k, cosine, iou in zip(one.partner[feature], one.cosine[feature], one.iou[feature], strict=True)
        if k >= 0
    ]
    return f"Nearest to {feature} in {other}: {'; '.join(near)}." if near else f"{feature} has no direction to compare."


def _measured(cosine: float, iou: float) -> str:
    return f"cosine {cosine:.3f}" if iou != iou else f"cosine {cosine:.3f}, IoU {iou:.3f}"
