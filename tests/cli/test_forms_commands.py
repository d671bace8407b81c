"""What a form asks before there is a study: choices, inspect-model, preview-sound."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from huggingface_hub import constants
from safetensors.numpy import save, save_file

from backend.audio.datasets.preview import preview
from backend.demo.study import CLIPS, MODEL
from backend.resources import resource
from backend.study.profiles import profiles
from backend.study.settings import AudioSection, Settings
from backend.targets import inspection
from builders.tiny_hub import cached, tiny_hub

Ard = Callable[..., tuple[int, str, str]]
CONFIG = json.dumps({"model_type": "whisper", "d_model": 8, "encoder_layers": 3, "decoder_layers": 2}).encode()
SMALL = {"config.json": CONFIG, "preprocessor_config.json": b'{"chunk_length": 30}', "tokenizer.json": b"{}"}
SIZES = {
    **{name: len(content) for name, content in SMALL.items()}, "model-00001-of-00002.safetensors": 3_000,
    "model-00002-of-00002.safetensors": 1_000, "model.safetensors.index.json": 50, "pytorch_model.bin": 9_999,
    "model.fp32-00001-of-00002.safetensors": 7_777, "onnx/model.onnx": 5_555, "README.md": 10,
}  # fmt: skip
WEIGHTS = save({"a": np.zeros((3, 4), np.float32), "b": np.zeros(5, np.float16)})


def folder_of(place: Path, **more: bytes) -> Path:
    place.mkdir()
    for name, content in {**SMALL, "model.safetensors": WEIGHTS, **more}.items():
        (place / name).write_bytes(content)
    return place


def asked(ard: Ard, *words: object) -> dict[str, Any]:
    status, out, err = ard(*words, "--json")
    assert (status, err) == (0, "")
    found: dict[str, Any] = json.loads(out)
    return found


def from_hub(home: Path, endpoint: str, *words: str) -> tuple[int, dict[str, Any], str]:
    """The command in a process of its own: the hub's client reads these variables when it is imported."""
    environment = {**os.environ, "HF_HOME": str(home), "HF_ENDPOINT": endpoint, "HF_HUB_OFFLINE": "0"}
    command = [sys.executable, "-P", "-m", "backend.cli.main", "inspect-model", *words, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    return done.returncode, json.loads(done.stdout or "{}"), done.stderr


# choices


def test_choices_name_registries_profiles_and_devices(ard: Ard) -> None:
    found = asked(ard, "choices")
    assert {"folder", "wavcaps"} <= set(found["adapters"])
    assert found["architectures"] == ["batchtopk", "jumprelu", "topk"]
    assert {"mini", "clap"} <= set(found["embedders"])
    assert ("none" in found["captioners"], "none" in found["namers"]) == (True, True)
    assert found["dtypes"] == ["float32", "bfloat16", "float16"]
    (cpu,) = [one for one in found["devices"] if one["id"] == "cpu"]
    assert 0 < cpu["free_bytes"] <= cpu["memory_bytes"]
    assert "What ARD recommends" in ard("choices")[1]


def test_a_profile_is_told_by_its_own_values() -> None:
    found = {one.name: one for one in profiles()}
    assert list(found) == ["default", "ard-paper", "audiosae-paper", "tiny"]
    assert "TopK, 4, 8 and 16 × as many features" in found["ard-paper"].sentence
    assert "K = 250, no decoder bias, no auxiliary loss" in found["ard-paper"].sentence
    assert "learning rate 1e-5, constant, for 100,000 steps of 4,096 tokens" in found["ard-paper"].sentence
    assert "BatchTopK, 8 ×" in found["audiosae-paper"].sentence
    assert "2e-4, falling to 0 over the last 20%, for 200,000 steps of 2,500 tokens" in found["audiosae-paper"].sentence
    assert found["ard-paper"].values["sae.k"] == [250]


def test_every_value_of_a_profile_is_a_setting() -> None:
    fields = {name: Settings.model_fields[name].annotation for name in Settings.model_fields}
    for one in profiles():
        for dotted in one.values:
            section, key = dotted.split(".")
            known = AudioSection if section == "audio" else fields[section]
            assert key in known.model_fields  # type: ignore[union-attr]


# inspect-model


def test_the_builtin_model_is_whole_and_its_parts_are_counted(ard: Ard) -> None:
    found = asked(ard, "inspect-model", resource(MODEL))
    assert (found["place"], found["complete"], found["model_type"]) == ("folder", True, "qwen2_audio")
    assert found["stacks"] == [
        {"name": "decoder", "layers": 8, "d": 256, "tokens_per_second": 25.0, "usual": True},
        {"name": "encoder", "layers": 2, "d": 384, "tokens_per_second": 50.0, "usual": False},
    ]
    assert found["weight_bytes"] == (resource(MODEL) / "model.safetensors").stat().st_size
    assert (found["missing"], found["problems"], found["to_download_bytes"]) == ([], [], 0)
    assert "11,554,304" in ard("inspect-model", resource(MODEL))[1]


def test_parameters_come_from_headers_and_of_other_weights_only_the_bytes_are_known(ard: Ard, tmp_path: Path) -> None:
    whole = asked(ard, "inspect-model", folder_of(tmp_path / "a"))
    assert (whole["parameters"], whole["weight_bytes"]) == (3 * 4 + 5, len(WEIGHTS))
    assert [(one["name"], one["tokens_per_second"]) for one in whole["stacks"]] == [
        ("encoder", 50.0),
        ("decoder", None),
    ]
    other = folder_of(tmp_path / "b", **{"pytorch_model.bin": b"0" * 7})
    (other / "model.safetensors").unlink()
    found = asked(ard, "inspect-model", other)
    assert (found["parameters"], found["weight_bytes"], found["complete"]) == (None, 7, True)


def test_shards_are_added_up_and_a_missing_one_is_named(ard: Ard, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "m")
    (folder / "model.safetensors").unlink()
    for number in (1, 2):
        save_file({f"t{number}": np.zeros(number * 10, np.float32)}, folder / f"model-{number}.safetensors")
    index = {"metadata": {"total_size": 120}, "weight_map": {"t1": "model-1.safetensors", "t2": "model-2.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    assert asked(ard, "inspect-model", folder)["parameters"] == 30
    (folder / "model-2.safetensors").unlink()
    (folder / "tokenizer.json").unlink()
    found = asked(ard, "inspect-model", folder)
    assert found["missing"] == ["model-2.safetensors", "tokenizer.json or vocab.json or tokenizer.model"]
    assert (found["complete"], found["parameters"], found["weight_bytes"]) == (False, None, 120)
    assert found["to_download_bytes"] is None
    assert "it lacks: model-2.safetensors" in found["problems"][0]["what"]
    assert found["problems"][0]["todo"].startswith("Copy the missing files")


@pytest.mark.parametrize(
    ("content", "told"), [(WEIGHTS[:-3], "ends too early"), (b"\xff" * 30, "is damaged"), (b"", "is damaged")]
)
def test_weights_that_were_not_copied_to_their_end_are_found(
    ard: Ard, tmp_path: Path, content: bytes, told: str
) -> None:
    found = asked(ard, "inspect-model", folder_of(tmp_path / "m", **{"model.safetensors": content}))
    assert (found["complete"], found["parameters"]) == (False, None)
    assert told in found["problems"][0]["what"]


@pytest.mark.parametrize(
    ("content", "told"), [(b"{", "not valid JSON"), (b'{"model_type": "parrot"}', "'parrot' is not known")]
)
def test_what_is_no_model_is_refused_with_the_reason(ard: Ard, tmp_path: Path, content: bytes, told: str) -> None:
    status, _, err = ard("inspect-model", folder_of(tmp_path / "m", **{"config.json": content}), "--json")
    assert status == 1
    assert told in err
    for name in ("./nowhere", "two words", "a--b"):
        assert ard("inspect-model", name, "--offline")[0] == 1


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The hub's cache of this process."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path


def test_a_model_in_the_cache_needs_no_hub(ard: Ard, home: Path) -> None:
    cached(home, "some/model", {**SMALL, "model.safetensors": WEIGHTS})
    found = asked(ard, "inspect-model", "some/model")
    assert (found["place"], found["complete"], found["parameters"]) == ("cache", True, 17)
    assert (found["missing"], found["to_download_bytes"], found["problems"]) == ([], 0, [])


def test_a_model_of_which_only_the_description_is_cached_is_told_without_the_hub(ard: Ard, home: Path) -> None:
    cached(home, "some/model", SMALL)
    found = asked(ard, "inspect-model", "some/model", "--offline")
    assert (found["place"], found["complete"], found["stacks"][0]["layers"]) == ("hub", False, 3)
    assert found["problems"][0]["what"] == "not on this disk: model.safetensors"
    status, _, err = ard("inspect-model", "some/other", "--offline", "--json")
    assert (status, "nor in the cache" in err) == (1, True)


def test_a_hub_out_of_reach_leaves_what_the_cache_knows(tmp_path: Path) -> None:
    cached(tmp_path, "some/model", SMALL)
    status, found, _ = from_hub(tmp_path, "http://127.0.0.1:9", "some/model")
    assert (status, found["place"], found["complete"]) == (0, "hub", False)
    assert found["stacks"][0]["layers"] == 3
    assert (found["missing"], found["to_download_bytes"]) == (["model.safetensors"], None)
    assert "the model hub cannot be reached (ConnectError)" in found["problems"][0]["what"]


def test_a_model_of_which_nothing_is_here_cannot_be_told_without_the_hub(ard: Ard, home: Path) -> None:
    # this process is told not to use the network
    status, _, err = ard("inspect-model", "some/model", "--json")
    assert (status, "cannot be reached (OfflineModeIsEnabled)" in err) == (1, True)


def test_the_hub_says_what_would_be_downloaded_of_one_kind_of_weights(tmp_path: Path) -> None:
    with tiny_hub("some/model", SIZES, SMALL, parameters=2000) as endpoint:
        status, found, err = from_hub(tmp_path, endpoint, "some/model")
        assert (status, err) == (0, "")
        assert (found["place"], found["parameters"], found["weight_bytes"]) == ("hub", 2000, 4_000)
        assert found["missing"] == [
            "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json",
        ]  # fmt: skip
        assert (found["to_download_bytes"], found["problems"]) == (4_050, [])
        status, _, err = from_hub(tmp_path, endpoint, "some/other")
        assert status == 1
        assert "the model hub has no 'some/other'" in err


@pytest.mark.parametrize(
    ("sizes", "told"),
    [({"model.safetensors": 10**18}, "1000000000.0 GB would be downloaded"), ({"model.onnx": 9}, "has no weights")],
)
def test_what_cannot_be_downloaded_is_said_before(
    ard: Ard, home: Path, monkeypatch: pytest.MonkeyPatch, sizes: dict[str, int], told: str
) -> None:
    cached(home, "some/model", SMALL)
    monkeypatch.setattr(inspection, "listed", lambda _section: inspection.Listing(sizes))
    assert told in asked(ard, "inspect-model", "some/model")["problems"][0]["what"]


# preview-sound


def put(path: Path, seconds: float = 0.1) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.zeros(round(seconds * 8000), np.float32), 8000)
    return path


def test_a_data_set_is_counted_and_ten_clips_are_drawn_that_can_be_heard(ard: Ard) -> None:
    clips = resource(CLIPS)
    found = asked(ard, "preview-sound", clips, "--manifest", "clips.jsonl")
    assert (found["clips"], found["hours_exact"], found["unreadable"]) == (167, True, 0)
    assert found["labels"]["category"] == {"speech": 40, "music": 40, "environment": 40, "animal": 27, "human": 20}
    assert found["subsets"]["scratch"] == 19
    assert len(found["sample"]) == 10
    assert all(soundfile.info(one["path"]).duration == pytest.approx(one["seconds"]) for one in found["sample"])
    again, other = (asked(ard, "preview-sound", clips, "--seed", seed)["sample"] for seed in (0, 1))
    assert asked(ard, "preview-sound", clips)["sample"] == again != other


def test_a_choice_counts_what_it_lets_through_and_still_says_what_else_there_is(ard: Ard) -> None:
    words = ("preview-sound", resource(CLIPS), "--manifest", "clips.jsonl", "--clips", 3)
    found = asked(ard, *words, "--label", "category=animal", "--label", "category=human")
    assert found["clips"] == 27 + 20
    assert found["labels"]["category"]["speech"] == 40
    assert {one["labels"]["category"] for one in found["sample"]} <= {"animal", "human"}
    found = asked(ard, *words, "--label", "category=cow")
    assert (found["clips"], found["sample"]) == (0, [])
    assert "no clip has category=cow; values of category and their clips: speech (40)" in found["problems"][0]["what"]
    assert found["labels"]["category"]["animal"] == 27
    assert "! no clip has category=cow" in ard(*words, "--label", "category=cow")[1]


def test_of_a_large_folder_only_a_sample_of_headers_is_read(tmp_path: Path) -> None:
    for number in range(40):
        put(tmp_path / f"{number}.wav", 0.1 if number % 2 else 0.3)
    section = AudioSection(path=str(tmp_path))
    found, whole = preview(section, clips=2, headers=10), preview(section)
    assert (found.clips, found.headers, found.hours_exact) == (40, 10, False)
    assert 40 * 0.1 / 3600 < found.hours < 40 * 0.3 / 3600
    assert (found.hours, len(found.sample)) == (preview(section, clips=2, seed=5, headers=10).hours, 2)
    assert (whole.clips, whole.headers, whole.hours_exact) == (40, 40, True)
    assert whole.hours == pytest.approx(20 * 0.4 / 3600)


def test_files_that_cannot_be_used_are_said_and_never_drawn(ard: Ard, tmp_path: Path) -> None:
    put(tmp_path / "good.wav")
    (tmp_path / "bad.wav").write_text("no sound")
    (tmp_path / "phone.m4a").write_bytes(b"0")
    found = asked(ard, "preview-sound", tmp_path)
    assert (found["clips"], found["unreadable"]) == (1, 2)
    assert {one["path"] for one in found["unreadable_files"]} == {"bad.wav", "phone.m4a"}
    assert [one["record"] for one in found["sample"]] == ["good.wav"]
    (tmp_path / "good.wav").unlink()
    found = asked(ard, "preview-sound", tmp_path)
    assert (found["clips"], found["sample"]) == (0, [])
    assert "none of its files can be used; bad.wav: not audio" in found["problems"][0]["what"]


def test_a_folder_without_sound_and_what_is_no_folder(ard: Ard, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("path\n")
    found = asked(ard, "preview-sound", tmp_path)
    assert (found["problems"][0]["what"], found["manifests"]) == ("there is no sound in this folder", ["list.csv"])
    status, _, err = ard("preview-sound", tmp_path / "list.csv")
    assert (status, "this is a file, not a folder" in err) == (1, True)
    assert "there is no such folder" in ard("preview-sound", tmp_path / "gone")[2]
    assert ard("preview-sound", tmp_path, "--label", "category")[0] == 2


def test_parts_of_one_recording_are_clips_with_their_own_seconds(ard: Ard, tmp_path: Path) -> None:
    put(tmp_path / "long.wav", 3.0)
    (tmp_path / "m.csv").write_text("path,start,end,kind\nlong.wav,0,1,a\nlong.wav,1,2.5,b\nlong.wav,9,10,b\n")
    found = asked(ard, "preview-sound", tmp_path, "--manifest", "m.csv")
    parts = sorted((one["start"], one["end"], one["seconds"]) for one in found["sample"])
    assert parts == [(0, 1, 1), (1, 2.5, 1.5)]
    assert found["unreadable_files"] == [{"path": "long.wav", "reason": "starts at 9 s, but the file has only 3.00 s"}]
