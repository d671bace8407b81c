"""The plan of a blind rating study: drawn by seed, equal for everybody, frozen (A-44)."""

from __future__ import annotations

import json
import random
import shutil
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.errors import ArdError
from backend.store.clip_key import clip_key
from backend.store.clips import ClipTable
from backend.store.notes.rating_plan import draw, from_json, named_concepts, plan
from backend.store.retrieval import RetrievalFile
from backend.study.folder import Study
from builders.rating_studies import name_by_hand
from builders.tiny_study import finished_study

RAW = "raw-encoder.2"


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, dict[str, list[int]]]:
    """A study with two named methods, and their named features."""
    study = finished_study(
        tmp_path_factory.mktemp("rated"), train={"steps": 30, "threads": 1}, retrieve={"raw_units": True, "p": 2}
    )
    return study, {one: name_by_hand(study, one) for one in study.feature_ids()}


def test_same_number_of_each_method_is_drawn_without_replacement_from_its_named_concepts(
    named: tuple[Study, dict[str, list[int]]],
) -> None:
    study, features = named
    made = plan(study, list(features), concepts=5, seed=3)
    assert Counter(one.method for one in made.items) == dict.fromkeys(features, 5)
    assert len({(one.method, one.feature) for one in made.items}) == 10
    assert all(one.feature in features[one.method] for one in made.items)
    assert [one.order for one in made.items] == list(range(1, 11))
    assert {one.name for one in made.items} == {f"sound {one.feature}" for one in made.items}
    assert {one.id: one.named for one in made.methods} == {one: len(found) for one, found in features.items()}


def test_item_freezes_the_p_most_representative_clips(named: tuple[Study, dict[str, list[int]]]) -> None:
    study, features = named
    item = plan(study, list(features), concepts=5).items[0]
    clips = ClipTable(study.clips())
    with RetrievalFile(study.retrieval(item.method)) as file:
        rows = file.feature(item.feature).most_clips[:2]
    assert [one.record for one in item.clips] == [clips[int(row)].record for row in rows]
    assert [one.clip for one in item.clips] == [clip_key(clips[int(row)]) for row in rows]
    clips.close()


def test_plan_is_the_same_for_the_same_seed_in_a_copy_and_in_any_order_of_methods(
    named: tuple[Study, dict[str, list[int]]], tmp_path: Path
) -> None:
    study, features = named
    copy = Study(Path(shutil.copytree(study.root, tmp_path / "copy")))
    first = plan(study, list(features), concepts=5, seed=3, name="ada's")
    again = plan(copy, list(reversed(list(features))), concepts=5, seed=3, name="eve's")
    assert again.items == first.items
    assert again.key == first.key
    other = plan(study, list(features), concepts=5, seed=4)
    assert other.items != first.items
    assert other.key != first.key


def test_methods_are_interleaved_and_not_one_after_the_other(named: tuple[Study, dict[str, list[int]]]) -> None:
    study, features = named
    for seed in range(5):
        methods = [one.method for one in plan(study, list(features), concepts=6, seed=seed).items]
        changes = sum(a != b for a, b in pairwise(methods))
        assert changes > 1


def test_plan_survives_json_and_a_later_one_is_refused(named: tuple[Study, dict[str, list[int]]]) -> None:
    study, features = named
    made = plan(study, list(features), concepts=5)
    kept = json.loads(json.dumps(made.to_json()))
    assert from_json(kept) == made
    with pytest.raises(ArdError, match="later version"):
        from_json({**kept, "version": 2})
    with pytest.raises(ArdError, match="damaged"):
        from_json({"version": 1})


def test_method_with_too_few_or_no_names_is_refused_with_the_numbers(
    named: tuple[Study, dict[str, list[int]]], tmp_path: Path
) -> None:
    study, features = named
    with pytest.raises(ArdError, match=rf"{len(features[RAW])} named concepts .* 4000 are wanted"):
        plan(study, [RAW], concepts=4000)
    with pytest.raises(ArdError, match="needs a method"):
        plan(study, [])
    copy = Study(Path(shutil.copytree(study.root, tmp_path / "copy")))
    current = copy.features(RAW) / "current.json"
    current.write_text(json.dumps({k: v for k, v in json.loads(current.read_text()).items() if k != "concepts"}))
    assert named_concepts(copy, RAW) == 0
    assert named_concepts(study, RAW) == len(features[RAW])
    with pytest.raises(ArdError, match="no names yet"):
        plan(copy, [RAW])


def test_same_sae_under_two_names_is_refused(named: tuple[Study, dict[str, list[int]]], tmp_path: Path) -> None:
    study, _ = named
    copy = Study(Path(shutil.copytree(study.root, tmp_path / "copy")))
    (sae,) = copy.sae_ids()
    shutil.copytree(copy.features(sae), copy.features("twin"))
    with pytest.raises(ArdError, match="the same SAE"):
        plan(copy, [sae, "twin"], concepts=2)


def test_other_number_of_clips_leaves_out_features_with_fewer(named: tuple[Study, dict[str, list[int]]]) -> None:
    study, features = named
    made = plan(study, list(features), concepts=2, p=3)
    assert {len(one.clips) for one in made.items} == {3}
    assert all(one.named <= len(features[one.id]) for one in made.methods)


@given(st.sets(st.integers(0, 200), min_size=3), st.integers(0, 2**31), st.randoms())
def test_draw_depends_on_the_set_of_features_alone_and_a_larger_draw_contains_the_smaller(
    features: set[int], seed: int, order: random.Random
) -> None:
    listed = sorted(features)
    shuffled = list(listed)
    order.shuffle(shuffled)
    found = draw("a" * 64, listed, 3, seed)
    assert len(set(found)) == 3
    assert set(found) <= features
    assert draw("a" * 64, shuffled, 3, seed) == found
    assert draw("a" * 64, listed, len(listed), seed)[:3] == found
