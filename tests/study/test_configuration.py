"""study.toml: read, checked, written and edited."""

from __future__ import annotations

from pathlib import Path

import pytest

from backend.errors import ArdError
from backend.study.configuration import PROFILES, digest, edit, load_settings, new_settings, profile_values
from backend.study.creation import new_study
from backend.study.settings import Settings


def written(tmp_path: Path, *changes: str, profile: str = "default") -> Path:
    sound = tmp_path / "sound"
    sound.mkdir(exist_ok=True)
    return new_study(tmp_path / "study", "some/model", [sound], profile=profile, changes=changes).toml


def replaced(path: Path, old: str, new: str) -> tuple[Path, int]:
    """`path` with the first line that starts with `old` replaced; and that line's number."""
    lines = path.read_text(encoding="utf-8").splitlines()
    number = next(i for i, line in enumerate(lines) if line.startswith(old))
    lines[number] = new
    path.write_text("\n".join(lines), encoding="utf-8")
    return path, number + 1


def test_new_study_reads_back_as_it_was_written(tmp_path: Path) -> None:
    path = written(tmp_path, "train.steps=12", "sae.k=[8, 16]", "audio.weight=2", "study.seed=3")
    settings = load_settings(path)
    assert (settings.train.steps, settings.sae.k, settings.audio[0].weight, settings.study.seed) == (12, [8, 16], 2, 3)
    assert settings.study.uuid
    assert settings.audio[0].path == str(tmp_path / "sound")


def test_every_setting_carries_its_comment(tmp_path: Path) -> None:
    lines = written(tmp_path).read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines):
        if "=" in line and not line.startswith("#") and not line.startswith("format"):
            assert lines[number - 1].startswith("# "), line


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("crop =", 'crop = "middle"', "'first', 'center' or 'chunk' (is: 'middle')"),
        ("batch_tokens =", "batch_tokens = 0", "greater than or equal to 1 (is: 0)"),
        ("expansion =", 'expansion = ["x"]', "valid integer"),
        ("lr =", 'lr = "fast"', "lr"),
        ("decoder_norm =", 'decoder_norms = "unit"', "no such setting; known ones: architecture, expansion, k"),
        ("list_length =", "list_length = 2", "list_length must be at least p"),
        ("layers =", 'layers = ["encoder.x"]', "pattern"),
        ("weight =", "weight = -1.0", "greater than 0"),
    ],
)
def test_wrong_value_names_its_line_and_what_is_allowed(tmp_path: Path, old: str, new: str, said: str) -> None:
    path, number = replaced(written(tmp_path), old, new)
    with pytest.raises(ArdError) as caught:
        load_settings(path)
    assert said in str(caught.value)
    if "list_length" not in old:
        assert f"line {number}, " in str(caught.value)


def test_all_wrong_values_are_named_at_once(tmp_path: Path) -> None:
    path, _ = replaced(written(tmp_path), "crop =", 'crop = "middle"')
    path, _ = replaced(path, "p =", "p = 0")
    with pytest.raises(ArdError, match=r"(?s)2 value\(s\).*clips\.crop.*retrieve\.p"):
        load_settings(path)


def test_broken_toml_names_its_line(tmp_path: Path) -> None:
    path, number = replaced(written(tmp_path), "crop =", "crop = first")
    with pytest.raises(ArdError, match=f"line {number}"):
        load_settings(path)


def test_newer_format_asks_for_an_update(tmp_path: Path) -> None:
    path, _ = replaced(written(tmp_path), "format =", "format = 99")
    with pytest.raises(ArdError, match="newer version"):
        load_settings(path)


def test_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ArdError, match="ard new"):
        load_settings(tmp_path / "study.toml")


