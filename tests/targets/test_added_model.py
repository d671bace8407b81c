"""The model that docs/add-a-model.md adds is added, exactly as written there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import torch
from transformers import SeamlessM4TFeatureExtractor, Wav2Vec2BertConfig, Wav2Vec2BertModel

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "add-a-model.md"


def listing(name: str) -> str:
    """The code block that follows the line naming its file."""
    found = re.search(rf"^`{re.escape(name)}`.*?```\w+\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.S | re.M)
    assert found is not None, name
    return found.group(1)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as pip leaves it: the module, and its entry points in a dist-info."""
    folder = tmp_path_factory.mktemp("site")
    project = tomllib.loads(listing("pyproject.toml"))["project"]
    (folder / "ard_wav2vec2_bert.py").write_text(listing("ard_wav2vec2_bert.py"))
    (folder / "check.py").write_text(listing("check.py"))
    info = folder / f"ard_wav2vec2_bert-{project['version']}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    points = project["entry-points"]["ard.targets"]
    (info / "entry_points.txt").write_text("[ard.targets]\n" + "".join(f"{k} = {v}\n" for k, v in points.items()))
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bert")
    torch.manual_seed(0)
    config = Wav2Vec2BertConfig(
        hidden_size=16, num_hidden_layers=3, num_attention_heads=2, intermediate_size=32,
        feature_projection_input_dim=160, left_max_position_embeddings=8, right_max_position_embeddings=8,
    )  # fmt: skip
    Wav2Vec2BertModel(config).eval().save_pretrained(folder)
    SeamlessM4TFeatureExtractor().save_pretrained(folder)
    return folder


def run(package: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(package), str(ROOT)]), "OMP_NUM_THREADS": "1"}
    return subprocess.run([sys.executable, *words], env=environment, capture_output=True, text=True, check=False)


def test_the_example_is_at_most_forty_lines() -> None:
    assert len(listing("ard_wav2vec2_bert.py").splitlines()) <= 40


def test_the_added_model_is_found_by_its_entry_point_and_keeps_its_promises(package: Path, model: Path) -> None:
    done = run(package, str(package / "check.py"), str(model))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "'model_type': 'wav2vec2-bert'" in done.stdout
    assert "'stacks': {'encoder': 3}" in done.stdout


def test_the_check_finds_a_wrong_token_count(package: Path, model: Path, tmp_path: Path) -> None:
    wrong = listing("ard_wav2vec2_bert.py").replace("max(0, mel_frames) // 2", "max(0, mel_frames + 2) // 2")
    (tmp_path / "ard_wav2vec2_bert.py").write_text(wrong)
    code = (
        "import sys; sys.path.insert(0, sys.argv.pop(1)); import runpy; runpy.run_path(sys.argv.pop(1), run_name='x')"
    )
    done = run(package, "-c", code, str(tmp_path), str(package / "check.py"), str(model))
    assert done.returncode == 1
    assert "seconds has the shape" in done.stderr


def test_without_the_package_the_message_names_the_known_types_and_the_page(model: Path, tmp_path: Path) -> None:
    done = run(tmp_path, "-c", listing("check.py"), str(model))
    assert done.returncode == 1
    assert "the model type 'wav2vec2-bert' is not known" in done.stderr
    assert "hubert, qwen2_audio, wav2vec2, wavlm, whisper" in done.stderr
    assert "docs/add-a-model.md" in done.stderr
