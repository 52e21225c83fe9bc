from __future__ import annotations

import json

import pytest

from villani_verify.criteria.result import Cost, Status


@pytest.mark.parametrize("status", Status)
def test_every_answer_has_a_sentence_and_is_its_own_name(status: Status) -> None:
    assert status.meaning.endswith(".")
    assert json.dumps({"status": status}) == f'{{"status": "{status.value}"}}'


def test_there_are_four_answers() -> None:
    assert [str(s) for s in Status] == ["supported", "refuted", "inconclusive", "not_applicable"]


def test_cost_counts_and_stops_the_clock() -> None:
    cost = Cost()
    cost.num_losses += 3
    cost.num_jets += 1
    assert cost.seconds == 0
    assert cost.stop() is cost
    assert cost.seconds > 0
    assert cost.as_dict() == {
        "num_losses": 3, "num_gradients": 0, "num_matvecs": 0, "num_jets": 1, "seconds": round(cost.seconds, 3),
    }  # fmt: skip


def test_costs_are_equal_whenever_they_were_begun() -> None:
    assert Cost(num_losses=2) == Cost(num_losses=2)
    assert Cost(num_losses=2) != Cost(num_losses=3)
