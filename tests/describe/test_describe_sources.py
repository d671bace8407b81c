"""What a result depends on, told without loading any model."""

from __future__ import annotations

from pathlib import Path

from backend.describe.sources import captioner_source, content, embedder_source, namer_source
from builders.describe_settings import describe_settings


def test_folder_that_changes_is_another_source(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"one")
    before = content(str(tmp_path))
    (tmp_path / "README.md").write_text("words")
    assert content(str(tmp_path)) == before
    (tmp_path / "model.safetensors").write_bytes(b"two")
    assert content(str(tmp_path)) != before


def test_hub_id_is_its_own_source() -> None:
    assert content("laion/clap-htsat-unfused") == "laion/clap-htsat-unfused"


def test_seed_of_windows_counts_only_where_windows_are_drawn() -> None:
    def source(window: str, seed: int) -> dict[str, object]:
        return embedder_source(describe_settings(embed={"window": window, "window_seed": seed}))

    assert source("mean", 0) == source("mean", 1)
    assert source("random", 0) != source("random", 1)


def test_prompts_count_where_a_model_reads_them() -> None:
    model = describe_settings(captions={"captioner": "audiollm", "model": "a/b"})
    assert captioner_source(model, "one") != captioner_source(model, "two")
    own = describe_settings(captions={"captioner": "dataset"})
    assert captioner_source(own, "one") == captioner_source(own, "two")
    consensus = describe_settings(names={"namer": "consensus"})
    assert namer_source(consensus, "one", "a") == namer_source(consensus, "two", "b")


def test_key_in_an_address_reaches_no_source() -> None:
    found = namer_source(
        describe_settings(names={"namer": "endpoint", "url": "https://host/v1?key=secret", "model": "m"}), "a", "b"
    )
    assert "secret" not in str(found)
    assert found["url"] == "https://host/v1"
