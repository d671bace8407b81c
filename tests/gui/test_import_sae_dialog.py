"""The dialog that brings a published SAE in: its self-check, and what it hands to the queue."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from gui.waiting import until
from PySide6.QtWidgets import QDialog

from ard_gui.main_window import MainWindow
from ard_gui.views.import_sae import ARCHITECTURES, FORMATS, ImportSae, Steps
from backend.cli.main import run
from backend.sae.base import ARCHITECTURES as KNOWN_ARCHITECTURES
from backend.sae.files import load_sae
from backend.sae.formats.base import FORMATS as KNOWN_FORMATS
from backend.sae.formats.exchange import export_sae
from backend.stages import bring
from backend.stages.bring import Wanted
from backend.study.configuration import load_settings
from backend.study.folder import Study
from backend.study.runnable import check_words
from builders.described_study import the_sae

Make = Callable[..., MainWindow]


class Asked:
    """A dialog over a real window, and what it wanted to be queued."""

    def __init__(self, window: MainWindow) -> None:
        self.queued: list[Steps] = []
        self.dialog = ImportSae(window, window.session, self.queued.append)
        self.dialog.open()
        until(lambda: self.dialog.layer.count() > 0)

    def answer(self, study: Study) -> None:
        """What the command would answer, without waiting for a process."""
        _, source, *options = ["", *self.dialog.words()]
        given = dict(zip(options[::2], options[1::2], strict=True))
        wanted = Wanted(Path(source), given["--layer"], given.get("--name", ""))
        self.dialog.asking.answered.emit(bring.check(study, load_settings(study.toml), wanted))


@pytest.fixture
def asked(make_window: Make, tiny_study: Study) -> Iterator[Asked]:
    found = Asked(make_window(tiny_study))
    yield found
    if not found.queued:
        found.dialog.reject()


@pytest.fixture
def published(tiny_study: Study, tmp_path: Path) -> Path:
    export_sae(load_sae(tiny_study.sae(the_sae(tiny_study))), "saelens", tmp_path / "a published one", layer=2)
    return next(path.parent for path in tmp_path.rglob("cfg.json"))


def test_choices_are_those_that_ard_knows() -> None:
    assert set(FORMATS) == {"auto", *KNOWN_FORMATS}
    assert set(ARCHITECTURES) == set(KNOWN_ARCHITECTURES)


def test_checked_sae_is_queued_with_its_ranking_and_the_queued_words_do_it(
    asked: Asked, tiny_study: Study, published: Path
) -> None:
    dialog = asked.dialog
    assert not dialog.check.isEnabled()
    assert not dialog.begin.isEnabled()
    assert [dialog.layer.itemText(i) for i in range(dialog.layer.count())] == ["encoder.2"]
    dialog.source.setText(str(published))
    dialog.name.setText("theirs")
    assert not dialog.begin.isEnabled(), "not before it was checked"
    dialog.check.click()
    assert not dialog.check.isEnabled()
    until(lambda: not dialog.asking.asking, 60)
    assert "saelens: " in dialog.verdict.text()
    assert "It can be imported as theirs." in dialog.verdict.text()
    assert dialog.table.rowCount() == 12
    marks = [dialog.table.item(row, 4).text() for row in range(12)]
    assert marks.count("") in (10, 11)
    assert "chosen" in marks[0], "the best first"
    assert tiny_study.sae_ids() == [the_sae(tiny_study)], "a check writes nothing"

    dialog.begin.click()
    (steps,) = asked.queued
    assert [command for command, _ in steps] == ["import-sae", "run"]
    assert dialog.result() == QDialog.DialogCode.Accepted
    for command, arguments in steps:
        check_words(command, arguments)
        assert run([command, str(tiny_study.root), *arguments]) == 0
    assert "theirs" in tiny_study.sae_ids()
    assert "theirs" in tiny_study.feature_ids()


def test_what_would_be_refused_says_why_and_cannot_be_queued(asked: Asked, tiny_study: Study, published: Path) -> None:
    dialog = asked.dialog
    dialog.source.setText(str(published))
    dialog.name.setText(the_sae(tiny_study))
    asked.answer(tiny_study)
    assert "It would be refused: there is an SAE" in dialog.verdict.text()
    assert not dialog.begin.isEnabled()
    assert dialog.check.isEnabled()


def test_another_choice_makes_the_check_void(asked: Asked, tiny_study: Study, published: Path) -> None:
    dialog = asked.dialog
    dialog.source.setText(str(published))
    asked.answer(tiny_study)
    assert "It can be imported as encoder.2-a-published-one." in dialog.verdict.text()
    assert dialog.begin.isEnabled()
    dialog.k.setValue(3)
    assert not dialog.begin.isEnabled()
    assert dialog.table.rowCount() == 0
    assert dialog.words()[-2:] == ["--k", "3"]
    dialog.check.click()
    dialog.source.setText(str(published.parent))
    assert not dialog.asking.asking, "a question about something else is dropped"


def test_without_a_study_the_action_says_so(make_window: Make) -> None:
    window = make_window()
    window.actions_table["run.import_sae"].trigger()
    assert "Open a study first" in window.session.notices.all[-1].text
