"""Recordings of the built-in model: what they are called, which are left out, and in which split they lie."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile
from sound_packages import TAXONOMY, sound, write_labels, write_packages, write_sound

from backend.builtin.copyright import Terms, is_shippable, read_copyright
from backend.builtin.examples import CATEGORIES, Recording, read_recordings
from backend.builtin.labels import Split, read_labels
from backend.builtin.listen import sketch
from backend.builtin.recordings import Summary, build_recordings
from backend.builtin.splits import divide, joined, near_copies
from backend.errors import ArdError
from backend.resources import resource

ZOO = "sources/zoo/usr/share/zoo"


def build(work: Path) -> tuple[Summary, dict[str, Recording]]:
    summary = build_recordings(work, write_labels(work), say=lambda line: None)
    return summary, {row.id: row for row in read_recordings(work / "recordings.jsonl")}


@pytest.fixture
def work(tmp_path: Path) -> Path:
    write_packages(tmp_path)
    return tmp_path


def test_a_recording_is_what_its_rule_its_label_and_the_copyright_file_say(work: Path) -> None:
    write_sound(work / ZOO / "far/wolf1.wav", sound(100))
    _, rows = build(work)
    wolf, snare, prompt = rows["zoo/far/wolf1.wav"], rows["zoo/shipped/snare_p.wav"], rows["prompts/es_f_Ana/a.wav"]
    assert (wolf.category, wolf.label, wolf.phrase) == ("animal", "dog", "a wolf howling")
    assert (wolf.licence, wolf.author, wolf.shippable) == ("GPL-2", "The zoo", False)
    assert (wolf.path, wolf.source, wolf.duration) == (f"{ZOO}/far/wolf1.wav", "zoo", 0.5)
    assert (snare.label, snare.attributes) == ("snare drum", {"family": "percussion"})
    assert (snare.licence, snare.author, snare.shippable) == ("CC0-1.0", "Ann", True)
    assert (prompt.label, prompt.phrase) == ("Spanish es_f_Ana", "a woman speaking Spanish")
    assert prompt.attributes == {"language": "Spanish", "voice": "es_f_Ana", "sex": "woman"}
    assert (prompt.licence, prompt.author, prompt.shippable) == ("CC-BY-SA-3.0", "Ana, Studio", True)


def test_of_a_voice_of_which_nothing_is_certain_neither_sex_nor_voice_is_said(work: Path) -> None:
    write_sound(work / "sources/prompts/usr/share/prompts/es_x/a.wav", sound(100))
    _, rows = build(work)
    prompt = rows["prompts/es_x/a.wav"]
    assert (prompt.phrase, prompt.attributes) == ("someone speaking Spanish", {"language": "Spanish"})
    assert (prompt.licence, prompt.shippable) == ("CC-BY-NC-3.0", False)


def test_groups_lie_in_one_split_and_unseen_sources_in_their_own(work: Path) -> None:
    _, rows = build(work)
    splits: dict[str, set[str]] = {}
    for row in rows.values():
        splits.setdefault(row.group, set()).add(row.split)
        assert (row.split == "unseen_source") == (row.source == "elsewhere")
    assert all(len(found) == 1 for found in splits.values())
    assert {row.group for row in rows.values() if "kennel" in row.id} == {"zoo/kennel_monday", "zoo/kennel_tuesday"}


def test_the_shares_of_the_splits_are_those_asked_for(work: Path) -> None:
    _, rows = build(work)
    coughs = Counter(row.split for row in rows.values() if row.label == "cough" and row.source == "zoo")
    dogs = Counter(row.split for row in rows.values() if row.label == "dog" and row.source == "zoo")
    assert coughs == {"held_out": 4, "validation": 1, "train": 5}
    assert sum(dogs.values()) == 16
    assert 2 <= dogs["held_out"] <= 4


def test_the_same_files_give_the_same_recordings(work: Path) -> None:
    build(work)
    first = (work / "recordings.jsonl").read_bytes()
    for name in ("recordings.jsonl", "recordings.json", "heard.jsonl"):
        (work / name).unlink()
    build(work)
    assert (work / "recordings.jsonl").read_bytes() == first


def test_copies_appear_once_and_not_at_all_under_two_labels(work: Path) -> None:
    shutil.copy(work / ZOO / "dogs/dogp.wav", work / ZOO / "dogs/dogz.wav")
    shutil.copy(work / ZOO / "dogs/dogq.wav", work / ZOO / "cough_again.wav")
    write_sound(work / ZOO / "dogs/dogr.flac", samples_of(work / ZOO / "dogs/dogr.wav"))
    summary, rows = build(work)
    assert "zoo/dogs/dogp.wav" in rows
    assert not {"zoo/dogs/dogz.wav", "zoo/dogs/dogq.wav", "zoo/cough_again.wav", "zoo/dogs/dogr.wav"} & set(rows)
    assert summary.left_out == {
        "prompts / over the limit of its label": 2,
        "zoo / copy": 1,
        "zoo / copy under different labels": 2,
        "zoo / same samples": 1,
    }


def test_what_cannot_be_heard_is_left_out_by_reason(work: Path) -> None:
    write_sound(work / ZOO / "dog_quiet.wav", np.zeros(16000, "f4"))
    write_sound(work / ZOO / "dog_short.wav", sound(101, 0.2))
    write_sound(work / ZOO / "dog_long.wav", sound(102, 31))
    (work / ZOO / "dog_empty.wav").touch()
    (work / ZOO / "dog_link.wav").symlink_to("dogs/dogp.wav")
    write_sound(work / ZOO / "silent_dog.wav", sound(103))
    summary, _ = build(work)
    assert {key: count for key, count in summary.left_out.items() if key.startswith("zoo")} == {
        "zoo / cannot be decoded": 1, "zoo / silent": 1, "zoo / too short": 1, "zoo / too long": 1, "zoo / link": 1,
        "zoo / no rule": 1,
    }  # fmt: skip


def test_a_version_of_an_unseen_recording_is_never_trained_on(work: Path) -> None:
    unseen = samples_of(work / "sources/elsewhere/usr/share/elsewhere/dog.wav")
    write_sound(work / ZOO / "dog_quieter.wav", 0.4 * unseen)
    summary, rows = build(work)
    assert "zoo/dog_quieter.wav" not in rows
    assert summary.left_out["zoo / version of a recording of an unseen source"] == 1


def test_nothing_is_done_twice_and_a_corrected_label_needs_no_decoding(
    work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = build(work)

    def refuse(path: Path) -> None:
        raise AssertionError(f"{path} was decoded again")

    monkeypatch.setattr("backend.builtin.recordings.listen", refuse)
    assert build(work)[0] == first
    labels = write_labels(work / "corrected", TAXONOMY.replace("a dog barking", "a hound barking"))
    build_recordings(work, labels, say=lambda line: None)
    phrases = {row.phrase for row in read_recordings(work / "recordings.jsonl") if row.label == "dog"}
    assert phrases == {"a hound barking"}


def test_a_missing_package_is_named(work: Path) -> None:
    shutil.rmtree(work / "sources/zoo")
    with pytest.raises(ArdError, match="sounds of the package zoo are not there"):
        build(work)
    assert not (work / "recordings.jsonl").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('[label."cough"]', '[label."sneeze"]'), "no phrase for the label 'cough'"),
        (('es = "Spanish"', 'fr = "French"'), "no name for the language 'es'"),
        (('"music", "snare drum"', '"musik", "snare drum"'), "category that is none: musik"),
        (("held_out = 0.2", ""), "taxonomy cannot be read"),
        (("[limits]", "[limit]"), "taxonomy cannot be read.*limits"),
        (('folder = "usr/share/zoo"', ""), "taxonomy cannot be read.*folder"),
    ],
)
def test_an_incomplete_taxonomy_is_refused(work: Path, change: tuple[str, str], message: str) -> None:
    with pytest.raises(ArdError, match=message):
        build_recordings(work, write_labels(work, TAXONOMY.replace(*change)), say=lambda line: None)


def test_the_shipped_taxonomy_is_complete() -> None:
    labels = read_labels(resource("demo/taxonomy.toml"))
    for name, own in labels.taxonomy.packages.items():
        for rule in own.rules:
            if rule.category not in ("skip", "speech"):
                assert rule.label in labels.words, (name, rule.label)
            names = dict.fromkeys(rule.pattern.groupindex, "x")
            assert rule.phrase.format(**names) or not rule.phrase
    unseen = [own for name, own in labels.taxonomy.packages.items() if labels.notes[name].unseen]
    assert {rule.category for own in unseen for rule in own.rules} - {"skip"} == set(CATEGORIES)
    assert set(labels.split.shippable) == set(CATEGORIES)
    assert all(set(words) <= {"phrase", "family"} and words["phrase"] for words in labels.words.values())


def test_loudness_and_codec_leave_the_sketch_as_it_is_and_other_sounds_do_not() -> None:
    wave = sound(1, 1.0)
    pairs = near_copies(np.stack([sketch(wave), sketch(0.1 * wave), sketch(sound(2, 1.0))]), np.array([1.0, 1.0, 1.0]))
    assert pairs == [(0, 1)]
    assert near_copies(np.stack([sketch(wave), sketch(wave)]), np.array([1.0, 1.1])) == []


def test_sketches_of_silence_and_of_single_samples_exist() -> None:
    assert not sketch(np.zeros(16000, np.float32)).any()
    assert sketch(np.ones(1, np.float32)).shape == sketch(np.zeros(16000, np.float32)).shape


def test_joined_groups_take_the_first_of_their_names() -> None:
    assert joined(["c", "a", "b", "d"], [(0, 1), (2, 0)]) == ["a", "a", "a", "d"]
    assert joined(["a", "b"], []) == ["a", "b"]


def test_a_label_is_trained_on_at_least_as_much_as_it_is_asked_about() -> None:
    whole, singles = ["tabla"] * 8 + ["loop"], ["a", "b", "c"]
    greedy = Split(0.2, {"music": 0.9}, 0.0)
    assert divide(whole, [("music", "tabla")] * 9, [True] * 9, greedy) == {"tabla": "train", "loop": "held_out"}
    assert sorted(divide(singles, [("music", "bell")] * 3, [True] * 3, greedy).values()) == [
        "held_out",
        "train",
        "train",
    ]


def test_a_label_of_one_group_stays_in_training() -> None:
    drums = [("music", "kick drum")] * 9
    assert divide(["kit"] * 9, drums, [True] * 9, Split(0.2, {"music": 0.4}, 0.1)) == {"kit": "train"}


def test_a_group_with_one_recording_that_may_not_be_shipped_counts_as_not_shippable() -> None:
    groups = [f"g{number // 2}" for number in range(40)]
    shippable = [number % 2 == 0 for number in range(40)]
    shares = Split(held_out=0.0, shippable={"animal": 1.0}, validation=0.0)
    splits = divide(groups, [("animal", "dog")] * 40, shippable, shares)
    assert set(splits.values()) == {"train"}


@pytest.mark.parametrize(
    ("licence", "may"),
    [
        ("CC0", True), ("CC0-1.0", True), ("CC-BY-3.0", True), ("CC-BY-SA-4.0", True), ("CC-BY-SA-3", True),
        ("CC-BY-SA-3.0+", True), ("GPL-2+ or CC-BY-SA-2.0", True), ("CC-BY-NC-3.0", False), ("CC-BY-ND-4.0", False),
        ("GPL-3+ and CC-BY-3.0", False), ("GPL-2", False), ("MIT", False), ("", False),
    ],
)  # fmt: skip
def test_only_licences_that_allow_it_make_a_recording_shippable(licence: str, may: bool) -> None:
    assert is_shippable(licence) is may


def test_the_last_paragraph_that_matches_tells_the_terms(tmp_path: Path) -> None:
    path = tmp_path / "copyright"
    path.write_text(
        "Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\nFiles: *\nCopyright: 2001 A\n"
        "License: MIT\n\nFiles: a/*.ogg b/?.ogg\n  c/\\*.ogg\nCopyright: (c) 2002-2003, B C <b@c.org>\n  2004 D\n"
        "License: CC0\n long text\n .\n more\n"
    )
    terms = read_copyright(path)
    assert terms.terms("x.c") == Terms("MIT", "A")
    assert terms.terms("a/deep/x.ogg") == Terms("CC0", "B C, D")
    assert terms.terms("b/x.ogg") == terms.terms("c/*.ogg") == terms.terms("a/x.ogg")
    assert terms.terms("b/xx.ogg") == terms.terms("c/x.ogg") == Terms("MIT", "A")


def test_a_copyright_file_for_people_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArdError, match="lacks its copyright file"):
        read_copyright(tmp_path / "copyright")
    (tmp_path / "copyright").write_text("This package was debianized by someone.\n")
    with pytest.raises(ArdError, match="not machine-readable"):
        read_copyright(tmp_path / "copyright")


def samples_of(path: Path) -> np.ndarray:
    return np.asarray(soundfile.read(path, dtype="float32")[0])
