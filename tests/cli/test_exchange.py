"""Models and SAEs come in and go out through the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from backend.study.folder import Study
from builders.laion_checkpoint import laion_state, save_checkpoint
from builders.tiny_clap import roberta_tokenizer, tiny_clap_model

Ard = Callable[..., tuple[int, str, str]]


@pytest.mark.parametrize("name", ["dictionary_learning", "saelens"])
def test_exported_sae_comes_back_and_is_ranked(ard: Ard, copied: Study, tmp_path: Path, name: str) -> None:
    (sae,) = copied.sae_ids()
    status, _, err = ard("export-sae", copied.root, sae, "--format", name, "--out", tmp_path / "out")
    assert status == 0, err
    source = next(p for p in (tmp_path / "out", *(tmp_path / "out").iterdir()) if p.is_dir())
    status, out, err = ard("import-sae", copied.root, source, "--layer", "encoder.2", "--name", "back")
    assert status == 0, err
    assert "FVU" in out
    assert copied.sae_ids() == ["back", sae]
    status, _, err = ard("retrieve", copied.root)
    assert status == 0, err
    mine = json.loads(ard("features", copied.root, "--sae", sae, "--limit", 0, "--json")[1])["features"]
    back = json.loads(ard("features", copied.root, "--sae", "back", "--limit", 0, "--json")[1])["features"]
    assert {f["feature"]: f["support"] for f in mine} == {f["feature"]: f["support"] for f in back}


def test_sae_of_a_layer_without_activations_is_refused(ard: Ard, copied: Study, tmp_path: Path) -> None:
    status, _, err = ard("import-sae", copied.root, tmp_path, "--layer", "encoder.0")
    assert (status, "encoder.2" in err) == (1, True)


def test_layout_that_cannot_say_what_the_sae_is_names_those_that_can(ard: Ard, finished: Study, tmp_path: Path) -> None:
    (sae,) = finished.sae_ids()
    status, _, err = ard("export-sae", finished.root, sae, "--format", "sparsify", "--out", tmp_path / "out")
    assert (status, "dictionary_learning or saelens" in err) == (1, True)
    assert not (tmp_path / "out").exists()


def test_name_of_an_imported_sae_never_leads_elsewhere(ard: Ard, copied: Study, tmp_path: Path) -> None:
    for name in ("../x", "a/b", "..", "/tmp/x"):
        status, _, err = ard("import-sae", copied.root, tmp_path, "--layer", "encoder.2", "--name", name)
        assert (status, "cannot be the id" in err) == (1, True)


def test_unknown_sae_is_not_exported(ard: Ard, copied: Study, tmp_path: Path) -> None:
    status, _, err = ard("export-sae", copied.root, "x", "--format", "sparsify", "--out", tmp_path / "o")
    assert (status, copied.sae_ids()[0] in err) == (1, True)


def test_import_whisper_of_a_folder_without_model_names_the_file(ard: Ard, tmp_path: Path) -> None:
    status, _, err = ard("import-whisper", tmp_path, tmp_path / "out")
    assert (status, "model.bin" in err) == (1, True)
    assert not (tmp_path / "out").exists()


def test_import_clap_says_what_to_write_into_the_study_and_what_is_missing(ard: Ard, tmp_path: Path) -> None:
    source = save_checkpoint(tmp_path / "laion.pt", laion_state(tiny_clap_model()))
    status, out, err = ard("import-clap", source, tmp_path / "clap")
    assert status == 0, err
    assert f'embed.model = "{tmp_path / "clap"}"' in out
    assert "sound only" in err
    words = roberta_tokenizer(tmp_path / "words")
    status, _, err = ard("import-clap", source, tmp_path / "both", "--tokenizer", words)
    assert (status, err) == (0, "")
    status, _, err = ard("import-clap", source, tmp_path / "both")
    assert (status, "not empty" in err) == (1, True)


def test_corpus_of_an_ordinary_folder_is_refused(ard: Ard, tmp_path: Path) -> None:
    (tmp_path / "usr").mkdir()
    assert ard("build-corpus", tmp_path / "nothing", tmp_path / "out.jsonl")[0] == 1
    assert ard("build-corpus", tmp_path / "out.jsonl")[0] == 2
