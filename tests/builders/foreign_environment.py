"""An environment of `ard setup` with a stand-in for its package.

The real packages fetch tokenizers and weights from a model hub when they are imported or loaded, which tests may not.
So a real virtual environment is made whose site-packages point at this one's torch and NumPy and at a module of the
package's name with the calls that ARD makes; the process that runs in it is the real one.
"""

from __future__ import annotations

import json
import sys
import sysconfig
import venv
from pathlib import Path

import torch

from backend.describe.embedders.environments import MARKER, RECIPES, environment
from backend.study.fingerprint import fingerprint

LAION = '''
"""Stands in for laion_clap: vectors of 4 from a window's mean and level, times the checkpoint's scale."""
import os, sys
import numpy as np
import torch

__version__ = "1.1.7"
print("a library prints on stdout while it is imported")


class CLAP_Module(torch.nn.Module):
    def __init__(self, enable_fusion=False, device=None, amodel="HTSAT-tiny", tmodel="roberta"):
        super().__init__()
        assert not enable_fusion
        self.model = torch.nn.Module()
        self.model.audio_branch = torch.nn.Module()
        self.model.audio_branch.patch_embed = torch.nn.Module()
        self.model.audio_branch.patch_embed.proj = torch.nn.Conv2d(1, 96, 4, bias=False)
        self.calls = 0

    def get_audio_embedding_from_data(self, x, use_tensor=False):
        print('{"id": 1, "vectors": "rubbish on stdout"}', flush=True)
        os.write(1, b"more rubbish, past Python\\n")
        assert x.dtype == np.float32 and x.shape[1] == 480000, x.shape
        level = np.abs(x).max(1)
        if (level > 9).any():
            os._exit(7)
        if (level > 8).any():
            raise RuntimeError("CUDA out of memory")
        wide = 5 if (level > 7).any() else 4
        scale = float(self.model.audio_branch.patch_embed.proj.weight.mean())
        found = np.stack([x.mean(1), x.std(1), level, np.ones(len(x)), level][:wide], 1)
        return (scale * found).astype(np.float32)

    def get_text_embedding(self, x, tokenizer=None, use_tensor=False):
        assert len(x) > 1
        return np.array([[len(t), t.count("a"), t.count("dog"), 1] for t in x], dtype=np.float32)
'''

MS = '''
"""Stands in for msclap: vectors of 3; its similarity, which nobody may call, would fail."""
import torch

__version__ = "1.3.4"


class Encoder(torch.nn.Module):
    def forward(self, x):
        assert x.shape[1] == 308700, x.shape
        return torch.stack([x.mean(1), x.std(1), torch.ones(len(x))], 1), torch.zeros(len(x), 527)


class CLAP:
    def __init__(self, model_fp=None, version="2023", use_cuda=False):
        assert version == "2023" and not use_cuda
        self.state = torch.load(model_fp)["model"]
        self.clap = torch.nn.Module()
        self.clap.audio_encoder = Encoder()

    def get_text_embeddings(self, texts):
        return torch.tensor([[float(len(t)), 0.5, 1.0] for t in texts], requires_grad=True)
'''

PACKAGES = {"laion-clap": ("laion_clap", LAION), "msclap": ("msclap", MS)}


def stand_in_environment(name: str, folder: Path, *, before: str = "") -> Path:
    """The environment `name` where `environment(name)` looks for it; `before` runs when its interpreter starts."""
    module, source = PACKAGES[name]
    packages = folder / "packages"
    facts = packages / f"{module}-1.0.dist-info" / "METADATA"
    facts.parent.mkdir(parents=True)
    facts.write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
    (packages / f"{module}.py").write_text(source)
    if before:
        (packages / "sitecustomize.py").write_text(before)
    place = environment(name)
    venv.create(place.folder, with_pip=False, symlinks=True)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    site = place.folder / "lib" / version / "site-packages"
    paths = [packages, Path(torch.__file__).parents[1], Path(sysconfig.get_paths()["purelib"])]
    (site / "stand-in.pth").write_text("".join(f"{path}\n" for path in paths))
    wanted = fingerprint(RECIPES[name].requirements.read_text(encoding="utf-8"))
    (place.folder / MARKER).write_text(
        json.dumps({"requirements": wanted, "python": version, "versions": {module: "1.0"}})
    )
    return place.folder
