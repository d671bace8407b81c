from __future__ import annotations

import json
import os
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from recording_builders import recording, tone

from backend.builtin import render_instruments, render_speech
from backend.builtin.engines.base import Line, from_integers, module
from backend.builtin.engines.programs import call, program
from backend.builtin.examples import RATE, Recording
from backend.builtin.pitch import fundamental
from backend.builtin.render_instruments import Score, _described, _events
from backend.builtin.render_speech import ENGINES, Spoken, with_tract
from backend.builtin.rendering import PEAK, keep, place, prune
from backend.errors import ArdError

SOURCES = Path(os.environ.get("ARD_RECIPE_SOURCES", "no recipe was run here"))
"""Unpacked packages of a recipe that was run; without them the tests see how an engine says what it needs."""

PACKAGES = {
    "espeak-ng": "espeakng-loader", "pico": "py-nanotts", "flite": "flite", "festival": "festival",
}  # fmt: skip


@pytest.fixture(scope="module")
def scores() -> list[Score]:
    return render_instruments.plan()


@pytest.fixture(scope="module")
def lines() -> list[Spoken]:
    return render_speech.plan()


def drafts(scores: list[Score], lines: list[Spoken]) -> list[Recording]:
    return [one.draft for one in (*scores, *lines)]


def started(start: Callable[[], Any], *packages: str) -> Any:
    """What starts, or None after seeing that the refusal names one of the packages."""
    try:
        return start()
    except ArdError as error:
        refusal = str(error)
    assert any(package in refusal for package in packages)
    return None


def test_names_are_unique_and_no_group_is_in_two_splits(scores: list[Score], lines: list[Spoken]) -> None:
    rows = drafts(scores, lines)
    assert len({row.id for row in rows}) == len({row.path for row in rows}) == len(rows)
    splits = defaultdict(set)
    for row in rows:
        splits[row.group].add(row.split)
    assert all(len(found) == 1 for found in splits.values())
    assert {row.split for row in rows} == {"train", "validation", "held_out", "unseen_source"}


def test_the_plan_is_the_same_every_time(scores: list[Score], lines: list[Spoken]) -> None:
    assert render_instruments.plan() == scores
    assert render_speech.plan() == lines


def test_every_family_is_in_every_split_with_labels_that_training_knows(scores: list[Score]) -> None:
    families, labels = defaultdict(set), defaultdict(set)
    for score in scores:
        families[score.draft.split].add(score.draft.attributes["family"])
        labels[score.draft.split].add(score.draft.label)
    every = {"percussion", "strings", "plucked", "keyboard", "wind", "brass", "voice", "synth", "bass"}
    assert families["train"] == families["held_out"] == families["unseen_source"] == every
    assert all(found <= labels["train"] for found in labels.values())
    assert 1200 <= len(scores) <= 2600


def test_melodies_rise_fall_or_stay_as_they_are_labelled(scores: list[Score]) -> None:
    for score in (score for score in scores if score.bank == 0):
        keys = [note.key for note in score.notes]
        steps = np.diff(keys)
        match score.draft.attributes.get("pitch"):
            case "rising":
                assert (steps > 0).all()
                assert keys[-1] - keys[0] >= 4
            case "falling":
                assert (steps < 0).all()
                assert keys[0] - keys[-1] >= 4
            case "steady":
                assert not steps.any()
            case None:
                assert (steps > 0).any()
                assert (steps < 0).any()


def test_contours_and_tempos_are_equally_frequent_so_that_neither_tells_the_other(scores: list[Score]) -> None:
    found = Counter(
        (score.draft.attributes["pitch"], score.draft.attributes["rate"])
        for score in scores
        if score.draft.split == "train" and {"pitch", "rate"} <= set(score.draft.attributes)
    )
    assert len(found) == 6
    assert len(set(found.values())) == 1


def test_tempo_is_what_the_label_says_and_no_score_is_long(scores: list[Score]) -> None:
    limits = render_instruments.settings()["limits"]
    for score in scores:
        starts = sorted({note.start for note in score.notes})
        rate = score.draft.attributes.get("rate")
        if rate is not None:
            low, high = limits[rate]
            assert low - 1e-3 <= np.diff(starts).min() <= np.diff(starts).max() <= high + 1e-3
        assert score.notes[-1].start + score.notes[-1].seconds < 4.5
        assert all(1 <= note.velocity <= 127 for note in score.notes)


def test_keys_stay_in_the_range_of_the_instrument(scores: list[Score]) -> None:
    ranges = {
        program: (low, high) for program, *_, low, high, _ in render_instruments.settings()["melodic"]["programs"]
    }
    for score in (score for score in scores if score.bank == 0):
        low, high = ranges[score.program]
        assert all(low <= note.key <= high for note in score.notes)


