"""Search by text: whose clips sound as a text says? (numpy; the embedder comes from the caller)

The similarity of a feature to a text is the mean, over the p clips of H, of the cosine between the text's embedding and
the clip's: high where *every* clip of H fits the text, and lower for a feature whose clips have little in common than
the cosine to their mean direction would be. Names play no part: they can be searched as text. Only the order of the
features means something; how large a cosine between text and sound gets depends on the embedder.

Measured with `mini` on the clips that ship, for 16 labels in each of five wordings ("the sound of a dog"): of the H
clips of the ten best features 18 % have the label by the mean of cosines and 16 % by the cosine to the mean; chance
3 %, at best 58 %. A bare word ("dog") finds nothing: that embedder has learnt from phrases.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backend.describe.cache import VectorCache
from backend.describe.embedders.base import Embedder
from backend.describe.embedders.windows import unit
from backend.errors import ArdError
from backend.store.clip_key import clip_key
from backend.store.clips import ClipTable

Int = npt.NDArray[np.int64]
Float = npt.NDArray[np.float64]


@dataclass(frozen=True)
class HeardClips:
    """The clips of H of all features of one ranking, and their vectors.

    Attributes
    ----------
    place : int array [D, p]
        Row of `vectors` of each clip of H; −1 where a feature has fewer clips.
    vectors : float32 array [n, d]
        Of unit length; NaN for a clip without an embedding.
    """

    place: Int
    vectors: npt.NDArray[np.float32]

    @classmethod
    def of(cls, high: Int, table: ClipTable, cache: VectorCache) -> HeardClips:
        """From H [D, p] (`RetrievalFile.most_clips`) and the cached vectors of the study's clips."""
        clips, place = np.unique(high, return_inverse=True)
        place = place.reshape(high.shape)
        if len(clips) and clips[0] < 0:
            clips, place = clips[1:], place - 1
        return cls(place.astype(np.int64), cache.take([clip_key(one) for one in table.rows(clips)]))

    def similarity(self, text: npt.NDArray[np.floating]) -> Float:
        """Mean cosine of each feature's clips of H with the text's vector [d], [D].

        NaN for a feature with fewer than p clips (insufficient, A-23) or with a clip that has no embedding.
        """
        if not len(self.vectors):
            return np.full(len(self.place), np.nan)
        cosine = self.vectors @ text.astype(np.float32)
        found = np.where(self.place >= 0, cosine[self.place], np.nan)
        return np.asarray(found.mean(axis=1), dtype=np.float64)


def text_vector(embedder: Embedder, text: str) -> Float:
    """Unit vector [d] of a text; ArdError if it is empty, or the embedder cannot embed it."""
    if not text.strip():
        raise ArdError("there is no text to search for", todo='Say what is heard, e.g. "a dog barking".')
    found: Float = unit(embedder.embed_texts([text]))[0]
    if not np.isfinite(found).all():
        raise ArdError(f"the embedder finds nothing in the text '{text}'", todo='Use words, e.g. "a dog barking".')
    return found


def best(similarity: Float, limit: int) -> Int:
    """Features by descending similarity, equal ones by number; at most `limit` (0 for all) and none that is NaN."""
    order = np.argsort(-similarity, kind="stable").astype(np.int64)
    order = order[np.isfinite(similarity[order])]
    return order[:limit] if limit else order
