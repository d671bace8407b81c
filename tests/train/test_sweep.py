from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING

import pytest
import torch

from backend.sae.files import load_sae
from backend.stages import extract, sweep
from backend.store.activations import ActivationStore
from builders.open_study import Watched

if TYPE_CHECKING:
    from conftest import Factory


def test_sweep_writes_one_row_per_sae_with_the_numbers_of_its_definition(studies: Factory) -> None:
    study, settings = studies.cached("sweep", sae={"architecture": ["topk"]}, train={"batch_tokens": 16})
    folder = sweep.run(study, settings, Watched(), expansion=[2, 4], k=[2, 4], alive_steps=10**6)
    rows = json.loads((folder / "sweep.json").read_text())
    assert [(row["expansion"], row["k"]) for row in rows] == [(2, 2), (2, 4), (4, 2), (4, 4)]
    with open(folder / "sweep.csv", encoding="utf-8", newline="") as handle:
        assert [row["sae"] for row in csv.DictReader(handle)] == [row["sae"] for row in rows]
    (product,) = extract.products(study, settings)
    store = ActivationStore(product.manifest.parent)
    x = torch.from_numpy(store.shards[0].rows(slice(0, store.tokens)))
    row = rows[-1]
    # an epoch, but for the last tokens that do not fill a batch
    assert store.tokens - 16 < row["tokens"] <= store.tokens
    sae = load_sae(study.sae(row["sae"]))
    codes = sae.encode(x)
    error = (x - sae.decode(codes)).square().sum(1)
    assert row["normalised_l2"] == pytest.approx(float((error / x.square().sum(1)).mean()), rel=0.05)
    assert row["l0_mean"] == pytest.approx(len(codes.value) / len(x), rel=0.02)
    assert row["alive"] == pytest.approx(len(set(codes.feature.tolist())), abs=2)
    assert rows[1]["fvu"] < rows[0]["fvu"], "more active features reconstruct better"


def test_finished_sweep_is_current_and_a_wider_one_trains_only_what_is_new(studies: Factory) -> None:
    study, settings = studies.cached("wider", sae={"architecture": ["topk"]})
    first = sweep.run(study, settings, Watched(), expansion=[2], k=[2])
    job = Watched()
    assert sweep.run(study, settings, job, expansion=[2], k=[2]) == first
    assert {event["state"] for event in job.events} == {"current"}
    job = Watched()
    sweep.run(study, settings, job, expansion=[2], k=[2, 4])
    assert {event["sae"] for event in job.events if event["type"] == "metric"} == {"encoder.1-topk-e2-k4-s0"}


def test_streaming_study_can_be_swept(studies: Factory) -> None:
    study, settings = studies.streaming("live", sae={"expansion": [2], "k": [2]}, train={"steps": 8})
    folder = sweep.run(study, settings, Watched(), alive_steps=5)
    (row,) = json.loads((folder / "sweep.json").read_text())
    assert row["alive_steps"] == 5
    assert row["tokens"] == 5 * 64
