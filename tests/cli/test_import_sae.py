"""`ard import-sae`: what its check says, that it writes nothing, and that the import is a run like any other."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from backend.jobs.events import read_events
from backend.sae.files import load_sae, save_sae
from backend.sae.formats.exchange import export_sae
from backend.study.atomic import read_json
from backend.study.folder import Study
from builders.described_study import the_sae

Ard = Callable[..., tuple[int, str, str]]
LAYER = ("--layer", "encoder.2")


@pytest.fixture
def published(copied: Study, tmp_path: Path) -> Path:
    """The study's own SAE as AudioSAE publishes one: `layer_3/ae.pt` for the block that ARD calls 2."""
    export_sae(load_sae(copied.sae(the_sae(copied))), "dictionary_learning", tmp_path / "layer_3", layer=2)
    return tmp_path / "layer_3"


def written(study: Study) -> dict[str, tuple[int, int]]:
    """Size and time of every file of the study."""
    files = (path for path in study.root.rglob("*") if path.is_file())
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in files}


def checked(ard: Ard, study: Study, source: Path, *words: str) -> dict[str, Any]:
    status, out, err = ard("import-sae", study.root, source, *LAYER, *words, "--check", "--json")
    assert (status, err) == (0, "")
    found: dict[str, Any] = json.loads(out)
    return found


def test_check_measures_every_convention_and_writes_nothing(ard: Ard, copied: Study, published: Path) -> None:
    before = written(copied)
    found = checked(ard, copied, published)
    assert written(copied) == before
    config = read_json(copied.sae(the_sae(copied)) / "config.json")
    assert (found["format"], found["architecture"]) == ("dictionary_learning", config["architecture"])
    assert (found["d"], found["features"], found["k"]) == (config["d"], config["n_features"], config["k"])
    assert (found["id"], found["declared_layer"], found["problem"]) == ("encoder.2-layer_3", 2, "")
    assert len({(one["bias_mode"], one["input_scaling"]) for one in found["candidates"]}) == 12
    (chosen,) = (one for one in found["candidates"] if one["chosen"])
    assert chosen["declared"]
    assert found["tokens"] > 0

    status, out, _ = ard("import-sae", copied.root, published, *LAYER, "--check")
    assert status == 0
    assert f"{chosen['fvu']:.4g}" in out
    assert "it can be imported as encoder.2-layer_3" in out


def test_check_gives_the_figures_of_the_import(ard: Ard, copied: Study, published: Path) -> None:
    found = checked(ard, copied, published)
    assert ard("import-sae", copied.root, published, *LAYER)[0] == 0
    figures = read_json(copied.sae(found["id"]) / "manifest.json")["figures"]["verification"]
    ours = [{k: v for k, v in one.items() if k not in ("chosen", "declared")} for one in found["candidates"]]
    assert figures["tried"] == ours


def test_check_says_why_the_import_would_be_refused(ard: Ard, copied: Study, published: Path, tmp_path: Path) -> None:
    assert "there is an SAE" in checked(ard, copied, published, "--name", the_sae(copied))["problem"]
    assert "no published SAE was recognised" in checked(ard, copied, tmp_path)["problem"]
    nonsense = load_sae(copied.sae(the_sae(copied)))
    with torch.no_grad():
        nonsense.W_dec.neg_().mul_(50)
    save_sae(tmp_path / "nonsense", nonsense)
    found = checked(ard, copied, tmp_path / "nonsense")
    assert "does not reconstruct" in found["problem"]
    assert len(found["candidates"]) == 12, "what was measured is shown all the same"
    assert (
        "encoder.2"
        in json.loads(ard("import-sae", copied.root, published, "--layer", "encoder.0", "--check", "--json")[1])[
            "problem"
        ]
    )


def test_file_that_names_another_block_is_pointed_out(ard: Ard, copied: Study, published: Path) -> None:
    published.rename(published.with_name("layer_7"))
    found = checked(ard, copied, published.with_name("layer_7"))
    assert found["declared_layer"] == 6
    assert any("belongs to block 6" in text for text in found["warnings"])
    assert found["problem"] == ""
    status, _, err = ard("import-sae", copied.root, published.with_name("layer_7"), *LAYER)
    assert (status, "warning: the file says that it belongs to block 6" in err) == (0, True)


def test_what_a_file_leaves_open_can_be_answered(ard: Ard, copied: Study, tmp_path: Path) -> None:
    export_sae(load_sae(copied.sae(the_sae(copied))), "dictionary_learning", tmp_path / "open")
    (tmp_path / "open" / "config.json").unlink()
    found = checked(ard, copied, tmp_path / "open", "--architecture", "topk", "--k", "3")
    assert (found["architecture"], found["k"]) == ("topk", 3)


def test_import_is_a_run_with_events_and_progress(ard: Ard, copied: Study, published: Path) -> None:
    assert ard("import-sae", copied.root, published, *LAYER)[0] == 0
    (run,) = copied.runs.glob("*-import-sae-*")
    assert read_json(run / "manifest.json")["outputs"] == {"state": "finished"}
    events, _ = read_events(run / "events.jsonl")
    assert [e["state"] for e in events if e["type"] == "stage"] == ["started", "finished"]
    assert {e["stage"] for e in events if e["type"] == "stage"} == {"import"}
    assert {(e["unit"], e["total"]) for e in events if e["type"] == "progress"} == {("conventions tried", 12)}
    assert any("FVU" in str(e.get("text")) for e in events)


def test_import_that_was_killed_goes_on_and_a_finished_one_is_current(
    ard: Ard, copied: Study, published: Path
) -> None:  # fmt: skip
    assert ard("import-sae", copied.root, published, *LAYER)[0] == 0
    folder = copied.sae("encoder.2-layer_3")
    manifest = read_json(folder / "manifest.json")
    (folder / "manifest.json").unlink()
    assert ard("import-sae", copied.root, published, *LAYER)[0] == 0
    assert read_json(folder / "manifest.json")["outputs"] == manifest["outputs"]

    before = {path: stamp for path, stamp in written(copied).items() if "/saes/" in path}
    status, out, err = ard("import-sae", copied.root, published, *LAYER)
    assert (status, "FVU" in out, "is current" in err) == (0, True, True)
    assert {path: stamp for path, stamp in written(copied).items() if "/saes/" in path} == before


def test_another_sae_never_takes_the_place_of_one_that_is_there(ard: Ard, copied: Study, published: Path) -> None:
    status, _, err = ard("import-sae", copied.root, published, *LAYER, "--name", the_sae(copied))
    assert (status, "already" in err) == (1, True)
    assert ard("import-sae", copied.root, published, *LAYER, "--name", "mine")[0] == 0
    status, _, err = ard("import-sae", copied.root, published, *LAYER, "--name", "mine", "--k", 3)
    assert (status, "already" in err) == (1, True)


def test_json_goes_with_check_only(ard: Ard, copied: Study, published: Path) -> None:
    assert ard("import-sae", copied.root, published, *LAYER, "--json")[0] == 2
    assert ard("import-sae", copied.root, published, *LAYER, "--check", "--events")[0] == 2
