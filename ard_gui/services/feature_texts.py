"""What is written about each feature, read once per SAE for the search and the tool tips; on the reader thread."""

from __future__ import annotations

from dataclasses import dataclass

from ard_gui.services.study_reading import OpenRanking
from ard_gui.state.text_search import TextSearch
from backend.export import wording


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


def feature_texts(ranking: OpenRanking) -> FeatureTexts:
    """Gather the texts of every feature of an SAE."""
    total = len(next(iter(ranking.columns.values())))
    texts = [""] * total
    told: dict[int, tuple[str, str]] = {}
    for one in ranking.concepts:
        captions = dict.fromkeys(caption.text for caption in one.captions)
        texts[one.feature] = " ".join((one.short_name, one.description, *captions))
        told[one.feature] = (one.description, wording.MEANING.get(one.status, ""))
    return FeatureTexts(ranking, TextSearch(texts), told)
