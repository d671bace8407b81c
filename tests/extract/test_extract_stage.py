from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from backend.errors import ArdError, Stopped
from backend.extract import estimate as estimates
from backend.stages import extract
from backend.store import activations
from backend.store.activations import ActivationStore, read_extras
from backend.store.clips import ClipTable
from backend.study.folder import Study
from backend.study.manifest import read_manifest
from backend.study.settings import Settings
from backend.targets.load import load_target
from builders.open_study import Watched, arrays, open_study
from builders.tiny_models import tiny_whisper
from builders.tiny_study import recordings

LAYERS = ["encoder.0", "encoder.2"]
SMALL = {"shard_tokens": 300, "batch_clips": 4}


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    base = tmp_path_factory.mktemp("material")
    return tiny_whisper(base / "model"), recordings(base / "audio", count=18)


def stores(study: Study, settings: Settings) -> dict[str, ActivationStore]:
    return {p.name: ActivationStore(p.manifest.parent) for p in extract.products(study, settings)}


@pytest.fixture(scope="module")
def whole(material: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Study, Settings]:
    """A study extracted without disturbance."""
    model, audio = material
    study, settings = open_study(tmp_path_factory.mktemp("whole") / "s", model, [audio], LAYERS, extract=SMALL)
    extract.run(study, settings, Watched())
    return study, settings


def test_stored_rows_equal_the_model_run_clip_by_clip(whole: tuple[Study, Settings]) -> None:
    study, settings = whole
    table, target = ClipTable(study.clips()), load_target(settings.model)
    for layer, store in stores(study, settings).items():
        assert len(store.shards) > 2
        for shard in store.shards:
            for clip, start, length in zip(shard.clip, shard.start, shard.length, strict=True):
                wave, _ = soundfile.read(Path(table[int(clip)].root) / table[int(clip)].path, dtype="float32")
                (alone,) = target.encode([wave], [layer])
                assert len(alone.x[layer]) == length
                np.testing.assert_allclose(
                    shard.rows(slice(start, start + length)), alone.x[layer].numpy(), rtol=2e-3, atol=2e-3
                )


def test_manifest_tells_tokens_grid_and_statistics(whole: tuple[Study, Settings]) -> None:
    study, settings = whole
    for product in extract.products(study, settings):
        manifest = read_manifest(product.manifest)
        store = ActivationStore(product.manifest.parent)
        x = np.concatenate([shard.rows(slice(0, len(shard.x))) for shard in store.shards]).astype(np.float64)
        assert manifest["outputs"]["tokens"] == store.tokens == len(x)
        assert manifest["outputs"]["seconds_per_token"] == 0.02
        assert manifest["outputs"]["clips"] == 18
        np.testing.assert_allclose(store.mean, x.mean(0), atol=1e-3)
        np.testing.assert_allclose(store.mean_square_norm, (x**2).sum(1).mean(), rtol=1e-3)
        np.testing.assert_allclose(store.median_norm, np.median(np.linalg.norm(x, axis=1)), rtol=1e-3)
        assert product.state == "finished"


def test_estimate_counts_the_tokens_that_are_then_stored(whole: tuple[Study, Settings]) -> None:
    study, settings = whole
    values = extract.estimate(study, settings)
    counted = {layer: store.tokens for layer, store in stores(study, settings).items()}
    # the estimate rounds a clip's last frame, storage keeps every frame that starts inside (S-04)
    for layer, tokens in counted.items():
        assert abs(values["layers"][layer]["tokens"] - tokens) <= 18
    assert values["bytes"] == values["tokens"] * 16 * 2


def test_extraction_stopped_and_resumed_many_times_equals_the_undisturbed_one(
    whole: tuple[Study, Settings], material: tuple[Path, Path], tmp_path: Path
) -> None:
    model, audio = material
    study, settings = open_study(tmp_path / "s", model, [audio], LAYERS, extract=SMALL)
    stops = 0
    while any(p.state != "finished" for p in extract.products(study, settings)):
        try:
            extract.run(study, settings, Watched(stop_after=2 + stops % 2))
        except Stopped:
            stops += 1
        if stops > 20:
            extract.run(study, settings, Watched())
    assert stops >= 2
    assert arrays(study) == arrays(whole[0])


