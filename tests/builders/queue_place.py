"""A study whose queue a supervisor in a thread of this process works off, with commands that do as they are told."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from backend.jobs import supervisor
from backend.study import queue
from backend.study.folder import Study
from backend.study.queue import Request
from backend.study.run_records import list_runs

PATIENCE = 60.0


@dataclass
class Place:
    """A study whose `extract` and `train` are stand-ins, and a supervisor in a thread of this process."""

    study: Study
    said: list[str] = field(default_factory=list)
    threads: list[threading.Thread] = field(default_factory=list)

    def tell(self, act: str, early: str = "") -> None:
        for name, text in (("early", early), ("act", act)):
            (self.study.root / f".{name}").write_text(text)
            (self.study.root / f".{name}").rename(self.study.root / name)

    def start(self) -> None:
        self.threads.append(threading.Thread(target=supervisor.work, args=(self.study, self.said.append), daemon=True))
        self.threads[-1].start()

    def join(self) -> None:
        for thread in self.threads:
            thread.join(PATIENCE)
            assert not thread.is_alive(), self.said

    def work(self) -> None:
        self.start()
        self.join()

    def until(self, holds: Callable[[], object]) -> None:
        end = time.monotonic() + PATIENCE
        while not holds():
            assert time.monotonic() < end, (self.said, queue.requests(self.study))
            time.sleep(0.01)

    def runs_on(self, id_: str) -> Callable[[], bool]:
        """Whether the request's run is under way, with a handler for signals."""

        def holds() -> bool:
            run = queue.request(self.study, id_).run
            log = self.study.runs / run / "events.jsonl"
            return bool(run) and log.exists() and b'"stage"' in log.read_bytes().split(b"\n", 1)[1]

        return holds

    def only(self) -> Request:
        (one,) = queue.requests(self.study)
        return one

    def records(self) -> list[tuple[str, str]]:
        return [(one.command, one.state) for one in list_runs(self.study)]
