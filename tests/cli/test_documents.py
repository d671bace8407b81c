"""The documents say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer

from backend.cli.main import app
from backend.jobs import events
from backend.study.document import settings_page

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"


def commands() -> set[str]:
    return set(typer.main.get_command(app).commands)  # type: ignore[attr-defined]


def test_settings_page_is_that_of_the_settings() -> None:
    page = (DOCS / "study-settings.md").read_text(encoding="utf-8")
    assert page == settings_page(), "make it again: python -m backend.study.document > docs/study-settings.md"


def test_every_command_is_documented_and_no_other() -> None:
    documented = set(re.findall(r"`ard ([a-z0-9-]+)", (DOCS / "cli.md").read_text(encoding="utf-8")))
    assert documented == commands()


def test_readme_shows_only_commands_that_exist() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = set(re.findall(r"^ard ([a-z0-9-]+)|`ard ([a-z0-9-]+)", readme, re.M))
    assert {a or b for a, b in shown} <= commands()


def test_event_types_on_the_page_are_those_of_the_protocol() -> None:
    page = (DOCS / "events.md").read_text(encoding="utf-8")
    types = set(re.findall(r"^\| `([a-z]+)` \|", page, re.M)) - {"v", "seq", "time", "elapsed", "run", "type"}
    table = (events.__doc__ or "").split("further fields")[1]
    assert types - {"stage"} == set(re.findall(r"^([a-z]+) {2,}", table, re.M)) - {"stage"}
    assert f"version {events.VERSION}" in page


@pytest.mark.parametrize("path", [ROOT / "README.md", *sorted(DOCS.glob("*.md"))], ids=lambda p: p.name)
def test_links_between_documents_lead_somewhere(path: Path) -> None:
    for link in re.findall(r"\]\((?!https?:)([^)#]+)", path.read_text(encoding="utf-8")):
        assert (path.parent / link).exists(), link
