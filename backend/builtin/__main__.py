"""`python -m backend.builtin WORK`: make the built-in model, its card, embedder, SAE and clips."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from backend.builtin.recipe import STEPS, Recipe, RecipeSettings
from backend.builtin.trainer import TrainSettings
from backend.cli.progress import ProgressDisplay
from backend.errors import ArdError, Stopped
from backend.jobs.events import EventLog
from backend.jobs.job import Job, stop_on_signals


def main() -> int:
    """Run the recipe; 0 done, 1 an error a person can act on, 130 stopped."""
    parser = argparse.ArgumentParser(prog="python -m backend.builtin", description=__doc__)
    parser.add_argument("work", type=Path, help="work folder, about 5 GB; kept for next time")
    parser.add_argument("--minutes", type=float, default=40.0, help="of training (40)")
    parser.add_argument("--from", dest="first", choices=STEPS, default=STEPS[0], help="first step")
    parser.add_argument("--to", dest="last", choices=STEPS, default=STEPS[-1], help="last step")
    parser.add_argument("--ship", type=Path, help="where the result goes (WORK/ship)")
    chosen = parser.parse_args()
    work = chosen.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    with ProgressDisplay() as display:
        log = EventLog(work / "events.jsonl", "recipe", (display,))
        job = Job(log)
        try:
            with stop_on_signals(job):
                settings = RecipeSettings(training=TrainSettings(minutes=chosen.minutes))
                Recipe(work, settings, job, chosen.ship).run(chosen.last, chosen.first)
        except Stopped:
            print("stopped; the same command goes on", file=sys.stderr)
            return 130
        except ArdError as error:
            print(error, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