def test_edit_keeps_comments_and_order(tmp_path: Path) -> None:
    path = written(tmp_path)
    path.write_text("# my own note\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
    before = path.read_text(encoding="utf-8").splitlines()
    edit(path, {"train.steps": 500, "sae.expansion": [8, 16]}, seen=digest(path))
    after = path.read_text(encoding="utf-8").splitlines()
    assert after[0] == "# my own note"
    assert {a for a, b in zip(after, before, strict=True) if a != b} == {"steps = 500", "expansion = [8, 16]"}


def test_edit_of_a_file_changed_meanwhile_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path)
    seen = digest(path)
    path.write_text(path.read_text(encoding="utf-8") + "\n# changed\n", encoding="utf-8")
    with pytest.raises(ArdError, match="changed by another program"):
        edit(path, {"train.steps": 500}, seen=seen)
    assert "steps = 500" not in path.read_text(encoding="utf-8")


def test_edit_to_a_value_that_cannot_be_used_changes_nothing(tmp_path: Path) -> None:
    path = written(tmp_path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match="p"):
        edit(path, {"retrieve.p": 0}, seen=digest(path))
    assert path.read_bytes() == before


@pytest.mark.parametrize("profile", PROFILES)
def test_profile_loads_and_round_trips(tmp_path: Path, profile: str) -> None:
    assert load_settings(written(tmp_path, profile=profile)).study.profile == profile


def of_profile(name: str) -> Settings:
    return new_settings(name, {"path": "m"}, [{"path": "a"}], "u")


def test_ard_paper_expands_to_nine_saes_without_extras() -> None:
    """A-12, A-16, A-18: 3 layers x 3 expansions, K = 250, lr 1e-5, 1e5 steps of 4,096, no b_dec, no AuxK."""
    s = of_profile("ard-paper")
    assert (len(s.model.layers), s.sae.expansion, s.sae.k) == (3, [4, 8, 16], [250])
    assert s.model.layers == ["decoder.5", "decoder.16", "decoder.26"]
    assert (s.train.lr, s.train.steps, s.train.batch_tokens, s.train.warmup, s.train.decay) == (
        1e-5,
        100000,
        4096,
        0,
        0,
    )
    assert (s.sae.bias_mode, s.sae.auxk_alpha, s.sae.input_scaling, s.train.outlier_factor) == ("none", 0, "none", 0)
    assert (s.sae.architecture, s.retrieve.p, s.retrieve.deduplicate) == (["topk"], 4, False)


def test_audiosae_paper_streams_batchtopk_per_clip() -> None:
    """S-08…S-12: e = 8, k = 50, batch 2,500, 200,000 steps at 2e-4, decay over the last fifth, per-clip selection."""
    s = of_profile("audiosae-paper")
    assert (s.sae.architecture, s.sae.expansion, s.sae.k, s.sae.inference) == (["batchtopk"], [8], [50], "per_clip")
    assert (s.train.batch_tokens, s.train.steps, s.train.lr, s.train.decay) == (2500, 200000, 2e-4, 0.2)
    assert (s.extract.storage, s.extract.sample_clips, s.extract.shuffle_batches) == ("stream", "weighted", 100)
    assert (s.train.grad_clip, s.sae.input_scaling, s.train.outlier_factor) == (1.0, "mean_sq_norm", 0)


def test_default_profile_changes_no_default() -> None:
    assert profile_values("default") == {}
    assert of_profile("default").sae == Settings.model_fields["sae"].default


def test_unknown_profile_names_the_known_ones() -> None:
    with pytest.raises(ArdError, match="default, ard-paper, audiosae-paper, tiny"):
        profile_values("huge")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("train.step=3", "Settings of train: batch_tokens"),
        ("train", "section.key=value"),
        ("nothing.here=3", "is not a setting"),
        ("retrieve.p=none", "retrieve.p"),
        ("extract.sample_clips=weighted", "need extract.storage"),
    ],
)
def test_unusable_set_option_says_what_is_possible(tmp_path: Path, change: str, said: str) -> None:
    with pytest.raises(ArdError, match=said):
        written(tmp_path, change)
    assert not (tmp_path / "study" / "study.toml").exists()


def test_existing_study_is_never_overwritten(tmp_path: Path) -> None:
    before = written(tmp_path).read_bytes()
    with pytest.raises(ArdError, match="already"):
        written(tmp_path)
    assert (tmp_path / "study" / "study.toml").read_bytes() == before


def test_missing_folder_of_sound_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArdError, match="nowhere"):
        new_study(tmp_path / "study", "m", [tmp_path / "nowhere"])
