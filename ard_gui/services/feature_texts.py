"""What is written about each feature, read once per SAE for the search and the tool tips; on the reader thread."""

from __future__ import annotations

from dataclasses import dataclass

from ard_gui.services.study_reading import OpenRanking
from ard_gui.state.text_search import TextSearch, folded
from backend.export import wording
from backend.store.concepts import STATUS

AT_ONCE = 1024
"""Features per step: some 0.02 s, so that a page that is asked for meanwhile does not wait longer."""


@dataclass(frozen=True)
class FeatureTexts:
    """Texts of the features of one SAE.

    Attributes
    ----------
    ranking : OpenRanking
        Of which they are.
    search : TextSearch
        Over names, explanations and captions.
    explanations : dict of int to (str, str)
        Description and what is wrong with the name ("" for nothing), of described features.
    """

    ranking: OpenRanking
    search: TextSearch
    explanations: dict[int, tuple[str, str]]


class TextReading:
    """Gathers the texts of an SAE step by step, for a reader that has other things to do between the steps."""

    def __init__(self, ranking: OpenRanking) -> None:
        self.ranking = ranking
        self._search = TextSearch(ranking.columns.rows)
        self._explanations: dict[int, tuple[str, str]] = {}
        self._done = 0

    def step(self) -> FeatureTexts | TextReading:
        """Read a little; the texts when that was the last of it, else this reading."""
        found = self.ranking.concepts
        # Sorting by name is asked for more often than words are, and must not wait for them.
        if self.ranking.prepare():
            return self
        if found is None or self._done >= len(found.features):
            return FeatureTexts(self.ranking, self._search, self._explanations)
        self._read(self._done, min(self._done + AT_ONCE, len(found.features)))
        return self

    def _read(self, low: int, high: int) -> None:
        found = self.ranking.concepts
        assert found is not None
        features, texts = found.features[low:high].tolist(), found.texts_between(low, high)
        self._search.add(features, [folded(" ".join((name, told, *captions))) for name, told, captions in texts])
        for feature, status, (_, told, _) in zip(features, found.status[low:high].tolist(), texts, strict=True):
            self._explanations[feature] = (told, wording.MEANING.get(STATUS[status], ""))
        self._done = high


def feature_texts(ranking: OpenRanking) -> FeatureTexts:
    """All texts of an SAE at once."""
    reading: FeatureTexts | TextReading = TextReading(ranking)
    while isinstance(reading, TextReading):
        reading = reading.step()
    return reading
