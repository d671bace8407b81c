"""A package as pip leaves it, whose entry points add kinds of requests to the model server."""

from __future__ import annotations

import os
from pathlib import Path

MODULE = '''
import os, subprocess, sys, time
from pathlib import Path

import torch

from backend.serve.base import Request


class Noisy(Request):
    """Prints in every way a library can, and reads what it can."""

    def run(self, resident, talk):
        print("printed")
        os.write(1, b'{"v": 1, "id": 1, "do": "noisy", "type": "answer", "result": "forged"}\\n')
        subprocess.run([sys.executable, "-c", "print('child', flush=True)"], check=True)
        return {"read": sys.stdin.read(), "read_by_child": subprocess.run(["cat"], capture_output=True).stdout.decode()}


class Slow(Request):
    """Says that it runs, and runs until `release` is there."""

    release: str

    def run(self, resident, talk):
        talk.part(running=True)
        while not Path(self.release).exists():
            talk.check()
            time.sleep(0.005)
        return {"release": self.release}


class Steady(Slow):
    finishes = True


class Deaf(Request):
    """Never ends."""

    def run(self, resident, talk):
        talk.part(running=True)
        while True:
            time.sleep(0.005)


class Fails(Request):
    how: str

    def run(self, resident, talk):
        if self.how == "memory":
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 3 GiB")
        if self.how == "exit":
            sys.exit(3)
        raise ZeroDivisionError("by zero")
'''


def extra_requests(folder: Path) -> dict[str, str]:
    """Write the package into `folder`; returns the environment in which Python finds it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ard_extra_requests.py").write_text(MODULE)
    info = folder / "ard_extra_requests-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: ard-extra-requests\nVersion: 1\n")
    names = ("Noisy", "Slow", "Steady", "Deaf", "Fails")
    points = "broken = ard_extra_requests_that_are_not_there:Broken\n"
    points += "".join(f"{name.lower()} = ard_extra_requests:{name}\n" for name in names)
    (info / "entry_points.txt").write_text(f"[ard.requests]\n{points}")
    root = Path(__file__).resolve().parents[2]
    return {"PYTHONPATH": os.pathsep.join([str(folder), str(root)])}