def test_a_phrase_says_pitch_and_rate_only_where_they_are_set(scores: list[Score]) -> None:
    assert _described("rising", "fast") == "a fast rising melody"
    assert _described("", "") == "a melody"
    for score in scores:
        for word in ("rising", "falling"):
            assert (word in score.draft.phrase) == (score.draft.attributes.get("pitch") == word)
        for rate, words in (("fast", ("fast", "quickly")), ("slow", ("slow", "slowly"))):
            assert any(word in score.draft.phrase.split() for word in words) == (
                score.draft.attributes.get("rate") == rate
            )


def test_keys_go_up_before_they_go_down_again(scores: list[Score]) -> None:
    score = next(score for score in scores if score.draft.attributes.get("pitch") == "steady")
    events = _events(score.notes)
    assert [event.velocity > 0 for event in events[:-1]] == [True, False] * len(score.notes)
    assert sum(event.wait for event in events) / render_instruments.PLAYED_AT < 5.1


def test_men_and_women_speak_every_language_equally_often_in_every_split(lines: list[Spoken]) -> None:
    found = Counter((one.draft.split, one.line.language, one.draft.attributes["sex"]) for one in lines)
    for (split, language, _), count in found.items():
        assert found[split, language, "man"] == found[split, language, "woman"] == count
    assert {language for split, language, _ in found if split == "train"} == {
        "English", "Spanish", "French", "Italian", "German", "Russian", "Czech",
    }  # fmt: skip
    assert 700 <= len(lines) <= 1100


def test_sentences_of_the_tests_are_never_said_in_training(lines: list[Spoken]) -> None:
    said = {one.line.text for one in lines if one.draft.split == "train"}
    asked = {one.line.text for one in lines if one.draft.split != "train"}
    assert not said & asked


def test_no_voice_says_a_sentence_twice_in_the_same_way(lines: list[Spoken]) -> None:
    manners = [(one.voice.name, one.line) for one in lines]
    assert len(set(manners)) == len(manners)


def test_the_rate_is_the_engines_own_setting(lines: list[Spoken]) -> None:
    limits = render_speech.settings()["limits"]
    for one in lines:
        rate = one.draft.attributes.get("rate", "")
        assert one.line.tempo * one.voice.tract == pytest.approx(limits.get(rate, 1.0), abs=1e-3)
    rates = Counter(one.draft.attributes.get("rate") for one in lines)
    assert min(rates.values()) > 0.25 * len(lines)


def test_every_voice_can_be_measured_at_its_own_pitch(lines: list[Spoken]) -> None:
    own = {one.voice.name for one in lines if one.line.pitch == one.voice.pitch}
    assert own == {voice.name for voice in render_speech.voices()}


@pytest.mark.parametrize("hertz", [90.0, 123.0, 180.0, 220.0, 310.0])
def test_the_fundamental_of_a_buzz_is_found_without_octave_errors(hertz: float) -> None:
    t = np.arange(RATE) / RATE
    buzz = sum(np.sin(2 * np.pi * hertz * n * t) / n for n in range(2, int(6000 / hertz)))
    noisy = (buzz + 0.1 * np.random.default_rng(0).standard_normal(RATE)).astype(np.float32)
    assert fundamental(noisy, RATE) == pytest.approx(hertz, rel=0.03)


def test_what_has_no_pitch_has_no_fundamental() -> None:
    assert np.isnan(fundamental(np.zeros(RATE, np.float32), RATE))
    assert np.isnan(fundamental(np.zeros(10, np.float32), RATE))
    assert np.isnan(fundamental(np.random.default_rng(0).standard_normal(RATE).astype(np.float32), RATE))


def test_a_longer_tract_lowers_everything_and_takes_longer() -> None:
    longer = with_tract(tone(250, 1.0).astype(np.float32), 0.8)
    assert len(longer) == pytest.approx(RATE / 0.8, abs=2)
    assert fundamental(longer, RATE) == pytest.approx(200, rel=0.01)


def test_a_rendering_is_made_once_trimmed_and_measured(tmp_path: Path) -> None:
    sound = np.concatenate([np.zeros(4000), tone(440, 0.5, 0.01), np.zeros(4000)]).astype(np.float32)
    draft = recording("a", path="rendered/a.flac", duration=0.0, sound="")
    first = keep(tmp_path, draft, lambda: sound)
    assert first.duration == pytest.approx(0.5, abs=0.001)
    written, rate = soundfile.read(tmp_path / "rendered/a.flac")
    assert (rate, np.abs(written).max()) == (RATE, pytest.approx(PEAK, abs=1e-3))
    assert keep(tmp_path, draft, lambda: pytest.fail("rendered again")) == first
    assert keep(tmp_path, replace(draft, path="rendered/b.flac"), lambda: -sound).sound != first.sound


