from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recording_builders import hiss, recording, tone, wave_file

from backend.builtin import compose as module
from backend.builtin.compose import ComposeSettings, Counts, compose, compose_into
from backend.builtin.envelope import envelope, moment
from backend.builtin.examples import (
    CATEGORIES,
    RATE,
    SPLITS,
    WINDOW_SECONDS,
    Example,
    Recording,
    read_examples,
    write_rows,
)
from backend.builtin.spread import SPEECH, shared, spread
from backend.errors import ArdError

FEW = ComposeSettings(train=Counts(20, 30, 8, 8, 4, 2, 2, 3), others=Counts(5, 6, 4, 4, 0, 1, 1, 1))

known = st.builds(
    lambda category, label, split, duration, language, sex, group: {
        "category": category, "label": f"{category} {label}", "split": split, "duration": duration, "group": group,
        "attributes": {"language": language, "sex": sex, "text": "words"} if category == "speech" else {},
    },
    st.sampled_from(CATEGORIES), st.integers(0, 2), st.sampled_from(SPLITS), st.floats(0.05, 40),
    st.sampled_from(["English", "Czech"]), st.sampled_from(["man", "woman"]), st.sampled_from("abc"),
)  # fmt: skip
collections = st.lists(known, min_size=1, max_size=25).map(
    lambda rows: [recording("first", category="music")] + [recording(f"r{i}", **row) for i, row in enumerate(rows)]
)


@settings(deadline=None, max_examples=40)
@given(collections, st.integers(0, 3))
def test_every_example_is_pure_in_its_split_short_enough_and_in_order(rows: list[Recording], seed: int) -> None:
    by_id = {row.id: row for row in rows}
    examples = compose(rows, replace(FEW, seed=seed))
    assert len({example.id for example in examples}) == len(examples)
    for example in examples:
        assert 0 < example.seconds <= WINDOW_SECONDS
        offsets = [part.offset for part in example.parts]
        assert offsets == sorted(offsets)
        assert len(example.facts.sounds) == len(example.parts)
        assert bool(example.facts.nothing) == (not example.parts)
        for part, sound in zip(example.parts, example.facts.sounds, strict=True):
            row = by_id[part.recording]
            assert row.split == example.split
            assert (sound.category, sound.label, sound.phrase) == (row.category, row.label, row.phrase)
            assert part.seconds > 0
            assert part.start >= 0
            assert part.start + part.seconds <= row.duration + 1e-6
            assert part.offset + part.lasts <= example.seconds + 1.1e-4
            assert ("text" in sound.attributes) <= (part.seconds > row.duration - 0.002)
        overlapping = any(
            later.offset < part.offset + part.lasts
            for part, later in zip(example.parts, example.parts[1:], strict=False)
        )
        assert overlapping == example.facts.together
        if not example.facts.together:
            assert len({sound.label for sound in example.facts.sounds}) == len(example.parts)
        if example.noise_db is not None and example.parts:
            assert 9.9 <= example.level_db - example.noise_db <= 30.1


@settings(deadline=None, max_examples=15)
@given(collections, st.randoms(use_true_random=False))
def test_examples_follow_from_seed_and_recordings_whatever_their_order(
    rows: list[Recording], chance: random.Random
) -> None:
    first = compose(rows, FEW)
    chance.shuffle(rows)
    assert compose(rows, FEW) == first
    assert compose(rows, replace(FEW, seed=1)) != first


