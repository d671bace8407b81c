"""What has been embedded, captioned or named is on disk at once, survives a kill, and is recognised again."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backend.describe.cache import TextCache, VectorCache
from backend.errors import ArdError
from backend.store.clip_key import clip_key
from backend.store.clips import Clip

A, B = "0123456789abcdef", "fedcba9876543210"


def test_vectors_come_back_in_the_order_asked_for(tmp_path: Path) -> None:
    cache = VectorCache(tmp_path)
    cache.add([A], np.array([[1, 2]], np.float32))
    cache.add([B], np.array([[3, 4]], np.float32))
    again = VectorCache(tmp_path)
    assert A in again
    assert "0000000000000000" not in again
    np.testing.assert_array_equal(again.take([B, A]), [[3, 4], [1, 2]])


def test_unknown_key_gives_a_row_of_nan(tmp_path: Path) -> None:
    cache = VectorCache(tmp_path)
    cache.add([A], np.array([[1, 2]], np.float32))
    np.testing.assert_array_equal(cache.take([B, A]), [[np.nan, np.nan], [1, 2]])
    assert VectorCache(tmp_path / "empty").take([A]).shape == (1, 0)


def test_vectors_of_another_dimension_are_refused_with_the_file(tmp_path: Path) -> None:
    cache = VectorCache(tmp_path)
    cache.add([A], np.array([[1, 2]], np.float32))
    with pytest.raises(ArdError, match=r"3 dimensions stand beside others of 2.*part-00001"):
        cache.add([B], np.array([[1, 2, 3]], np.float32))


def test_damaged_part_is_named(tmp_path: Path) -> None:
    VectorCache(tmp_path).add([A], np.array([[1, 2]], np.float32))
    (tmp_path / "part-00000.h5").write_bytes(b"not HDF5")
    with pytest.raises(ArdError, match="part-00000"):
        VectorCache(tmp_path)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.dictionaries(st.text("0123456789abcdef", min_size=4), st.text(), min_size=1), cut=st.integers(0))
def test_texts_survive_being_cut_anywhere(tmp_path: Path, texts: dict[str, str], cut: int) -> None:
    path = tmp_path / "captions.jsonl"
    path.unlink(missing_ok=True)
    cache = TextCache(path)
    for key, text in texts.items():
        cache.add({key: text})
    assert dict(TextCache(path)) == texts
    data = path.read_bytes()
    path.write_bytes(data[: cut % (len(data) + 1)])
    left = TextCache(path)
    assert dict(left) == dict(list(texts.items())[: len(left)])
    left.add({key: text for key, text in texts.items() if key not in left})
    assert dict(TextCache(path)) == texts


def test_line_that_is_no_text_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "captions.jsonl"
    path.write_text('{"key": "a"}\n', encoding="utf-8")
    with pytest.raises(ArdError, match=r"stored texts are damaged.*captions.jsonl"):
        TextCache(path)


def test_clips_of_equal_sound_share_a_key_and_parts_of_a_file_do_not() -> None:
    one = Clip(record="a", path="a.wav", hash="h", start=0.0, end=1.0)
    assert clip_key(one) == clip_key(Clip(record="b", path="b.wav", hash="h", start=0.0, end=1.0))
    assert clip_key(one) != clip_key(Clip(record="a", path="a.wav", hash="h", start=1.0, end=2.0))
    assert clip_key(Clip(record="a", path="a.wav", hash="h")) != clip_key(one)
