"""Similarity of features to a text, with the answer written out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from backend.describe.cache import VectorCache
from backend.describe.embedders.base import Embedder, Vectors
from backend.describe.text_search import HeardClips, best, text_vector
from backend.errors import ArdError
from backend.store.clip_key import clip_key
from backend.store.clips import Clip, ClipTable, write
from builders.toy_embedder import ToyEmbedder

EAST, NORTH = np.array([1.0, 0.0], np.float32), np.array([0.0, 1.0], np.float32)


def heard(place: list[list[int]], *vectors: np.ndarray) -> HeardClips:
    return HeardClips(np.array(place), np.stack(vectors))


def test_similarity_is_the_mean_cosine_of_the_clips_of_h() -> None:
    found = heard([[0, 0], [0, 1], [1, 1]], EAST, NORTH).similarity(EAST)
    assert found.tolist() == [1.0, 0.5, 0.0]


def test_feature_of_unlike_clips_is_less_similar_than_their_mean_direction() -> None:
    """cos 45° = 0.707 is what the mean direction of north and east would have."""
    northeast = (EAST + NORTH) / np.sqrt(2)
    found = heard([[0, 1], [2, 2]], EAST, NORTH, northeast.astype(np.float32)).similarity(northeast)
    assert found == pytest.approx([np.sqrt(0.5), 1.0])
    assert heard([[0, 1]], EAST, NORTH).similarity(EAST) == pytest.approx([0.5])


def test_feature_without_p_clips_or_with_a_clip_without_embedding_has_no_similarity() -> None:
    found = heard([[0, -1], [-1, -1], [0, 1], [0, 0]], EAST, np.full(2, np.nan, np.float32)).similarity(EAST)
    assert np.isnan(found).tolist() == [True, True, True, False]
    assert best(found, 0).tolist() == [3]


def test_best_features_come_first_and_equal_ones_by_number() -> None:
    similarity = np.array([0.2, np.nan, 0.9, 0.2, -0.5])
    assert best(similarity, 0).tolist() == [2, 0, 3, 4]
    assert best(similarity, 2).tolist() == [2, 0]


def test_vectors_of_h_come_from_the_cache_by_the_clips_keys(tmp_path: Path) -> None:
    clips = [Clip(record=str(i), path=f"{i}.wav", hash=f"hash{i}", index=i, root="/r") for i in range(4)]
    write(tmp_path / "clips.h5", clips, [], ["/r"])
    table = ClipTable(tmp_path / "clips.h5")
    cache = VectorCache(tmp_path / "embeddings")
    cache.add([clip_key(table[3]), clip_key(table[0])], np.stack([NORTH, EAST]))
    found = HeardClips.of(np.array([[3, 0], [0, -1], [1, 3], [3, 3]]), table, cache).similarity(NORTH)
    assert found[[0, 3]].tolist() == [0.5, 1.0]
    assert np.isnan(found[[1, 2]]).all()


class Words(ToyEmbedder):
    def embed_texts(self, texts: list[str]) -> Vectors:
        return np.array([[3.0, 4.0, 0.0] if "dog" in text else [np.nan] * 3 for text in texts], np.float32)


def test_text_has_a_vector_of_unit_length_or_an_explanation() -> None:
    words: Embedder = Words()
    assert text_vector(words, "a dog") == pytest.approx([0.6, 0.8, 0.0])
    with pytest.raises(ArdError, match="no text to search for"):
        text_vector(words, "\n ")
    with pytest.raises(ArdError, match="finds nothing in the text 'xyz'"):
        text_vector(words, "xyz")
