from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from backend.stages import train
from backend.study.manifest import read_manifest
from backend.train.log import read_metrics
from builders.open_study import Watched, arrays, open_study

if TYPE_CHECKING:
    from conftest import Factory

SCRIPT = Path(__file__).with_name("two_processes.py")
SAE = {"architecture": ["batchtopk", "topk"], "expansion": [2], "k": [4]}


@pytest.mark.skipif(sys.platform == "win32", reason="torchrun needs gloo over POSIX sockets")
def test_two_processes_extract_the_same_bits_and_train_to_the_same_losses(studies: Factory) -> None:
    train_as = {"steps": 20, "batch_tokens": 64, "log_every": 5, "threads": 1, "matmul": "float32"}
    shards = {"shard_tokens": 300, "batch_clips": 4}
    layers = ["encoder.1"]
    alone, settings = studies.cached("alone", layers=layers, sae=SAE, train=train_as, extract=shards)
    train.run(alone, settings, Watched())
    pair, settings = open_study(
        studies.base / "pair", studies.model, [studies.audio], layers, sae=SAE, train=train_as, extract=shards
    )
    words = ["-P", "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(SCRIPT), str(pair.root)]
    environment = {**os.environ, "PYTHONPATH": str(SCRIPT.parents[2]), "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, *words], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    one, two = arrays(alone), arrays(pair)
    assert {n for n in one if n.startswith("activations")} == {n for n in two if n.startswith("activations")}
    assert [n for n in one if n.startswith("activations") and one[n] != two[n]] == []
    for name in alone.sae_ids():
        assert read_manifest(pair.sae(name) / "manifest.json")["outputs"]["processes"] == 2
        losses = [[line["loss"] for line in read_metrics(s.sae(name) / "metrics.jsonl")] for s in (alone, pair)]
        assert len(losses[0]) == 4
        assert losses[1] == pytest.approx(losses[0], rel=1e-5)
