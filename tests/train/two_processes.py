"""What each process of the torchrun test does: extract and train the study named on the command line."""

from __future__ import annotations

import sys
from pathlib import Path

from backend.jobs.job import quiet_job
from backend.sae.parallel import leave
from backend.stages import extract, train
from backend.study.configuration import load_settings
from backend.study.folder import Study

study = Study.open(Path(sys.argv[1]))
settings = load_settings(study.toml)
extract.run(study, settings, quiet_job())
train.run(study, settings, quiet_job())
leave()
