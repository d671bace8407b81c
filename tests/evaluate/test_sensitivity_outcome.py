"""Four denominators written out (O-8), and what never counts as a shift."""

from __future__ import annotations

from dataclasses import replace

import pytest

from backend.errors import ArdError
from backend.evaluate.sensitivity.outcome import Case, Rate, rates
from backend.evaluate.sensitivity.table3 import as_csv, as_markdown, table3

LABEL, BEFORE, AFTER = "nnnnsn", "nshnsh", "hhhnhn"
SOURCE, TARGET = "n", "h"
CASES = [
    Case(before == TARGET, before == SOURCE, after == TARGET)
    for label, before, after in zip(LABEL, BEFORE, AFTER, strict=True)
    if label == SOURCE
]


def test_six_samples_give_four_different_sensitivities() -> None:
    found = {name: (rate.hits, rate.n) for name, rate in rates(CASES).items()}
    assert found == {"eligible": (2, 3), "label": (3, 5), "baseline": (1, 2), "changed": (2, 5)}


def test_share_comes_with_n_and_its_interval() -> None:
    told = Rate(288, 384).as_json()
    assert (told["share"], told["n"]) == (0.75, 384)
    assert told["interval"] == pytest.approx([0.7044, 0.7907], abs=1e-4)


@pytest.mark.parametrize("change", [{"coherent": False}, {"parsed": False}])
def test_incoherent_and_unreadable_answers_are_no_shifts_but_stay_in_n(change: dict[str, bool]) -> None:
    cases = [replace(CASES[0], **change), *CASES[1:]]
    assert {name: (rate.hits, rate.n) for name, rate in rates(cases).items()} == {
        "eligible": (1, 3), "label": (2, 5), "baseline": (0, 2), "changed": (1, 5),
    }  # fmt: skip


def test_no_clip_gives_no_share() -> None:
    rate = rates([])["eligible"]
    assert rate.n == 0
    assert rate.share != rate.share


def result(source: str, target: str, kind: str, hits: int) -> dict[str, object]:
    """As `run` writes one, with four clips."""
    rate = Rate(hits, 4).as_json()
    random = {"mean": 0.05, "interval": [0.0, 0.2]}
    told = {"rates": {"eligible": rate}}
    return {
        "judge": {"judge": "rules"},
        "rows": [
            {"source": source, "target": target, "kind": kind, "test": told,
             "controls": {"reconstructed": told, "random": random, "units": None}}
        ],
    }  # fmt: skip


def test_table_3_puts_measured_beside_published() -> None:
    table = table3([result("neutral", "happy", "single", 3), result("female", "male", "set", 4)])
    by_name = {row["row"]: row["cells"] for row in table["rows"]}
    assert [cell["share"] for cell in by_name["AR&D"]] == [0.75, 0.68, 0.47, 0.61]
    assert [cell and cell["share"] for cell in by_name["single feature"]] == [0.75, None, None, None]
    assert [cell and cell["share"] for cell in by_name["set of features"]] == [None, None, None, 1.0]
    assert "raw units" not in by_name
    text = as_markdown(table)
    assert "| AR&D (published) | 0.75 | 0.68 | 0.47 | 0.61 |" in text
    assert "female → male" in text
    assert "AR&D,True,neutral → happy,0.75,,,," in as_csv(table)


def test_results_about_something_else_make_no_table_3() -> None:
    with pytest.raises(ArdError, match="none of the table's directions"):
        table3([result("animal", "speech", "single", 3)])
