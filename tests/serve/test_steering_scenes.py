"""What a scene is made of: sounds of any kind, SAEs of other layers, models and tokens, too little memory."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from backend.errors import ArdError, Stopped
from backend.serve import conditions
from backend.serve.base import REQUESTS, Talk
from backend.serve.memory import Memory
from backend.serve.outcomes import begin
from backend.serve.resident import Resident
from backend.study.configuration import load_settings, write_new
from backend.study.folder import Study
from builders.steering_requests import TOKENS, asked, dead, fields_of, sound_of
from builders.tiny_models import tiny_hubert
from builders.tiny_study import RATE, finished_study


@pytest.fixture(scope="module")
def resident(steering_study: Study) -> Iterator[Resident]:
    found = Resident.open(steering_study.root)
    yield found
    found.close()


@pytest.fixture
def copied(steering_study: Study, tmp_path: Path) -> Study:
    shutil.copytree(steering_study.root, tmp_path / "copy")
    return Study((tmp_path / "copy").resolve())


def steered(study: Study, **changes: Any) -> tuple[dict[str, Any], list[dict[str, Any]], list[str]]:
    resident = Resident.open(study.root)
    try:
        return asked(resident, "steer", fields_of(study, 2.0, **changes))
    finally:
        resident.close()


def edited(path: Path, *keys: str, value: Any) -> None:
    found = json.loads(path.read_text())
    inner = found
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = value
    path.write_text(json.dumps(found))


def test_original_answer_is_what_the_model_generates(resident: Resident, steering_study: Study) -> None:
    found, _, said = asked(resident, "steer", fields_of(steering_study, 2.0))
    assert said[:2] == ["loading the model", "loading the SAE"]
    target = resident.target(Talk(lambda type_, fields: None))
    wave, _ = soundfile.read(sound_of(steering_study), dtype="float32")
    assert found["answers"]["original"]["text"] == target.generate(wave, "What is it?", TOKENS)
    again, _, said = asked(resident, "steer", fields_of(steering_study, 2.5))
    assert said == []
    assert again["answers"]["original"] == found["answers"]["original"]


def test_no_override_with_the_error_kept_is_the_original_to_the_last_bit(
    resident: Resident, steering_study: Study
) -> None:
    answers = asked(resident, "steer", fields_of(steering_study, add_error=True))[0]["answers"]
    assert answers["steered"]["tokens"] == answers["original"]["tokens"]
    assert answers["steered"]["kl"] == {"first": 0.0, "answer": 0.0}
    assert answers["steered"]["displacement"] == 0.0
    assert answers["reconstructed"]["displacement"] > 0


def test_raw_units_are_set_and_have_no_reconstruction(resident: Resident, steering_study: Study) -> None:
    found = asked(resident, "steer", fields_of(steering_study, sae="raw-decoder.1", overrides=[[3, 40.0]]))[0]
    assert found["mode"] == "delta"
    answers = found["answers"]
    assert answers["reconstructed"] == answers["original"]
    assert answers["steered"]["kl"]["first"] > 0
    fields = fields_of(steering_study, sae="raw-decoder.1", overrides=[[3, 40.0]], position=1)
    del fields["max_new_tokens"]
    bars = {one["feature"]: one for one in asked(resident, "code", fields)[0]["bars"]}
    assert bars[3]["after"] == 40.0
    assert all(one["before"] == one["after"] for feature, one in bars.items() if feature != 3)


def test_dead_features_are_steered_with_a_warning(resident: Resident, steering_study: Study) -> None:
    feature = dead(steering_study)
    found = asked(resident, "steer", fields_of(steering_study, overrides=[[feature, 9.0]]))[0]
    assert found["warnings"] == [f"feature {feature} is dead: it is active in no clip of the study"]
    assert found["answers"]["steered"]["survived"] == [1.0]


def test_long_and_silent_sounds_say_so(resident: Resident, steering_study: Study, tmp_path: Path) -> None:
    long, silent, short = tmp_path / "long.wav", tmp_path / "silent.wav", tmp_path / "short.wav"
    soundfile.write(long, np.random.default_rng(0).normal(size=40 * RATE) * 0.1, RATE)
    soundfile.write(silent, np.zeros(RATE), RATE)
    soundfile.write(short, np.zeros(1), RATE)
    found = asked(resident, "steer", fields_of(steering_study, 2.0, path=str(long)))[0]
    assert (found["duration"], found["heard"]) == (40.0, [(0.0, 2.0)])
    assert "the model hears 0.0 to 2.0 s of it" in found["warnings"][0]
    found = asked(resident, "steer", fields_of(steering_study, 2.0, path=str(silent)))[0]
    assert found["warnings"] == ["the sound is silent: all its samples are 0"]
    with pytest.raises(ArdError, match="too short for the model: 1 samples"):
        asked(resident, "steer", fields_of(steering_study, 2.0, path=str(short)))
    soundfile.write(silent, np.full(RATE, 0.5), RATE)
    assert asked(resident, "steer", fields_of(steering_study, 2.0, path=str(silent)))[0]["warnings"] == []


def test_positions_the_sae_has_not_seen_are_warned_of(resident: Resident, steering_study: Study, copied: Study) -> None:
    fields = fields_of(steering_study, 2.0, positions="prompt", decode="reconstruct")
    (warning,) = asked(resident, "steer", fields)[0]["warnings"]
    assert "has not seen text positions of the prompt and decoding steps" in warning
    (manifest,) = (copied.root / "activations" / "decoder.1").glob("*/manifest.json")
    edited(manifest, "settings", "model", "tokens", value="prompt")
    assert "audio positions are new to it" in steered(copied)[0]["warnings"][0]
    edited(manifest, "settings", "model", "tokens", value="all")
    assert steered(copied, positions="prompt")[0]["warnings"] == []


def test_sae_of_another_layer_or_model_is_refused(copied: Study) -> None:
    manifest = copied.sae(copied.sae_ids()[0]) / "manifest.json"
    before = manifest.read_text()
    edited(manifest, "settings", "layer", value="decoder.2")
    with pytest.raises(ArdError, match=r"was trained on decoder\.2, and its features were ranked on decoder\.1"):
        steered(copied)
    manifest.write_text(before)
    edited(manifest, "inputs", "model", value="another")
    with pytest.raises(ArdError, match=r"belongs to another model than study\.toml names now"):
        steered(copied)
    manifest.write_text(before)
    settings = load_settings(copied.toml)
    settings.model.path = str(tiny_hubert(copied.root.parent / "other"))
    write_new(copied.toml, settings)
    with pytest.raises(ArdError, match="belongs to another model"):
        steered(copied)


def test_too_little_memory_halves_the_batch_and_says_so(
    resident: Resident, steering_study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[int] = []

    def tight(stage: Any, interventions: Any, *rest: Any) -> Any:
        sizes.append(len(interventions))
        if len(interventions) > 2:
            raise torch.OutOfMemoryError("out of memory")
        return begin(stage, interventions, *rest)

    monkeypatch.setattr(conditions, "begin", tight)
    neighbours = [[10.0 + i] for i in range(5)]
    _, parts, said = asked(resident, "steer", fields_of(steering_study, 9.5, neighbours=neighbours))
    assert [one["values"] for one in parts if one["stage"] == "neighbour"] == [(value,) for (value,) in neighbours]
    assert sizes[-4:] == [3, 2, 2, 1]
    assert [text for text in said if "memory" in text] == [
        "the memory is too small for 5 answers at once; going on with 3",
        "the memory is too small for 3 answers at once; going on with 2",
    ]


def test_one_answer_without_memory_is_tried_again_when_other_scenes_are_gone(
    resident: Resident, steering_study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = fields_of(steering_study, 2.0, path=sound_of(steering_study, 1))
    asked(resident, "steer", other)
    failed: list[int] = []

    def full(stage: Any, *rest: Any) -> Any:
        if not failed:
            failed.append(1)
            raise torch.OutOfMemoryError("out of memory")
        return begin(stage, *rest)

    monkeypatch.setattr(conditions, "begin", full)
    _, parts, said = asked(resident, "steer", fields_of(steering_study, 33.0))
    assert parts[-1]["stage"] == "ready"
    assert "the device ran out of memory; other sounds and prompts are let go" in said
    assert "running the model up to the layer" in asked(resident, "steer", {**other, "overrides": []})[2]


def test_request_that_is_not_wanted_any_more_ends_at_the_next_token(resident: Resident, steering_study: Study) -> None:
    seen: list[dict[str, Any]] = []

    def heard(type_: str, fields: dict[str, Any]) -> None:
        if type_ == "part":
            seen.append(fields["result"])
            if fields["result"].get("index") == 2:
                talk.stop()

    talk = Talk(heard)
    request = REQUESTS.get("steer").model_validate(fields_of(steering_study, 71.0, max_new_tokens=100))
    with pytest.raises(Stopped):
        request.run(resident, talk)
    assert [one["stage"] for one in seen if one.get("condition") == "steered"] == ["first", *["token"] * 3]


def test_speech_encoder_gives_the_change_of_its_representation(tmp_path: Path) -> None:
    study = finished_study(
        tmp_path,
        build=tiny_hubert,
        layer="encoder.1",
        train={"steps": 10, "threads": 1},
        sae={"architecture": ["topk"]},
    )
    resident = Resident.open(study.root)
    try:
        fields = fields_of(study, 5.0)
        found, parts, _ = asked(resident, "steer", {**fields, "neighbours": [[6.0]]})
        code = {name: value for name, value in fields.items() if name != "max_new_tokens"}
        bars = asked(resident, "code", {**code, "position": 0})[0]["bars"]
        swept = asked(resident, "sweep", {**fields, "values": [[0.0], [5.0]]})[0]
    finally:
        resident.close()
    answers = found["answers"]
    assert [one["stage"] for one in parts] == ["first", "done"] * 3 + ["ready", "neighbour"]
    assert answers["original"]["representation"]["change"] == [0.0, 0.0]
    change = answers["steered"]["representation"]
    assert change["layers"] == ["encoder.1", "encoder.2"]
    assert min(change["change"]) > 0
    assert np.mean(change["frames"]) == pytest.approx(change["change"][-1])
    assert (answers["steered"]["text"], answers["steered"]["coherent"]) == ("", True)
    assert next(one for one in bars if one["overridden"])["after"] == 5.0
    assert swept["values"][1]["answer"] == answers["steered"]


def test_memory_keeps_what_was_used_last_within_its_room() -> None:
    memory = Memory(count=3, room=10)
    for name, size in (("a", 4), ("b", 4), ("c", 1)):
        memory.put(name, name, size)
    assert memory.get("a") == "a"
    memory.put("d", "d", 1)
    assert [memory.get(name) for name in "abcd"] == ["a", None, "c", "d"]
    memory.put("large", "large", 99)
    assert [memory.get(name) for name in ("a", "c", "d", "large")] == [None, None, None, "large"]
    memory.put("large", "smaller", 5)
    memory.put("e", "e", 5)
    assert [memory.get(name) for name in ("large", "e")] == ["smaller", "e"]
    memory.clear(but="e")
    assert [memory.get(name) for name in ("large", "e")] == [None, "e"]
    assert memory.kept("e", lambda: "anew") == "e"
    assert memory.kept("f", lambda: "anew") == "anew"