def corpus() -> list[Recording]:
    """As uneven as the real one: thousands of sentences, few animals."""
    sizes = {"speech": 900, "music": 300, "animal": 25, "human": 40, "environment": 120}
    rows = []
    for category, size in sizes.items():
        for number in range(size):
            speech = category == "speech"
            sex = "woman" if number % 7 else "man"
            rows.append(
                recording(
                    f"{category}{number}",
                    category=category,
                    label=f"English {sex}" if speech else f"{category} {0 if number % 8 else 1}",
                    group=f"{category}{sex if speech else number % 7}",
                    split="train" if number % 5 else SPLITS[1 + number // 5 % 3],
                    attributes={"language": "English", "sex": sex} if speech else {},
                    duration=0.5 + number % 13,
                )
            )
    return rows


def singles(examples: list[Example], split: str = "train") -> list[Example]:
    return [example for example in examples if example.split == split and len(example.parts) == 1]


@pytest.fixture(scope="module")
def composed() -> list[Example]:
    return compose(corpus(), ComposeSettings())


def test_no_category_of_single_sounds_is_rare_in_training(composed: list[Example]) -> None:
    found = Counter(example.facts.sounds[0].category for example in singles(composed))
    assert set(found) == set(CATEGORIES)
    assert min(found.values()) >= 0.6 * max(found.values())
    assert 15_000 <= sum(example.split == "train" for example in composed) <= 20_000


def test_rare_labels_are_heard_more_often_than_their_share(composed: list[Example]) -> None:
    labels = Counter(example.facts.sounds[0].label for example in singles(composed))
    own = Counter(row.label for row in corpus() if row.split == "train")
    share = own["animal 1"] / (own["animal 0"] + own["animal 1"])
    assert labels["animal 1"] / (labels["animal 0"] + labels["animal 1"]) > 1.5 * share


def test_men_and_women_speak_equally_often(composed: list[Example]) -> None:
    found = Counter(
        example.facts.sounds[0].attributes["sex"]
        for example in singles(composed)
        if example.facts.sounds[0].category == "speech"
    )
    assert found["man"] == found["woman"]


def test_every_training_recording_of_a_rare_category_is_heard_and_varied(composed: list[Example]) -> None:
    animals = [example for example in singles(composed) if example.facts.sounds[0].category == "animal"]
    heard = Counter(example.parts[0].recording for example in animals)
    assert set(heard) == {row.id for row in corpus() if row.category == "animal" and row.split == "train"}
    assert min(heard.values()) > 30
    of_one = [example for example in animals if example.parts[0].recording == "animal1"]
    assert len({(example.level_db, example.noise_db) for example in of_one}) == len(of_one)


def test_tests_hear_a_recording_alone_once_and_unvaried(composed: list[Example]) -> None:
    for split in SPLITS[1:]:
        mine = singles(composed, split)
        assert len({example.parts[0].recording for example in mine}) == len(mine)
        assert all(example.noise_db is None for example in mine)
        pairs = [example for example in composed if example.split == split and len(example.parts) == 2]
        assert Counter(example.facts.together for example in pairs) == {False: 90, True: 60}
        assert len(mine) > 60


def test_training_varies_speed_and_balance_and_speech_less_than_other_sounds(composed: list[Example]) -> None:
    for speech, (low, high) in {True: (0.94, 1.06), False: (0.87, 1.15)}.items():
        mine = [e.parts[0] for e in singles(composed) if (e.facts.sounds[0].category == "speech") == speech]
        speeds = {part.speed for part in mine}
        assert low <= min(speeds) < 1 < max(speeds) <= high
        assert {part.tilt_db for part in mine} != {0.0}
    asked = [part for example in composed if example.split != "train" for part in example.parts]
    assert {(part.speed, part.tilt_db) for part in asked} == {(1.0, 0.0)}


def test_loudness_is_said_where_it_was_set_and_its_level_is_right(composed: list[Example]) -> None:
    for loudness, (low, high) in {"loud": (-12, -9), "normal": (-27, -20), "quiet": (-42, -34)}.items():
        levels = [example.level_db for example in singles(composed) if example.facts.loudness == loudness]
        assert len(levels) > 0.08 * len(singles(composed))
        assert low <= min(levels) <= max(levels) <= high
    assert all(not example.facts.loudness for example in composed if len(example.parts) != 1)


def test_music_under_speech_is_softer(composed: list[Example]) -> None:
    under = [
        example for example in composed
        if example.facts.together and [sound.category for sound in example.facts.sounds] == ["music", "speech"]
    ]  # fmt: skip
    assert len(under) > 200
    assert np.median([example.parts[0].gain_db - example.parts[1].gain_db for example in under]) < -4


def test_silence_has_no_noise_and_noise_is_told_from_it(composed: list[Example]) -> None:
    empty = [example for example in composed if not example.parts]
    for example in empty:
        if example.facts.nothing == "silence":
            assert example.noise_db is None or example.noise_db <= -60
        else:
            assert example.noise_db is not None
            assert example.noise_db >= -42
            assert example.noise_db == example.level_db
    assert Counter(example.facts.nothing for example in empty if example.split == "train") == {
        "silence": 160, "noise": 240,
    }  # fmt: skip


def test_relabelling_keeps_the_ids_of_what_is_heard() -> None:
    rows = corpus()
    renamed = [replace(row, phrase="an animal making a sound") if row.category == "animal" else row for row in rows]
    before, after = compose(rows, FEW), compose(renamed, FEW)
    assert [example.id for example in before] == [example.id for example in after]
    assert before != after


@given(
    st.integers(0, 200),
    st.lists(st.tuples(st.floats(0.1, 10), st.integers(0, 60)), min_size=1, max_size=6),
)
def test_shares_add_up_and_none_exceeds_its_bound(total: int, parts: list[tuple[float, int]]) -> None:
    weights, most = [weight for weight, _ in parts], [bound for _, bound in parts]
    counts = shared(total, weights, most)
    assert sum(counts) == min(total, sum(most))
    assert all(0 <= count <= bound for count, bound in zip(counts, most, strict=True))


def test_shares_are_in_proportion_and_a_full_part_leaves_the_rest_to_the_others() -> None:
    assert shared(12, [1, 2, 3], [99, 99, 99]) == [2, 4, 6]
    assert shared(12, [1, 2, 3], [99, 99, 3]) == [3, 6, 3]
    assert shared(5, [1, 1], [1, 1]) == [1, 1]


def test_uses_of_a_recording_are_numbered_from_zero() -> None:
    rows = [recording(str(i), attributes={"language": "Czech", "sex": "man"}) for i in range(3)]
    uses = spread(rows, 8, SPEECH, repeat=True)
    numbers = {row.id: sorted(number for other, number in uses if other is row) for row in rows}
    assert sorted(map(len, numbers.values())) == [2, 3, 3]
    assert all(found == list(range(len(found))) for found in numbers.values())
    assert len(spread(rows, 8, SPEECH, repeat=False)) == 3


def test_a_stretch_holds_a_moment_where_the_recording_sounds() -> None:
    calls = np.concatenate([np.zeros(8 * RATE), tone(440, 0.5), np.zeros(10 * RATE), tone(440, 0.5), np.zeros(RATE)])
    owl = recording("owl", duration=20.0)
    examples = compose([owl], FEW, {"owl": envelope(calls.astype(np.float32))})
    starts = []
    for part in (part for example in examples for part in example.parts):
        assert any(part.start < at + 0.5 and part.start + part.seconds > at for at in (8.0, 18.5))
        starts.append(part.start)
    assert min(starts) < 8 < 10 < max(starts)


def test_a_silent_recording_is_cut_anywhere() -> None:
    assert envelope(np.zeros(1601, np.float32)).tolist() == [0.0, 0.0]
    assert 0 <= moment(np.zeros(5), np.random.default_rng(0)) <= 0.5


def test_composing_again_reads_what_is_there_until_a_manifest_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [wave_file(tmp_path, name, hiss(2.0, number)) for number, name in enumerate("abc")]
    rows = [rows[0], replace(rows[1], label="cat"), replace(rows[2], category="music", label="piano")]
    write_rows(tmp_path / "recordings.jsonl", rows[:2])
    write_rows(tmp_path / "rendered.jsonl", rows[2:])
    first = compose_into(tmp_path, FEW)
    assert read_examples(tmp_path / "examples.jsonl") == first

    with monkeypatch.context() as patch:
        patch.setattr(module, "compose", lambda *_: pytest.fail("composed again"))
        assert compose_into(tmp_path, FEW) == first
    assert compose_into(tmp_path, replace(FEW, seed=9)) != first
    write_rows(tmp_path / "rendered.jsonl", [replace(rows[2], duration=1.0)])
    assert compose_into(tmp_path, replace(FEW, seed=9)) != compose(rows, replace(FEW, seed=9))


def test_a_missing_manifest_and_nothing_to_train_on_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ArdError, match=r"manifest of the recipe is not there .*recordings\.jsonl"):
        compose_into(tmp_path, FEW)
    with pytest.raises(ArdError, match="there is no recording to train on"):
        compose([recording("a", split="held_out")], FEW)
