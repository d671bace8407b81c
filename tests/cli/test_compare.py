"""`ard compare`: what it finds, its file, and when it no longer counts."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from backend.errors import ArdError, Stopped
from backend.jobs.events import read_events
from backend.jobs.job import quiet_job
from backend.sae.base import build
from backend.sae.config import SaeConfig
from backend.sae.files import load_sae, save_sae
from backend.stages import compare as stage
from backend.stages.collect import collect
from backend.store import comparison as store
from backend.store.comparison import ComparisonFile
from backend.store.concepts import Concept
from backend.study.atomic import read_json, write_json
from backend.study.configuration import load_settings
from backend.study.folder import Study
from backend.study.manifest import read_manifest
from builders.described_study import describe_by_hand, the_sae
from builders.interrupted import StopsAfter, contents
from builders.sae_pair import TURNED, add_turned, turned_order

Ard = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def made(finished: Study, tmp_path_factory: pytest.TempPathFactory) -> Study:
    folder = tmp_path_factory.mktemp("compared")
    study = Study(Path(shutil.copytree(finished.root, folder / "study")).resolve())
    add_turned(study, the_sae(study), folder)
    stage.run(study, load_settings(study.toml), first(study), TURNED, quiet_job())
    return study


@pytest.fixture
def pair(made: Study, tmp_path: Path) -> Study:
    """The test's own copy of a study with two SAEs and their comparison."""
    return Study(Path(shutil.copytree(made.root, tmp_path / "pair")).resolve())


def first(study: Study) -> str:
    return next(name for name in study.sae_ids() if name.startswith("encoder."))


def found(study: Study) -> ComparisonFile:
    path = store.find(study, first(study), TURNED)
    assert path is not None
    return ComparisonFile(path)


def other_sae(study: Study, name: str, *, d: int, layer: str) -> None:
    """One more SAE, with random weights."""
    identity = save_sae(study.sae(name), build(SaeConfig("topk", d, 24, 2)))
    manifest = read_json(study.sae(first(study)) / "manifest.json")
    manifest["settings"] |= {"layer": layer}
    write_json(study.sae(name) / "manifest.json", {**manifest, "outputs": {"weights_hash": identity}})


def test_turned_sae_is_matched_with_itself_perfectly(made: Study) -> None:
    file = found(made)
    order = turned_order(file.a.features)
    np.testing.assert_array_equal(order[file.a.partner[:, 0]], np.arange(file.a.features))
    np.testing.assert_array_equal(file.b.partner[:, 0], order)
    assert (file.a.cosine[:, 0] == 1).all()
    assert file.a.mutual.all()
    assert file.b.mutual.all()
    assert not file.a.without.any()
    np.testing.assert_array_equal(file.a.active[order], file.b.active)
    alive = file.a.active > 0
    assert alive.any()
    np.testing.assert_array_equal(file.a.iou[:, 0], alive.astype(np.float32))
    assert file.without_iou == ""


def test_activity_is_that_of_the_ranking_s_pass(made: Study) -> None:
    file = found(made)
    with h5py.File(made.retrieval(first(made))) as handle:
        ranked = read_manifest(made.retrieval(first(made)).with_suffix(".json"))["figures"]
        assert handle.attrs["kind"] == "retrieval"
    assert file.tokens == ranked["tokens"]
    assert file.a.active.sum() / file.tokens == pytest.approx(ranked["l0_mean"])
    assert int((file.a.active == 0).sum()) == ranked["dead"]


def test_json_of_the_command_is_what_the_file_holds_with_figures_and_names(ard: Ard, pair: Study) -> None:
    describe_by_hand(pair, first(pair), [Concept(3, "ok", "a bell", "")])
    status, out, err = ard("compare", pair.root, first(pair), TURNED, "--json")
    assert (status, "is current" in err) == (0, True)
    told, file = json.loads(out), found(pair)
    assert told["file"] == str(file.path)
    assert [one["partners"][0]["feature"] for one in told["a"]["features"]] == file.a.partner[:, 0].tolist()
    assert told["a"]["features"][3]["name"] == "a bell"
    best = int(file.a.partner[3, 0])
    assert told["b"]["features"][best]["partners"][0]["name"] == "a bell"
    assert told["a"]["figures"]["partner"] == {
        "value": 1.0, "count": file.a.features, "n": file.a.features,
        "low": pytest.approx(0.971, abs=0.03), "high": 1.0,
    }  # fmt: skip
    metrics = {one["id"]: one for one in told["metrics"]}
    trained = read_manifest(pair.sae(first(pair)) / "manifest.json")["figures"]
    ranked = read_manifest(found_retrieval(pair))["figures"]
    assert metrics["training_loss"] == {
        "id": "training_loss", "title": "Training loss", "a": trained["loss"], "b": None, "differs": False,
    }  # fmt: skip
    assert (metrics["fvu"]["a"], metrics["l0"]["a"]) == (ranked["fvu"], ranked["l0_mean"])
    assert (metrics["features"]["a"], metrics["features"]["differs"]) == (file.a.features, False)
    assert metrics["origin"]["b"] == "imported (ard)"
    assert metrics["origin"]["differs"]


