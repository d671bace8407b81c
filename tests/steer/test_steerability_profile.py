"""The steerability profile of a model whose answers are known: which layers, which places, and what it recommends."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from backend.steer.answers import Sampling
from backend.steer.classes import LabelledClip, targets_of
from backend.steer.engine import Scene
from backend.steer.intervention import Intervention
from backend.steer.readers import BuiltinReader, WordsReader, question_for, reader_for
from backend.steer.shares import Share
from backend.steer.spaces import DirectionSpace
from backend.steer.steerability.cells import cells
from backend.steer.steerability.class_means import ClassMeans, streams
from backend.steer.steerability.measure import ClipResult, SteeredRow, Task, measure_layer
from backend.steer.steerability.recommendation import recommend
from backend.steer.steerability.shift import ShiftSpace
from backend.study.settings import ModelSection
from backend.targets.load import load_target
from builders.planted_target import AUDIO, BEFORE, CLASSES, WIDTH, PlantedTarget, clip_of
from builders.tiny_models import tiny_qwen2_audio, tiny_whisper

LAYERS = ["decoder.0", "decoder.1", "decoder.2"]
WAVE = np.random.default_rng(0).normal(0, 0.1, 16000).astype(np.float32)


def planted_profile(strengths: tuple[float, ...] = (1.0, 2.0)) -> list[dict[str, Any]]:
    target = PlantedTarget()
    means = ClassMeans()
    for i in range(6):
        name = CLASSES[i % 3]
        means.add(name, streams(target, clip_of(name, i), "", LAYERS))
    clips = [LabelledClip(i, f"{i}", CLASSES[i % 3]) for i in range(12)]
    wanted = targets_of(clips, CLASSES, 0)
    tasks = [
        (Task(i, clip, want), clip_of(clip.value, 100 + i))
        for i, (clip, want) in enumerate(zip(clips, wanted, strict=True))
    ]
    found: list[dict[str, Any]] = []
    for layer in LAYERS:
        results = list(
            measure_layer(
                target, layer, means, tasks, "", strengths=strengths, reader=WordsReader(CLASSES),
                sampling=Sampling(4), seed=0,
            )
        )  # fmt: skip
        assert all(one.original == one.source for one in results)
        found += cells(layer, results, "target")
    return found


def shares(found: list[dict[str, Any]], which: str, strength: float = 2.0) -> dict[tuple[str, str], float]:
    return {(c["layer"], c["place"]): c[which]["value"] for c in found if c["strength"] == strength}


def test_audio_positions_steer_below_the_copy_and_only_the_text_above_it() -> None:
    found = planted_profile()
    steered = shares(found, "steered")
    assert steered["decoder.0", "audio"] == 1
    assert steered["decoder.1", "audio"] == steered["decoder.2", "audio"] == 0
    assert steered["decoder.1", "prompt"] == steered["decoder.2", "answer"] == 1
    assert set(shares(found, "control").values()) == {0}
    assert {c["steered"]["n"] for c in found} == {12}
    assert {c["coherent"]["value"] for c in found} == {1}


def test_profile_recommends_audio_tokens_below_the_copy_and_the_prompt_above_it() -> None:
    advice = recommend(LAYERS, planted_profile())
    assert [row["tokens"] for row in advice["layers"]] == ["audio", "prompt", "prompt"]
    assert (advice["deepest_audio"], advice["deepest"], advice["not_worth"]) == ("decoder.0", "decoder.2", [])
    assert any('model.tokens = "prompt"' in line and "decoder.1 and decoder.2" in line for line in advice["words"])


def cell(layer: str, place: str, count: int, control: int = 0, n: int = 20) -> dict[str, Any]:
    return {
        "layer": layer, "place": place, "strength": 1.0, "steered": Share(count, n).as_json(),
        "control": Share(control, n).as_json(),
    }  # fmt: skip


def test_recommendation_names_partial_layers_and_those_not_worth_it() -> None:
    found = [
        cell("a", "audio", 18), cell("a", "prompt", 19), cell("a", "answer", 19),
        cell("b", "audio", 8), cell("b", "prompt", 15), cell("b", "answer", 15),
        cell("c", "audio", 0), cell("c", "prompt", 2), cell("c", "answer", 14),
        cell("d", "audio", 0), cell("d", "prompt", 0), cell("d", "answer", 1),
    ]  # fmt: skip
    advice = recommend(["a", "b", "c", "d"], found)
    assert [(row["tokens"], row["decode"]) for row in advice["layers"]] == [
        ("audio", "off"), ("all", "off"), ("prompt", "steer"), ("", "off"),
    ]  # fmt: skip
    assert advice["not_worth"] == ["d"]
    assert "90%" in advice["words"][0]
    assert recommend(["a", "b", "c", "d"], found, 0.25)["deepest_audio"] == "b"


def test_layer_on_which_random_directions_do_the_same_is_not_recommended() -> None:
    advice = recommend(["a"], [cell("a", "audio", 15, control=14)])
    assert advice["layers"][0]["tokens"] == ""
    assert advice["words"][0].startswith("At none of these layers do audio positions steer")


def test_clips_that_already_state_the_target_are_not_eligible_and_incoherent_answers_do_not_count() -> None:
    def result(read: str, text: str, stated: str, why: str) -> ClipResult:
        row = SteeredRow("audio", 1.0, "class", 2.0, text, stated, why)
        other = SteeredRow("audio", 1.0, "random", 2.0, "animal", "animal", "")
        return ClipResult("c", "animal", "music", read, read, (row, other))

    results = [
        result("music", "music", "music", ""),
        result("animal", "music", "music", ""),
        result("animal", "music music music", "music", "it says 'music' 3 times in a row"),
        result("speech", "animal", "animal", ""),
    ]
    (found,) = cells("a", results, "target")
    assert (found["steered"]["count"], found["steered"]["n"]) == (1, 3)
    assert found["coherent"]["count"] == 2
    assert found["by_target"]["music"]["n"] == 3
    assert found["displacement"] == 2
    (changed,) = cells("a", results, "changed")
    assert (changed["steered"]["count"], changed["steered"]["n"]) == (3, 4)
    assert ClipResult.of(results[0].as_json()) == results[0]


def test_shift_of_the_audio_alone_is_the_additive_mode_of_a_direction() -> None:
    target, direction = PlantedTarget(), torch.randn(WIDTH)
    prefix = target.begin(clip_of("music"), "", "decoder.0")
    ours = Scene(prefix, ShiftSpace([{"audio": direction, "text": -direction}], prefix))
    theirs = Scene(prefix, DirectionSpace(direction[None]))
    norm = float(direction.norm())
    for times in (0.5, 2.0):
        mine = ours.rows([Intervention.of([(0, times)], mode="additive")])
        known = theirs.rows([Intervention.of([(0, times * norm)], mode="additive")])
        torch.testing.assert_close(mine.x, known.x, rtol=1e-5, atol=1e-5)
        assert mine.displacement[0] == pytest.approx(times * norm, rel=1e-4)


def test_shift_of_the_prompt_moves_audio_and_the_text_behind_it_each_its_own_way() -> None:
    prefix = PlantedTarget().begin(clip_of("music"), "", "decoder.0")
    scene = Scene(prefix, ShiftSpace([{"audio": torch.ones(WIDTH), "text": torch.full((WIDTH,), -3.0)}], prefix))
    moved = scene.rows([Intervention.of([(0, 2.0)], mode="additive", positions="prompt")]).x[0] - prefix.x
    assert moved[:BEFORE].abs().max() == 0
    torch.testing.assert_close(moved[BEFORE : BEFORE + AUDIO], torch.full((AUDIO, WIDTH), 2.0))
    torch.testing.assert_close(moved[BEFORE + AUDIO :], torch.full((3, WIDTH), -6.0))


def test_class_difference_is_the_difference_of_the_means_over_clips() -> None:
    means = ClassMeans()
    for name, values in {"a": (1.0, 3.0), "b": (5.0,)}.items():
        for value in values:
            means.add(name, {("decoder.0", "audio"): torch.tensor([value, 0.0], dtype=torch.float64)})
    assert means.difference("b", "a", "decoder.0")["audio"].tolist() == [3.0, 0.0]
    assert set(means.difference("a", "b", "decoder.0")) == {"audio"}


@pytest.mark.parametrize(("build", "layers"), [
    (tiny_qwen2_audio, ["decoder.0", "decoder.2", "encoder.0", "encoder.1"]),
    (tiny_whisper, ["encoder.0", "encoder.2"]),
])  # fmt: skip
def test_streams_of_real_models_are_the_means_of_their_prefixes(tmp_path: Any, build: Any, layers: list[str]) -> None:
    target = load_target(ModelSection(path=str(build(tmp_path)), device="cpu"))
    found = streams(target, WAVE, "", layers)
    for layer in layers:
        prefix = target.begin(WAVE, "", layer)
        expected = prefix.x[prefix.audio].double().mean(0)
        torch.testing.assert_close(found[layer, "audio"], expected, rtol=1e-5, atol=1e-5)
        assert ((layer, "text") in found) == layer.startswith("decoder")
        if layer.startswith("decoder"):
            behind = prefix.x[int(prefix.audio[-1]) + 1 :].double().mean(0)
            torch.testing.assert_close(found[layer, "text"], behind, rtol=1e-5, atol=1e-5)


def test_words_of_exactly_one_class_are_read() -> None:
    reader = WordsReader(["animal", "human_voice", "music"])
    assert reader.read("This is MUSIC.") == "music"
    assert reader.read("A human voice.") == "human_voice"
    assert reader.read("Two animals.") == "animal"
    assert reader.read("No animal, it is music.") == "music"
    assert reader.read("An animal and music.") is None
    assert reader.read("A door.") is None


def test_built_in_model_is_read_with_its_own_vocabulary() -> None:
    model = "resources/demo/model"
    reader = reader_for(model, "category", ["speech", "music"])
    assert isinstance(reader, BuiltinReader)
    assert reader.read("It is a sound of the environment.") == "environment"
    assert question_for(model, "category", ["speech"]) == "What kind of sound is this?"
    assert isinstance(reader_for("elsewhere", "category", ["a"]), WordsReader)
    assert question_for("elsewhere", "sound_kind", ["a_b", "c"]) == (
        "Which sound kind is it: a b, c? Answer with one of these."
    )


def test_target_of_a_clip_is_another_class_and_all_are_wanted_equally_often() -> None:
    clips = [LabelledClip(i, str(i), "abc"[i % 3]) for i in range(12)]
    wanted = targets_of(clips, "abc", 5)
    assert wanted == targets_of(clips, "abc", 5)
    pairs = [(clip.value, want) for clip, want in zip(clips, wanted, strict=True)]
    assert {pairs.count(one) for one in pairs} == {2}
    assert all(own != want for own, want in pairs)


def test_share_has_its_wilson_interval() -> None:
    assert Share(9, 10).interval == pytest.approx((0.5958, 0.9821), abs=1e-4)
    assert Share(0, 0).as_json() == {"value": None, "count": 0, "n": 0, "low": 0.0, "high": 1.0}
