"""A launch prefix for tests: runs a real job of the study in place of the command behind it, and does as it is told.

The file `act` in the study says what: wait, finish, fail, stubborn (deaf to every wish) or die. Before it has a run it
looks at `early`: wait, quit (with a message) or die.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from backend.errors import ArdError, Stopped
from backend.jobs.job import Job
from backend.jobs.runner import run_job
from backend.study.folder import Study

command, root = sys.argv[5], Path(sys.argv[6])


def told(name: str) -> str:
    try:
        return (root / name).read_text()
    except FileNotFoundError:
        return ""


def early() -> None:
    while told("early") == "wait":
        time.sleep(0.01)
    if told("early") == "quit":
        sys.exit("library: loading\nard: the settings are wrong. Correct them.")
    if told("early") == "die":
        os.kill(os.getpid(), signal.SIGKILL)


def work(job: Job) -> None:
    with job.running(command):
        while (act := told("act")) != "finish":
            if act == "stubborn":
                signal.signal(signal.SIGTERM, signal.SIG_IGN)
            elif act == "fail":
                raise ArdError("the model folder is incomplete", todo="Copy it again.")
            elif act == "die":
                os.kill(os.getpid(), signal.SIGKILL)
            else:
                job.check_stop()
            time.sleep(0.01)


early()
try:
    run_job(Study.open(root), command, work)
except Stopped:
    sys.exit(130)
except ArdError as error:
    sys.exit(f"ard: {error}")