def test_what_a_changed_plan_leaves_is_removed(tmp_path: Path) -> None:
    path = place("a", [1, 2])
    assert path == place("a", [1, 2]) != place("a", [1, 3])
    kept = keep(tmp_path, recording("a", path=path), lambda: tone(440, 0.2).astype(np.float32))
    keep(tmp_path, recording("b", path=place("b", 1)), lambda: tone(440, 0.2).astype(np.float32))
    prune(tmp_path, [kept])
    assert [found.relative_to(tmp_path).as_posix() for found in tmp_path.rglob("*.flac")] == [path]


def test_a_silent_rendering_is_refused_and_not_kept(tmp_path: Path) -> None:
    for samples in (np.zeros(100, np.float32), np.zeros(0, np.float32), np.full(9, np.nan, np.float32)):
        with pytest.raises(ArdError, match="the rendering of 'a' is silent"):
            keep(tmp_path, recording("a", path="a.flac"), lambda samples=samples: samples)
    assert not list(tmp_path.rglob("*.flac"))


def test_finished_renderings_need_no_engine_and_voices_that_contradict_their_sex_are_left_out(
    tmp_path: Path, lines: list[Spoken]
) -> None:
    men = [one for one in lines if one.voice.name == "espeak-ng m1"][:3]
    women = [one for one in lines if one.voice.name == "espeak-ng f1"][:3]
    deep_women = [one for one in lines if one.voice.name == "espeak-ng f2"][:3]
    for chosen, hertz in ((men, 110), (women, 210), (deep_women, 120)):
        for number, one in enumerate(chosen):
            buzz = sum(tone(hertz * n, 0.5) / n for n in range(1, 9)) * 0.3 + 0.001 * number
            path = tmp_path / one.draft.path
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, buzz, RATE)
    rows = render_speech.render_speech(tmp_path, [*men, *women, *deep_women])
    assert {row.attributes["voice"] for row in rows} == {"espeak-ng m1", "espeak-ng f1"}
    report = {one["voice"]: one for one in json.loads((tmp_path / "rendered/voices.json").read_text())}
    assert report["espeak-ng f2"]["hertz"] == pytest.approx(120, rel=0.02)
    assert [report[f"espeak-ng {name}"]["fits"] for name in ("m1", "f1", "f2")] == [True, True, False]


@pytest.mark.parametrize("engine", sorted(ENGINES))
def test_an_engine_speaks_at_the_asked_tempo_or_names_the_package_it_needs(engine: str) -> None:
    voice = next(voice for voice in render_speech.voices() if voice.engine == engine and voice.tract == 1)
    text = render_speech.settings()["text"][voice.languages[-1]][0]
    ready = started(lambda: ENGINES[engine](SOURCES), PACKAGES[engine])
    if ready is None:
        return
    normal, fast = (ready.speak(Line(text, voice.languages[-1], voice.speaker, tempo)) for tempo in (1.0, 1.6))
    assert normal.dtype == np.float32
    assert 1.0 < len(normal) / RATE < 6.0
    assert len(fast) < 0.8 * len(normal)
    limits = render_speech.settings()["limits"]
    pitch = fundamental(normal, RATE)
    assert pitch < limits["man_below"] if voice.sex == "man" else pitch > limits["woman_above"]


@pytest.mark.parametrize("font", sorted(render_instruments.soundfonts()))
def test_a_soundfont_plays_what_rises_or_names_the_package_it_needs(font: str, scores: list[Score]) -> None:
    one = render_instruments.soundfonts()[font]
    player = started(lambda: render_instruments.Player(SOURCES, one), one.package, render_instruments.SYNTHESISER)
    if player is None:
        return
    score = next(
        score for score in scores if score.soundfont == font and score.program == 58 and "rising" in score.draft.phrase
    )
    wave = player.play(score)
    assert fundamental(wave[len(wave) // 2 :], RATE) > 1.1 * fundamental(wave[: len(wave) // 3], RATE)
    np.testing.assert_array_equal(player.play(score), wave)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArdError, match="pip install --no-deps some-package"):
        module("no_such_module_anywhere", "some-package")
    with pytest.raises(ArdError, match="rendering needs the Debian package flite"):
        program(tmp_path, "flite", "flite")
    with pytest.raises(ArdError, match="timgm6mb-soundfont"):
        render_instruments.render_instruments(tmp_path, render_instruments.plan()[:1])


def test_a_program_that_fails_is_quoted(tmp_path: Path) -> None:
    with pytest.raises(ArdError, match="sh failed: no such voice"):
        call(["/bin/sh", "-c", "echo no such voice. >&2; exit 3"], tmp_path)
    with pytest.raises(ArdError, match="cannot be run"):
        call([tmp_path / "nothing"], tmp_path)


def test_integers_become_samples_between_minus_one_and_one() -> None:
    assert from_integers(np.array([-32768, 0, 16384], "<i2").tobytes(), "<i2").tolist() == [-1.0, 0.0, 0.5]
    assert from_integers(np.array([-128, 64], "i1").tobytes(), "i1").tolist() == [-1.0, 0.5]
