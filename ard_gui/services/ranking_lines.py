"""What the switcher says about each SAE of a study: small manifests, read on the reader thread."""

from __future__ import annotations

from dataclasses import dataclass

from backend.errors import ArdError
from backend.study.atomic import read_json
from backend.study.folder import Study

RAW = "raw-"


@dataclass(frozen=True)
class RankingLine:
    """One SAE, or a layer's raw units.

    Attributes
    ----------
    name : str
        Its id.
    layer : str
        "" where the manifest does not say.
    features : int
        D; −1 where the manifest does not say.
    """

    name: str
    layer: str = ""
    features: int = -1

    @property
    def text(self) -> str:
        """As the switcher shows it: layer, id, number of features."""
        kind = "units" if self.name.startswith(RAW) else "features"
        count = f"{self.features:,} {kind}" if self.features >= 0 else ""
        return " · ".join(part for part in (self.layer, self.name, count) if part)


def ranking_lines(study: Study, names: list[str]) -> list[RankingLine]:
    """A line per id; one whose manifest cannot be read has its id alone."""
    return [_line(study, name) for name in names]


def _line(study: Study, name: str) -> RankingLine:
    folder = study.features(name)
    try:
        manifest = read_json(folder / str(read_json(folder / "current.json")["manifest"]))
        return RankingLine(name, str(manifest["settings"]["layer"]), int(manifest["outputs"]["features"]))
    except (OSError, ArdError, KeyError, TypeError, ValueError):
        return RankingLine(name)
