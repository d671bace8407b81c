"""Ask about the clips of a goal under any conditions, and have the answers judged."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from backend.errors import ArdError, Stopped
from backend.evaluate.judges.base import Judge, Verdict
from backend.evaluate.sensitivity.goals import Goal
from backend.evaluate.sensitivity.items import Item, asked
from backend.evaluate.sensitivity.replies import Ask, Replies, Reply
from backend.evaluate.sensitivity.result import Condition, condition
from backend.jobs.job import Job
from backend.targets.base import Wave


@dataclass(frozen=True)
class Answered:
    """The clips that could be asked, and what was said under every condition.

    Attributes
    ----------
    replies : list of list of Reply
        A row for every clip, a column for every ask; the original comes first.
    before : list of (Verdict, Verdict)
        Of each original: does it state the target, and does it state what the clip is?
    """

    goal: Goal
    judge: Judge
    items: list[Item]
    prompts: list[str]
    replies: list[list[Reply]]
    before: list[tuple[Verdict, Verdict]]

    def column(self, number: int) -> list[Reply]:
        return [row[number] for row in self.replies]

    def condition(self, number: int) -> Condition:
        """What came of one ask."""
        goal, replies = self.goal, self.column(number)
        after = [
            self.judge.judge(prompt, reply.text, goal.target, goal.scale)
            for prompt, reply in zip(self.prompts, replies, strict=True)
        ]
        return condition(self.before, after, replies, [goal.scale.merged(label) for label in goal.scale.labels])


class Asking:
    """Asks with one engine and has one judge judge.

    Parameters
    ----------
    load : function of Item to array
        The clip's samples as the model takes them.
    seed : int
        Of the draw of prompts.

    Attributes
    ----------
    skipped : dict of record to str
        Clips that could not be asked, and why.
    """

    def __init__(self, replies: Replies, judge: Judge, load: Callable[[Item], Wave], seed: int, job: Job) -> None:
        self.replies, self.judge, self.load, self.seed, self.job = replies, judge, load, seed, job
        self.skipped: dict[str, str] = {}
        self._done = self._total = 0

    def begin(self, total: int) -> None:
        """Start the clock of `total` clips."""
        self._done, self._total = 0, total
        self.job.begin_progress("clips")

    def ask(self, goal: Goal, items: Sequence[Item], asks: Sequence[Ask]) -> Answered:
        """Answers under `asks`, whose first is the original; a clip that cannot be used is left out and said.

        Raises ArdError if no clip can be used; Stopped between clips.
        """
        usable: list[Item] = []
        prompts: list[str] = []
        found: list[list[Reply]] = []
        for item in items:
            self.job.check_stop()
            prompt = asked(item, goal.prompts, self.seed)
            try:
                wave = None if self.replies.knows(item, prompt, asks) else self.load(item)
                found.append(self.replies.of(item, wave, prompt, asks))
            except Stopped:
                raise
            except ArdError as error:
                self._skip(item, error)
            else:
                usable.append(item)
                prompts.append(prompt)
            self._done += 1
            self.job.progress(self._done, self._total)
        if not usable:
            raise ArdError(
                f"{goal.name}: no clip could be asked, e.g. {items[0].record}: {self.skipped[items[0].record]}",
                todo="Correct the data set.",
            )
        before = [
            (
                self.judge.judge(prompt, row[0].text, goal.target, goal.scale),
                self.judge.judge(prompt, row[0].text, goal.label(item), goal.scale),
            )
            for item, prompt, row in zip(usable, prompts, found, strict=True)
        ]
        return Answered(goal, self.judge, usable, prompts, found, before)

    def _skip(self, item: Item, error: ArdError) -> None:
        if item.record not in self.skipped:
            self.job.message(f"{item.record} is left out: {error.what}", level="warning")
        self.skipped[item.record] = error.what
