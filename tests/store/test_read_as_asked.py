"""The clip table and the concepts file give the same rows singly, several at once and whole; damage is explained."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from backend.audio.records import Unreadable
from backend.errors import ArdError
from backend.store import clips as clip_table
from backend.store import concepts as concepts_store
from backend.store import hdf
from backend.store.clips import Clip, ClipTable
from backend.store.concepts import ClipCaption, Concept, ConceptsFile, Detection

CLIPS = [
    Clip(f"r{i}", f"{i}.wav", caption="é 🐸" * (i % 3), labels={"kind": f"k{i}"}, hash=str(i), end=2.0,
         duration=1.0 + i, index=i, root="/sounds")
    for i in range(7)
]  # fmt: skip
CONCEPTS = [
    Concept(4, "ok", "rain", "It rains.", (ClipCaption(1, "rain on tin"), ClipCaption(2, "", "missing")),
            Detection(0.75, 8, 9, 0.5, 3, 0.8, 0.6)),
    Concept(0, "too long", "", "a long story"),
    Concept(2, "refused", "I cannot", ""),
]  # fmt: skip


@pytest.fixture
def table(tmp_path: Path) -> ClipTable:
    clip_table.write(tmp_path / "clips.h5", CLIPS, [(0, Unreadable("x.wav", "empty"))], ["/sounds"])
    return ClipTable(tmp_path / "clips.h5")


@pytest.fixture
def described(tmp_path: Path) -> ConceptsFile:
    concepts_store.write(tmp_path / "concepts.h5", CONCEPTS, {"namer": {"namer": "consensus"}})
    return ConceptsFile(tmp_path / "concepts.h5")


def test_rows_come_back_as_written_singly_and_in_any_order(table: ClipTable) -> None:
    assert [table[i] for i in range(7)] == CLIPS
    assert table.rows([5, 0, 5, 3]) == [CLIPS[5], CLIPS[0], CLIPS[5], CLIPS[3]]
    assert table.rows([]) == []
    assert len(table) == 7
    assert table.unreadable == [(0, Unreadable("x.wav", "empty"))]


def test_rows_are_the_same_after_columns_were_read_whole(table: ClipTable) -> None:
    assert table.text["caption"] == [one.caption for one in CLIPS]
    while table.read_ahead():
        pass
    assert table.rows([6, 1]) == [CLIPS[6], CLIPS[1]]
    assert table[2] == CLIPS[2]
    assert set(table.text) == set(clip_table.TEXT)


def test_many_single_reads_turn_into_reading_all(table: ClipTable, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clip_table, "SINGLE_READS", 15)
    assert [table[i] for i in range(7)] == CLIPS
    assert not table.read_ahead(), "every column is in memory"


def test_row_that_is_not_there_is_an_index_error(table: ClipTable) -> None:
    with pytest.raises(IndexError):
        table[7]
    with pytest.raises(KeyError):
        table.text["labels"]


def test_table_that_was_replaced_on_disk_is_read_to_its_end(table: ClipTable) -> None:
    table.path.unlink()
    assert table.rows([1, 2]) == CLIPS[1:3]


def test_closed_table_still_has_what_was_read(table: ClipTable) -> None:
    assert table.text["record"][3] == "r3"
    table.close()
    assert table.text["record"][4] == "r4"
    with pytest.raises(ArdError, match="clip table is damaged"):
        table.rows([1])


def test_table_without_a_column_is_damaged(tmp_path: Path) -> None:
    with hdf.create(tmp_path / "clips.h5", kind="clips", version=1) as handle:
        handle.create_dataset("roots", data=["/"], dtype=h5py.string_dtype())
    with pytest.raises(ArdError, match="clip table is damaged"):
        ClipTable(tmp_path / "clips.h5")


def test_concepts_come_back_as_written_singly_and_whole(described: ConceptsFile) -> None:
    assert described.of(4) == CONCEPTS[0]
    assert repr(described.of(0)) == repr(CONCEPTS[1])
    assert described.of(1) is None
    assert repr(described.concepts) == repr(CONCEPTS), "NaN equals no NaN"
    assert described.names == ["rain", "a long story", ""] == [one.name for one in CONCEPTS]
    np.testing.assert_array_equal(described.balanced_accuracy, [0.75, np.nan, np.nan])
    assert described.namer == "consensus"


def test_texts_hold_all_that_is_written_about_a_feature(described: ConceptsFile) -> None:
    texts = [(4, "rain\nIt rains.\nrain on tin"), (0, "a long story"), (2, "I cannot")]
    assert list(described.texts()) == texts


def test_many_single_concepts_turn_into_reading_all(described: ConceptsFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(concepts_store, "SINGLE_READS", 1)
    assert [described.of(4), described.of(4), described.of(3)] == [CONCEPTS[0], CONCEPTS[0], None]
    described.close()
    assert described.of(4) == CONCEPTS[0], "they are in memory"


def test_concepts_file_without_its_captions_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "concepts.h5"
    concepts_store.write(path, CONCEPTS, {})
    with h5py.File(path, "r+") as handle:
        del handle["captions"]
    with pytest.raises(ArdError, match="concepts file is damaged"):
        ConceptsFile(path)


def test_packed_text_counts_from_both_ends(tmp_path: Path) -> None:
    packed = hdf.PackedText([b"a", b"", "é🐸".encode()])
    assert [packed[0], packed[-1], packed[1]] == ["a", "é🐸", ""]
    assert packed.texts() == ["a", "", "é🐸"]
    with pytest.raises(IndexError):
        packed[3]
