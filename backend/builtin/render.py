"""Render everything that recordings lack into one manifest, `rendered.jsonl`."""

from __future__ import annotations

from pathlib import Path

from backend.audio.packages import fetch_packages
from backend.builtin.engines import festival, flite
from backend.builtin.engines.programs import fetch_programs
from backend.builtin.examples import Recording, write_rows
from backend.builtin.render_instruments import render_instruments, soundfonts
from backend.builtin.render_speech import plan, render_speech
from backend.builtin.rendering import prune

MANIFEST = "rendered.jsonl"


def fetch_renderers(work: Path) -> None:
    """Unpack the soundfonts and the speech programs below `work / "sources"`; what is there is left as it is."""
    sources = work / "sources"
    fetch_packages(sorted(font.package for font in soundfonts().values()), sources)
    fetch_programs(flite.PACKAGES, flite.LIBRARIES, sources)
    fetch_programs(festival.PACKAGES, festival.LIBRARIES, sources)


def render(work: Path) -> list[Recording]:
    """Render what is missing and write `rendered.jsonl`; ArdError naming the package that an engine needs.

    Files of an earlier plan are removed.
    """
    recordings = [*render_instruments(work), *render_speech(work)]
    prune(work, [*recordings, *(one.draft for one in plan())])
    write_rows(work / MANIFEST, recordings)
    return recordings
