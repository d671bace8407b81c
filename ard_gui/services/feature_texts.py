"""What is written about each feature, read once per SAE for the search and the tool tips; on the reader thread."""

from __future__ import annotations

from dataclasses import dataclass

from ard_gui.services.study_reading import OpenRanking
from ard_gui.state.text_search import TextSearch, folded
from backend.export import wording
from backend.store.concepts import STATUS

AT_ONCE = 4096
"""Features per step: some 0.1 s, so that a page that is asked for meanwhile does not wait longer."""


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
        self._texts = [""] * ranking.columns.rows
        self._explanations: dict[int, tuple[str, str]] = {}
        self._done = -1

    def step(self) -> FeatureTexts | TextReading:
        """Read a little; the texts when that was the last of it, else this reading."""
        found = self.ranking.concepts
        if self._done < 0:
            # Sorting by name is asked for more often than words are, and must not wait for them.
            if "name" in self.ranking.columns:
                self.ranking.columns.prepare("name")
            self._done = 0
        elif found is not None and self._done < len(found.features):
            self._read(self._done, min(self._done + AT_ONCE, len(found.features)))
        else:
            return FeatureTexts(self.ranking, TextSearch(self._texts), self._explanations)
        return self

    def _read(self, low: int, high: int) -> None:
        found = self.ranking.concepts
        assert found is not None
        numbers = zip(found.features[low:high].tolist(), found.status[low:high].tolist(), strict=True)
        for (feature, status), (name, told, captions) in zip(numbers, found.texts_between(low, high), strict=True):
            self._texts[feature] = folded(" ".join((name, told, *captions)))
            self._explanations[feature] = (told, wording.MEANING.get(STATUS[status], ""))
        self._done = high


def feature_texts(ranking: OpenRanking) -> FeatureTexts:
    """All texts of an SAE at once."""
    reading: FeatureTexts | TextReading = TextReading(ranking)
    while isinstance(reading, TextReading):
        reading = reading.step()
    return reading