def test_crash_while_a_shard_is_written_leaves_nothing_that_opens_but_lies(
    whole: tuple[Study, Settings], material: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, audio = material
    study, settings = open_study(tmp_path / "s", model, [audio], LAYERS, extract=SMALL)
    genuine, calls = activations.to_store, iter(range(10**6))

    def torn(x: activations.Array, dtype: str) -> tuple[np.ndarray, str]:
        if next(calls) == 3:
            raise KeyboardInterrupt
        return genuine(x, dtype)

    monkeypatch.setattr(activations, "to_store", torn)
    with pytest.raises(KeyboardInterrupt):
        extract.run(study, settings, Watched())
    assert not list(study.root.glob("activations/*/*/manifest.json"))
    for path in study.root.glob("activations/*/*/shard-*.h5"):
        activations.open_shard(path)
    extract.run(study, settings, Watched())
    assert arrays(study) == arrays(whole[0])


def test_truncated_shard_of_a_killed_run_is_made_again(
    whole: tuple[Study, Settings], material: tuple[Path, Path], tmp_path: Path
) -> None:
    model, audio = material
    study, settings = open_study(tmp_path / "s", model, [audio], LAYERS, extract=SMALL)
    extract.run(study, settings, Watched())
    product = extract.products(study, settings)[0]
    shard = product.manifest.parent / "shard-00001.h5"
    shard.write_bytes(shard.read_bytes()[:-200])
    product.manifest.unlink()
    extract.run(study, settings, Watched())
    assert arrays(study) == arrays(whole[0])


def test_layer_added_later_is_computed_alone_and_equals_one_extracted_together(
    whole: tuple[Study, Settings], material: tuple[Path, Path], tmp_path: Path
) -> None:
    model, audio = material
    study, settings = open_study(tmp_path / "s", model, [audio], LAYERS[:1], extract=SMALL)
    extract.run(study, settings, Watched())
    first = {p: p.stat().st_mtime_ns for p in study.root.glob("activations/encoder.0/*/*")}
    settings.model.layers = LAYERS
    extract.run(study, settings, Watched())
    assert {p: p.stat().st_mtime_ns for p in study.root.glob("activations/encoder.0/*/*")} == first
    assert arrays(study) == arrays(whole[0])


def test_finished_extraction_has_nothing_to_do(whole: tuple[Study, Settings]) -> None:
    job = Watched()
    extract.run(*whole, job)
    assert [(e["type"], e["state"]) for e in job.events] == [("stage", "current")]


def test_decoder_layers_keep_transcripts_and_approximate_times(material: tuple[Path, Path], tmp_path: Path) -> None:
    model, audio = material
    study, settings = open_study(tmp_path / "s", model, [audio], ["encoder.0", "decoder.1"], extract=SMALL)
    extract.run(study, settings, Watched())
    found = stores(study, settings)
    decoder = [read_extras(shard.path) for shard in found["decoder.1"].shards]
    for shard, extras in zip(found["decoder.1"].shards, decoder, strict=True):
        assert extras.approximate
        assert extras.seconds is not None
        assert extras.seconds.shape == (len(shard.x), 2)
        assert len(extras.text) == len(shard.clip)
    encoder = [read_extras(shard.path) for shard in found["encoder.0"].shards]
    assert all(extras.seconds is None and not any(extras.text) for extras in encoder)
    assert read_manifest(found["decoder.1"].folder / "manifest.json")["outputs"]["approximate_times"]


def test_clips_that_cannot_be_encoded_are_left_out_and_listed(material: tuple[Path, Path], tmp_path: Path) -> None:
    model, audio = material
    folder = tmp_path / "audio"
    shutil.copytree(audio, folder)
    soundfile.write(folder / "silence.wav", np.array([0.0, np.nan] * 4000, np.float32), 16000, subtype="FLOAT")
    study, settings = open_study(tmp_path / "s", model, [folder], ["encoder.0"])
    job = Watched()
    extract.run(study, settings, job)
    (product,) = extract.products(study, settings)
    outputs = read_manifest(product.manifest)["outputs"]
    assert [(one["record"], one["reason"]) for one in outputs["skipped"]] == [
        ("silence.wav", "the audio holds NaN or infinite samples")
    ]
    assert outputs["clips"] == 18
    assert "1 clips left out" in job.texts()


def test_study_whose_every_clip_is_unreadable_is_an_error(material: tuple[Path, Path], tmp_path: Path) -> None:
    folder = tmp_path / "audio"
    folder.mkdir()
    soundfile.write(folder / "a.wav", np.array([np.nan] * 4000, np.float32), 16000, subtype="FLOAT")
    study, settings = open_study(tmp_path / "s", material[0], [folder], ["encoder.0"])
    with pytest.raises(ArdError, match=r"none of the 1 clips gave the model anything to encode.*NaN"):
        extract.run(study, settings, Watched())


def test_disk_too_small_is_refused_before_the_model_is_loaded(
    material: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, audio = material
    study, settings = open_study(tmp_path / "s", model, [audio], LAYERS)
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(estimates.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(ArdError, match=r"activations need .* GiB, and the disk has 0.00 GiB free.*stream"):
        extract.run(study, settings, Watched())
    assert not list(study.root.glob("activations/*/*/shard-*.h5"))


def test_changed_setting_makes_other_activations_beside_the_old_ones(whole: tuple[Study, Settings]) -> None:
    study, settings = whole
    changed = settings.model_copy(deep=True)
    changed.clips.crop = "center"
    assert {p.state for p in extract.products(study, changed)} == {"missing"}
    assert {p.state for p in extract.products(study, settings)} == {"finished"}


@pytest.fixture(autouse=True)
def _no_leftovers(tmp_path: Path) -> Iterator[None]:
    yield
    assert not list(tmp_path.rglob("shard-*.tmp"))


def test_clip_longer_than_the_window_is_read_in_chunks_or_cut(material: tuple[Path, Path], tmp_path: Path) -> None:
    folder = tmp_path / "audio"
    folder.mkdir()
    # 12.5 s in windows of 10 s, 50 frames a second
    soundfile.write(folder / "long.wav", 0.1 * np.sin(np.arange(200_000) * 0.05), 16000)
    rows = {}
    for crop in ("first", "chunk", "center"):
        study, settings = open_study(tmp_path / crop, material[0], [folder], ["encoder.0"], clips={"crop": crop})
        extract.run(study, settings, Watched())
        store = stores(study, settings)["encoder.0"]
        rows[crop] = (store.tokens, store.seconds_per_token, read_extras(store.shards[0].path).seconds)
    assert rows["first"][:2] == (500, 0.02)
    assert rows["chunk"][:2] == (625, 0.02)
    assert rows["first"][2] is None
    assert rows["chunk"][2] is None
    assert rows["center"][2] is not None
    np.testing.assert_allclose(rows["center"][2][:2, 0], [1.25, 1.27], atol=1e-6)
