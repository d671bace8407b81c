"""Embedders in another environment's process: the real worker, run by a real virtual environment.

The packages themselves are stand-ins (builders/foreign_environment.py says why): what is tested is how ARD starts,
feeds, reads and gives up the process, not the packages' vectors.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from backend.describe.embedders.base import EMBEDDERS, Embedder, Wave
from backend.describe.embedders.environments import environment, import_error, make_environment
from backend.describe.embedders.foreign import ForeignEmbedder
from backend.describe.embedders.windows import embed_clips
from backend.errors import ArdError
from backend.study.settings import EmbedSection
from backend.study.user_data import user_data
from builders.foreign_environment import stand_in_environment

PROJ = "audio_branch.patch_embed.proj.weight"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A user's data directory with both environments."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ARD_HOME", str(folder))
        for name in ("laion-clap", "msclap"):
            stand_in_environment(name, folder / f"{name}-stand-in", before="print('a start-up script prints too')")
        yield folder


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Of each package a checkpoint as it is published, holding a NumPy scalar beside its weights."""
    folder = tmp_path_factory.mktemp("checkpoints")
    torch.save(
        {"best": np.float64(0.5), "state_dict": {f"module.{PROJ}": torch.full((96, 1, 4, 4), 3.0)}}, folder / "l.pt"
    )
    torch.save({"epoch": np.int64(3), "model": {"weight": torch.ones(2)}}, folder / "m.pth")
    return {"laion-clap": folder / "l.pt", "msclap": folder / "m.pth"}


def load(name: str, model: Path | str) -> Embedder:
    return EMBEDDERS.get(name).load(EmbedSection(model=str(model)), "cpu")


@pytest.fixture(scope="module")
def laion(home: Path, checkpoints: dict[str, Path]) -> Iterator[Embedder]:
    with load("laion-clap", checkpoints["laion-clap"]) as embedder:
        yield embedder


def loud(level: float, samples: int = 480_000) -> Wave:
    return np.full(samples, level, dtype=np.float32)


def test_vectors_come_back_although_the_library_prints(laion: Embedder) -> None:
    """Mean 0.5, deviation 0, level 0.5 and 1, times the checkpoint's weights of 3."""
    found = laion.embed_windows([loud(0.5), np.zeros(480_000, np.float32)])
    assert found.tolist() == [[1.5, 0, 1.5, 3], [0, 0, 0, 3]]
    assert (laion.sample_rate, laion.window_seconds, laion.dimensions) == (48_000, 10.0, 4)
    assert laion.embed_windows([]).shape == (0, 4)


def test_texts_come_back_one_by_one_and_with_any_letters(laion: Embedder) -> None:
    assert laion.embed_texts(["a dog", "Ä\n☂"]).tolist() == [[5, 1, 1, 1], [3, 0, 0, 1]]
    assert laion.embed_texts(["dog"]).tolist() == [[3, 0, 1, 1]]
    assert laion.embed_texts([]).shape == (0, 4)


def test_clips_of_any_length_reach_it_as_whole_windows(laion: Embedder) -> None:
    found = embed_clips(laion, [loud(0.5, 100), loud(0.5, 700_000)], EmbedSection(), ["a", "b"])
    assert found.reasons == ("", "")
    assert found.vectors[0] == pytest.approx(np.array([0.5, 0, 0.5, 1]) / np.sqrt(1.5), abs=1e-6)
    assert found.vectors[1] == pytest.approx(found.vectors[0], abs=1e-6)


def test_error_of_the_package_is_told_and_the_next_request_works(laion: Embedder) -> None:
    with pytest.raises(ArdError, match=r"RuntimeError: CUDA out of memory.*embed.batch_clips"):
        laion.embed_windows([loud(8.5)])
    assert laion.embed_windows([loud(0.5)]).shape == (1, 4)


def test_vectors_of_another_dimension_are_an_error(laion: Embedder) -> None:
    with pytest.raises(ArdError, match=r"shape \[1, 5\] instead of \[1, 4\].*ard setup laion-clap"):
        laion.embed_windows([loud(7.5)])


def test_identity_names_the_weights_and_the_other_environment_s_versions(
    laion: Embedder, checkpoints: dict[str, Path], tmp_path: Path
) -> None:
    identity = laion.identity()
    assert (identity["name"], identity["laion_clap"], identity["torch"]) == ("laion-clap", "1.0", torch.__version__)
    torch.save({f"module.{PROJ}": torch.zeros(96, 1, 4, 4)}, tmp_path / "other.pt")
    with load("laion-clap", tmp_path / "other.pt") as other:
        assert other.identity()["weights"] != identity["weights"]


def test_process_that_dies_is_an_error_with_its_status(home: Path, checkpoints: dict[str, Path]) -> None:
    with load("laion-clap", checkpoints["laion-clap"]) as embedder:
        with pytest.raises(ArdError, match=r"ended with status 7.*kept"):
            embedder.embed_windows([loud(9.5)])
        with pytest.raises(ArdError, match="ended with status 7"):
            embedder.embed_windows([loud(0.5)])


