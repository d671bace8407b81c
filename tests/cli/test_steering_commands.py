"""`ard steerability` and `ard effects` on studies that have really been run: files, resuming, refusals."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from backend.errors import ArdError, Stopped
from backend.jobs.job import quiet_job
from backend.stages import retrieve, steerability
from backend.stages.collect import collect
from backend.stages.effects import Asked, Search
from backend.steer.classes import classes_of
from backend.steer.effects.candidates import separation
from backend.store.clips import ClipTable
from backend.store.effects import current_effects, feature_sets, read_effects
from backend.store.retrieval import RetrievalFile
from backend.store.steerability import current_profile, read_profile
from backend.study.atomic import read_json, write_json
from backend.study.configuration import load_settings
from backend.study.folder import Study
from builders.described_study import the_sae
from builders.interrupted import StopsAfter
from builders.tiny_models import tiny_hubert, tiny_qwen2_audio
from builders.tiny_study import finished_study

Ard = Callable[..., tuple[int, str, str]]
FEW = steerability.Asked(label="folder", layers=("decoder.1", "decoder"), strengths=(1.0,), clips=2, max_new_tokens=3)


@pytest.fixture(scope="module")
def asked_study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """A study of a random model that answers."""
    return finished_study(
        tmp_path_factory.mktemp("asked"), build=tiny_qwen2_audio, layer="decoder.1", train={"steps": 30}
    )  # fmt: skip


@pytest.fixture
def chat(asked_study: Study, tmp_path: Path) -> Study:
    shutil.copytree(asked_study.root, tmp_path / "chat")
    return Study((tmp_path / "chat").resolve())


def steer(ard: Ard, study: Study, *more: str) -> tuple[int, str, str]:
    few = ("--label", "folder", "--strength", "1", "--clips", "3", "--tokens", "4")
    return ard("steerability", study.root, *few, *more)


def test_profile_of_a_decoder_holds_every_layer_and_place_with_its_control(ard: Ard, chat: Study) -> None:
    status, out, err = steer(ard, chat, "--json")
    assert status == 0, err
    told, profile = json.loads(out), current_profile(chat)
    assert profile is not None
    assert told["file"] == str(profile.path)
    assert told["cells"] == profile.cells
    places = [(c["layer"], c["place"]) for c in profile.cells]
    assert places == [(f"decoder.{i}", p) for i in range(3) for p in ("audio", "prompt", "answer")]
    assert profile.settings["classes"] == ["noise", "pulse", "tone"]
    assert profile.figures["clips"] == 3
    assert all(c["steered"]["n"] == c["control"]["n"] == 3 for c in profile.cells)
    # a random model names no class
    assert profile.recommendation["not_worth"] == ["decoder.0", "decoder.1", "decoder.2"]
    first = read_json(profile.path.with_suffix("") / "decoder.0.json")["clips"][0]
    assert len(first["rows"]) == 6
    assert first["source"] != first["target"]
    _, table, err = steer(ard, chat, "--least", "0")
    assert "is current" in err
    assert "decoder.2  answer" in table
    assert "Which folder is it: noise, pulse, tone?" in table


def test_profile_that_was_stopped_goes_on_with_the_next_layer_and_gives_the_same(chat: Study) -> None:
    settings = load_settings(chat.toml)
    whole = read_profile(steerability.run(chat, settings, FEW, quiet_job()))
    parts = whole.path.with_suffix("")
    whole.path.unlink()
    (parts / "decoder.1.json").unlink()
    (parts / "decoder.2.json").unlink()
    kept = (parts / "decoder.0.json").stat().st_mtime_ns
    # the means of the fitted clips, then a clip of decoder.1
    fitted = len(classes_of(ClipTable(chat.clips()), "folder", by_speaker=True).first)
    with pytest.raises(Stopped):
        steerability.run(chat, settings, FEW, StopsAfter(fitted + 3))
    assert (parts / "decoder.1.json").is_file()
    assert not whole.path.exists()
    again = read_profile(steerability.run(chat, settings, FEW, quiet_job()))
    assert again.cells == whole.cells
    assert (parts / "decoder.0.json").stat().st_mtime_ns == kept


def test_whisper_is_measured_by_the_change_of_its_transcripts(ard: Ard, copied: Study) -> None:
    status, out, err = steer(ard, copied, "--strength", "50")
    assert status == 0, err
    assert "share of transcripts that change" in out
    profile = current_profile(copied)
    assert profile is not None
    assert profile.settings["outcome"] == "changed"
    assert {c["place"] for c in profile.cells} == {"audio"}
    assert max(c["steered"]["value"] for c in profile.cells) > 0
    status, _, err = steer(ard, copied, "--prompt", "What is it?")
    assert (status, "answers no question" in err) == (1, True)
    status, _, err = steer(ard, copied, "--layer", "decoder.0", "--clips", "2")
    assert (status, "Use a layer of the encoder" in err) == (1, True)


def test_encoder_that_says_nothing_is_refused(chat: Study, tmp_path: Path) -> None:
    settings = load_settings(chat.toml)
    settings.model.path = str(tiny_hubert(tmp_path / "hubert"))
    with pytest.raises(ArdError, match="HubertModel gives no answers"):
        steerability.run(chat, settings, steerability.Asked(label="folder", clips=2), quiet_job())


def test_labels_classes_layers_and_strengths_that_are_not_there_are_named(ard: Ard, chat: Study) -> None:
    status, _, err = ard("steerability", chat.root)
    assert (status, "no clip of this study has a label 'category'" in err, "folder" in err) == (1, True, True)
    status, _, err = steer(ard, chat, "--class", "drum", "--class", "tone")
    assert (status, "folder = drum has 0 clips" in err) == (1, True)
    status, _, err = steer(ard, chat, "--layer", "decoder.9")
    assert (status, "no layer 'decoder.9'" in err) == (1, True)
    status, _, err = ard("steerability", chat.root, "--label", "folder", "--strength", "0")
    assert (status, "strengths are numbers above 0" in err) == (1, True)
    assert steer(ard, chat, "--json", "--events")[0] == 2


def test_profile_of_other_clips_is_told_to_be_old(chat: Study) -> None:
    steerability.run(chat, load_settings(chat.toml), FEW, quiet_job())
    index = read_json(chat.index_manifest)
    index["outputs"]["clip_list"] = "another"
    write_json(chat.index_manifest, index)
    profile = current_profile(chat)
    assert profile is not None
    assert profile.stale == "the study's list of clips is another one now"
    profile.path.write_text('{"fingerprint": "x", "settings": {}, "outputs": {}}')
    with pytest.raises(ArdError, match="damaged"):
        current_profile(chat)


def effects(ard: Ard, study: Study, *more: object) -> tuple[int, str, str]:
    few = ("--label", "folder", "--target", "tone", "--clips", "2", "--tokens", "4", "--candidates", "4")
    return ard("effects", study.root, *few, *more)


def test_effects_are_stored_beside_the_ranking_by_score_with_a_set_for_one_slider(ard: Ard, chat: Study) -> None:
    sae, out_file = the_sae(chat), chat.root / "sets.json"
    status, out, err = effects(ard, chat, "--target", "noise", "--out", out_file, "--json")
    assert status == 0, err
    told = json.loads(out)
    assert [one["settings"]["target"] for one in told] == ["tone", "noise"]
    assert sorted(read_json(chat.features(sae) / "current.json")["effects"]) == ["folder=noise", "folder=tone"]
    found = read_effects(current_effects(chat, sae)["folder=tone"])
    assert len(found.ranking) >= 4
    assert set(found.ranking[0]["steered"]) == {"1", "2"}
    assert [len(one["features"]) for one in found.tried if one["how"] == "difference"] == [4] * 4
    # a random model can be steered to nothing: the smallest setup wins, and says so
    assert found.sets["set"].selection["count"] == found.sets["set"].held_out["count"] == 0
    assert [one["how"] for one in found.controls] == ["reconstructed", *(f"random {i}" for i in range(1, 6))]
    assert feature_sets(chat, sae)["folder=tone"] == found.sets["set"]
    (feature, value) = found.sets["set"].features[0]
    with RetrievalFile(chat.retrieval(sae)) as file:
        assert value == pytest.approx(found.sets["set"].times * file.table()["max"][feature])
    concept = read_json(out_file)["concepts"]["tone"]
    assert (concept["column"], concept["label"]) == ("folder", "tone")
    assert (concept["mode"], concept["positions"], concept["features"]) == ("delta", "audio", [[feature, value]])
    _, text, err = effects(ard, chat)
    assert "is current" in err
    assert "control, reconstructed" in text


def test_effects_that_were_stopped_go_on_and_give_the_same(chat: Study) -> None:
    settings, sae = load_settings(chat.toml), the_sae(chat)
    asked = Asked("folder", "tone", candidates=3, clips=2, sizes=(2,), greedy=0, max_new_tokens=4)
    path = Search(chat, settings, sae, asked).run(quiet_job())
    whole = read_json(path)["outputs"]
    path.unlink()
    with pytest.raises(Stopped):
        Search(chat, settings, sae, asked).run(StopsAfter(1))
    assert path.with_suffix(".jsonl").is_file()
    assert read_json(Search(chat, settings, sae, asked).run(quiet_job()))["outputs"] == whole
    assert not path.with_suffix(".jsonl").exists()


def test_effects_outlive_a_new_ranking_and_gc_but_not_other_weights(ard: Ard, chat: Study) -> None:
    assert effects(ard, chat, "--greedy", 0)[0] == 0
    sae, settings = the_sae(chat), load_settings(chat.toml)
    before = current_effects(chat, sae)
    settings.retrieve.list_length -= 1
    retrieve.run(chat, settings, quiet_job())
    collect(chat, dry_run=False)
    assert current_effects(chat, sae) == before
    assert before["folder=tone"].is_file()
    config = chat.sae(sae) / "config.json"
    write_json(config, {**read_json(config), "weights_hash": "0" * 64})
    assert current_effects(chat, sae) == {}


def test_effects_refuse_what_makes_no_sense(ard: Ard, chat: Study, copied: Study) -> None:
    status, _, err = ard("effects", chat.root, "--label", "folder")
    assert (status, "no class is named" in err) == (1, True)
    status, _, err = effects(ard, chat, "--target", "drum")
    assert (status, "folder has no class 'drum'" in err) == (1, True)
    assert effects(ard, chat, "--mode", "louder")[0] == 1
    status, _, err = effects(ard, copied, "--sae", the_sae(copied))
    assert (status, "a transcript states no class" in err) == (1, True)


def test_label_separation_is_that_of_the_clips_mean_activations(chat: Study) -> None:
    clips = classes_of(ClipTable(chat.clips()), "folder").first
    with RetrievalFile(chat.retrieval(the_sae(chat))) as file:
        difference, auc = separation(file, clips, "tone")
        k = int(np.argmax(np.abs(difference)))
        pairs = file.pairs(k)
        assert pairs is not None
        total = dict(zip(pairs["clip"].tolist(), pairs["sum"].tolist(), strict=True))
        mean = {c: total.get(c.index, 0.0) / file.tokens(c.index) for c in clips}
    own = [mean[c] for c in clips if c.value == "tone"]
    others = [[mean[c] for c in clips if c.value == name] for name in ("noise", "pulse")]
    assert difference[k] == pytest.approx(np.mean(own) - np.mean([np.mean(one) for one in others]))
    both = [(a > b) + (a == b) / 2 for a in own for one in others for b in one]
    assert auc[k] == pytest.approx(np.mean(both))


def test_sae_can_be_trained_on_the_prompt_as_a_profile_may_recommend(asked_study: Study, tmp_path: Path) -> None:
    study = finished_study(
        tmp_path, build=tiny_qwen2_audio, layer="decoder.1", model={"tokens": "prompt"}, train={"steps": 5}
    )  # fmt: skip
    with RetrievalFile(study.retrieval(the_sae(study))) as found:
        text = set(found.clip_tokens().tolist())
    with RetrievalFile(asked_study.retrieval(the_sae(asked_study))) as usual:
        audio = set(usual.clip_tokens().tolist())
    # the prompt is the same for every clip, the audio is not
    assert len(text) == 1
    assert len(audio) > 1