def found_retrieval(study: Study) -> Path:
    return study.retrieval(first(study)).with_suffix(".json")


def test_text_of_the_command_says_shares_with_their_intervals(ard: Ard, pair: Study) -> None:
    status, out, _ = ard("compare", pair.root, first(pair), TURNED, "--limit", 2)
    n = found(pair).a.features
    assert status == 0
    assert f"{n} of {n} (100.0%, 95 % " in out
    assert f"and {n - 2} more" in out


def test_comparing_is_a_run_with_events_and_progress(ard: Ard, pair: Study) -> None:
    words = ("compare", pair.root, TURNED, first(pair))
    assert ard(*words, "--events", "--json")[0] == 2
    assert ard(*words)[0] == 0
    (run,) = pair.runs.glob("*-compare-*")
    events, _ = read_events(run / "events.jsonl")
    assert [e["state"] for e in events if e["type"] == "stage"] == ["started", "finished"]
    assert {e["unit"] for e in events if e["type"] == "progress"} == {"directions compared", "clips"}
    assert events[-1]["type"] == "finished"
    assert store.find(pair, TURNED, first(pair)) is not None


def test_what_cannot_be_compared_is_said(ard: Ard, pair: Study) -> None:
    other_sae(pair, "narrow", d=5, layer="encoder.2")
    one = first(pair)
    for a, b, said in (
        (one, one, "compared with itself"), (one, "nothing", "there is no finished SAE 'nothing'"),
        (one, "raw-encoder.2", "no finished SAE"), (one, "narrow", "have width"),
    ):  # fmt: skip
        status, _, err = ard("compare", pair.root, a, b)
        assert (status, said in err) == (1, True), err


@pytest.mark.parametrize("layer", ["encoder.0", "decoder.0"])
def test_without_activations_directions_are_matched_all_the_same(ard: Ard, pair: Study, layer: str) -> None:
    width = load_sae(pair.sae(first(pair))).config.d
    other_sae(pair, "elsewhere", d=width, layer=layer)
    status, out, err = ard("compare", pair.root, first(pair), "elsewhere")
    assert status == 0, err
    assert f"no IoU: the activations of {layer} are not stored" in out
    path = store.find(pair, first(pair), "elsewhere")
    assert path is not None
    file = ComparisonFile(path)
    assert np.isnan(file.a.iou).all()
    assert (file.a.active == -1).all()
    assert np.isfinite(file.a.cosine).all()


def test_stopped_run_leaves_no_comparison_and_the_next_one_makes_the_same(pair: Study) -> None:
    path, settings, one = found(pair).path, load_settings(pair.toml), first(pair)
    expected = contents(path)
    shutil.rmtree(path.parent)
    for points in (0, 2):
        with pytest.raises(Stopped):
            stage.run(pair, settings, one, TURNED, StopsAfter(points))
        assert store.find(pair, one, TURNED) is None
    assert stage.run(pair, settings, one, TURNED, quiet_job()) == path
    assert contents(path) == expected


def test_comparison_of_an_sae_that_changed_is_not_found_and_gc_removes_it(pair: Study) -> None:
    folder = found(pair).path.parent
    assert not [path for path, _ in collect(pair, dry_run=True) if path.parts[0] == "compare"]
    (folder / ".pairs.h5.123.tmp").touch()
    changed = load_sae(pair.sae(TURNED))
    with torch.no_grad():
        changed.W_dec.mul_(-1)
    save_sae(pair.sae(TURNED), changed)
    assert store.find(pair, first(pair), TURNED) is None
    removed = {path for path, _ in collect(pair, dry_run=False)}
    assert folder.relative_to(pair.root) in removed
    assert not folder.exists()


def test_damaged_comparison_is_said_to_be_damaged(pair: Study) -> None:
    path = found(pair).path
    with h5py.File(path, "r+") as handle:
        del handle["b/iou"]
    with pytest.raises(ArdError, match="damaged"):
        ComparisonFile(path)
    path.write_bytes(b"nothing")
    with pytest.raises(ArdError, match="damaged"):
        ComparisonFile(path)
    path.unlink()
    assert store.find(pair, first(pair), TURNED) is None