def test_process_ends_and_leaves_no_files_when_it_is_closed(home: Path, checkpoints: dict[str, Path]) -> None:
    embedder = load("laion-clap", checkpoints["laion-clap"])
    assert isinstance(embedder, ForeignEmbedder)
    worker = embedder.worker
    embedder.close()
    assert worker._process.returncode == 0
    assert not worker.folder.exists()


def test_process_ends_when_ard_is_no_longer_there(home: Path, checkpoints: dict[str, Path]) -> None:
    """Its stdin closing is all that it sees of that."""
    embedder = load("msclap", checkpoints["msclap"])
    assert isinstance(embedder, ForeignEmbedder)
    process = embedder.worker._process
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(60) == 0
    embedder.close()


def test_msclap_gets_its_own_rate_and_window(home: Path, checkpoints: dict[str, Path]) -> None:
    with load("msclap", checkpoints["msclap"]) as embedder:
        assert (embedder.sample_rate, embedder.window_seconds, embedder.dimensions) == (44_100, 7.0, 3)
        assert embedder.embed_windows([loud(0.5, 308_700)]).tolist() == [[0.5, 0, 1]]
        assert embedder.embed_texts(["four"]).tolist() == [[4, 0.5, 1]]
        assert embedder.identity()["msclap"] == "1.0"


def test_checkpoint_that_is_not_there_or_not_its_own_is_told(home: Path, tmp_path: Path) -> None:
    with pytest.raises(ArdError, match=r"checkpoint of 'msclap' is not there.*gone\.pth"):
        load("msclap", tmp_path / "gone.pth")
    torch.save({"state_dict": {"conv.weight": torch.ones(2)}}, tmp_path / "other.pt")
    with pytest.raises(ArdError, match=r"cannot be loaded: .*not a checkpoint of laion_clap"):
        load("laion-clap", tmp_path / "other.pt")
    torch.save({PROJ: torch.ones(96, 1, 4, 4), PROJ.replace("proj", "mel_conv2d"): torch.ones(1)}, tmp_path / "f.pt")
    with pytest.raises(ArdError, match="ard import-clap"):
        load("laion-clap", tmp_path / "f.pt")


class Harmful:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return print, ("run by a pickle",)


@pytest.mark.parametrize("name", ["laion-clap", "msclap"])
def test_checkpoint_that_would_run_code_is_refused(home: Path, tmp_path: Path, name: str) -> None:
    torch.save({"model": {}, "state_dict": {}, "extra": Harmful()}, tmp_path / "bad.pt")
    with pytest.raises(ArdError, match=r"UnpicklingError"):
        load(name, tmp_path / "bad.pt")


@pytest.mark.parametrize("name", ["laion-clap", "msclap"])
def test_missing_environment_names_the_command(
    monkeypatch: pytest.MonkeyPatch, checkpoints: dict[str, Path], tmp_path: Path, name: str
) -> None:
    monkeypatch.setenv("ARD_HOME", str(tmp_path))
    with pytest.raises(ArdError, match=f"Run: ard setup {name}"):
        load(name, checkpoints[name])


def test_process_that_never_gets_started_tells_what_it_said(
    monkeypatch: pytest.MonkeyPatch, checkpoints: dict[str, Path], tmp_path: Path
) -> None:
    monkeypatch.setenv("ARD_HOME", str(tmp_path / "home"))
    before = "import os, sys; sys.stderr.write('no such library\\n'); sys.stderr.flush(); os._exit(3)"
    stand_in_environment("msclap", tmp_path / "stand-in", before=before)
    with pytest.raises(ArdError, match="ended with status 3: no such library"):
        load("msclap", checkpoints["msclap"])
    assert import_error(environment("msclap")) == "no such library"


def test_package_that_can_be_imported_is_found_to_be(home: Path) -> None:
    assert import_error(environment("laion-clap")) == ""


def test_unfinished_environment_does_not_count(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ARD_HOME", str(tmp_path / "home"))
    folder = stand_in_environment("msclap", tmp_path / "stand-in")
    assert environment("msclap").made() is not None
    (folder / "ard.json").unlink()
    assert environment("msclap").made() is None


def test_interpreter_that_does_not_do_is_refused_before_anything_is_made(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ARD_HOME", str(tmp_path / "home"))
    fake = tmp_path / "python9"
    fake.write_text("#!/bin/sh\necho 3 13\n")
    fake.chmod(0o755)
    for python, said in ((str(fake), "no build for Python 3.13"), (str(tmp_path / "none"), "does not run as Python")):
        with pytest.raises(ArdError, match=f"{said}.*--python"):
            make_environment("msclap", python=python)
    assert not (tmp_path / "home").exists()


def test_name_without_an_environment_is_refused() -> None:
    with pytest.raises(ArdError, match="laion-clap, msclap"):
        environment("mini")


def test_user_data_is_where_the_system_keeps_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    assert user_data({}, "linux") == Path("/home/ada/.local/share/ard")
    assert user_data({"XDG_DATA_HOME": "/data"}, "linux") == Path("/data/ard")
    assert user_data({}, "darwin") == Path("/home/ada/Library/Application Support/ard")
    assert user_data({"LOCALAPPDATA": "/local"}, "win32") == Path("/local/ard")
    assert user_data({"ARD_HOME": "/elsewhere"}, "linux") == Path("/elsewhere")
