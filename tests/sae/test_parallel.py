"""Two gloo processes against one."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from parallel_worker import STEPS, train

from backend.sae.parallel import ALONE

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def two_processes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ranks")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    paths = os.pathsep.join([str(HERE), str(HERE.parents[1])])
    shared = {
        **os.environ,
        "PYTHONPATH": paths,
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "WORLD_SIZE": "2",
    }
    workers = [
        subprocess.Popen(
            [sys.executable, "-P", str(HERE / "parallel_worker.py"), str(folder)], env=shared | {"RANK": str(r)}
        )
        for r in range(2)
    ]
    assert [worker.wait(timeout=200) for worker in workers] == [0, 0]
    return [torch.load(folder / f"rank{r}.pt", weights_only=True) for r in range(2)]


@pytest.mark.parametrize("architecture", ["topk", "batchtopk", "jumprelu"])
def test_two_processes_give_the_losses_and_gradients_of_one(two_processes, architecture):
    alone = train(architecture, ALONE)
    assert sum(name.startswith("metrics.") for name in alone) == STEPS
    for rank in (0, 1):
        seen = two_processes[rank][architecture]
        assert seen.keys() == alone.keys()
        for name, expected in alone.items():
            if name.startswith(("gradient.", "metrics.", "state.sae.")):
                difference = float((seen[name] - expected).norm())
                assert difference <= 1e-5 * max(float(expected.norm()), 1e-6), (name, difference)


def test_both_processes_hold_the_same_state(two_processes):
    first, second = two_processes
    for architecture, values in first.items():
        for name, tensor in values.items():
            if name.startswith(("state.sae.", "state.adam.", "state.silence")):
                assert torch.equal(tensor, second[architecture][name]), (architecture, name)
