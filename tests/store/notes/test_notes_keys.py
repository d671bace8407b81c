"""Notes are kept under what a feature is, not under what it is called."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from backend.errors import ArdError
from backend.store.clip_key import clip_key
from backend.store.clips import Clip
from backend.store.notes.keys import sae_key, sae_keys
from backend.study.atomic import write_json
from backend.study.folder import Study
from backend.study.manifest import write_manifest


@pytest.fixture
def study(tmp_path: Path) -> Study:
    (tmp_path / "study.toml").write_text("")
    return Study.open(tmp_path)


def trained(study: Study, sae_id: str, weights: str) -> None:
    write_json(study.sae(sae_id) / "config.json", {"weights_hash": weights})
    write_json(study.sae(sae_id) / "manifest.json", {})


def ranked(study: Study, sae_id: str, settings: dict[str, Any], inputs: dict[str, Any], name: str = "r.json") -> None:
    folder = study.features(sae_id)
    folder.mkdir(parents=True, exist_ok=True)
    write_manifest(
        folder / name, stage="retrieve", fingerprint="f", settings=settings, inputs=inputs, outputs={}, seconds=0.0
    )
    write_json(folder / "current.json", {"manifest": name, "retrieval": "r.h5"})


def test_key_is_the_hash_of_the_weights_that_were_ranked_even_after_training_again(study: Study) -> None:
    trained(study, "x", "one")
    assert sae_key(study, "x") == "one"
    ranked(study, "x", {"layer": "encoder.1"}, {"weights": "one"})
    trained(study, "x", "two")
    assert sae_key(study, "x") == "one"
    ranked(study, "x", {"layer": "encoder.1"}, {"weights": "two"}, "s.json")
    assert sae_key(study, "x") == "two"


def test_copy_under_another_name_has_the_same_key(study: Study) -> None:
    trained(study, "x", "one")
    trained(study, "copy", "one")
    assert sae_keys(study) == {"copy": "one", "x": "one"}


def test_raw_units_are_told_apart_by_model_layer_and_reading_and_by_nothing_else(study: Study) -> None:
    def key(**changes: str) -> str:
        values = {"model": "m", "layer": "encoder.1", "raw_reading": "literal", "clips": "c", **changes}
        inputs = {name: values[name] for name in ("model", "clips")}
        ranked(study, "raw-x", {name: values[name] for name in ("layer", "raw_reading")}, inputs)
        return sae_key(study, "raw-x")

    assert key().startswith("raw-")
    assert key(clips="others") == key()
    assert len({key(), key(model="n"), key(layer="encoder.2"), key(raw_reading="split")}) == 4


def test_unknown_sae_names_the_known_ones(study: Study) -> None:
    trained(study, "x", "one")
    with pytest.raises(ArdError, match=r"no SAE 'y' \(there are: x\)"):
        sae_key(study, "y")


def test_parts_of_one_recording_are_different_clips_and_a_moved_file_is_the_same() -> None:
    whole = Clip("a", "a.wav", hash="00")
    assert clip_key(whole) == clip_key(Clip("b", "elsewhere/b.wav", hash="00", caption="other"))
    assert len({clip_key(whole), clip_key(Clip("a", "a.wav", hash="00", start=1.0)), clip_key(Clip("a", "a.wav"))}) == 3
