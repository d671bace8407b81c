"""Makes a map in a process of its own: `ard map … --events`."""

from __future__ import annotations

from pathlib import Path

from ard_gui.services.command_run import CommandRun


class MapMaker(CommandRun):
    """One map at a time; `made` when the study names the new one."""

    def start(self, study: Path, sae_id: str, directions: str) -> None:
        """Begin; does nothing while a run is going on."""
        self.run(["map", str(study), "--sae", sae_id, "--directions", directions])
