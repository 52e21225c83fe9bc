from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest
import torch

from villani_verify import Landscape
from villani_verify.curvature.double_backward import DoubleBackward
from villani_verify.curvature.forward_over_reverse import ForwardOverReverse
from villani_verify.errors import RequestError
from villani_verify.estimation.hutchinson import described, laplacian_estimate
from villani_verify.estimation.probe_samples import ProbeSamples
from villani_verify.estimation.sequential import PILOT, Target, mean_to_target

ENGINE = DoubleBackward()


def landscape(scale: float = 1.0, dtype: torch.dtype = torch.float64) -> Landscape:
    return Landscape.from_function(
        lambda x: scale * (1 + x.square().sum() * x.sin().square().sum()).log(), 5, weight_decay=0.1, name="wavy",
        initial=torch.linspace(0.5, 2, 5, dtype=dtype),
    )  # fmt: skip


WAVY = landscape()


def draw(indices, *, seed: int = 3, of: Landscape = WAVY, engine=ENGINE, point=None) -> ProbeSamples:
    return ProbeSamples.draw(of, of.initial if point is None else point, engine=engine, seed=seed, indices=indices)


def test_parts_in_any_order_are_the_estimate_drawn_at_once() -> None:
    merged = draw([7, 2]).merged(draw([0, 1, 3]), draw([6, 5, 4]))
    assert merged.estimate() == laplacian_estimate(WAVY, WAVY.initial, engine=ENGINE, num_probes=8, seed=3)


def test_seeds_are_part_of_the_address() -> None:
    both = draw(range(3), seed=1).merged(draw(range(3), seed=2))
    assert sorted(both.samples) == [(1, 0), (1, 1), (1, 2), (2, 0), (2, 1), (2, 2)]
    assert both.estimate().degrees_of_freedom == 5


def test_devices_are_kept() -> None:
    assert replace(draw([0]), devices=("cuda:0",)).merged(draw([1])).estimate().device == "cpu, cuda:0"


def test_a_probe_counts_once() -> None:
    with pytest.raises(RequestError, match="probe 2 of seed 3 and 1 more are in both; a probe counts once"):
        draw(range(4)).merged(draw([3, 9, 2]))
    with pytest.raises(RequestError, match="probe 4 of seed 3: it is asked for twice"):
        draw([4, 5, 4])


def test_three_parts_of_which_two_overlap() -> None:
    with pytest.raises(RequestError, match="a probe counts once"):
        draw([0]).merged(draw([1]), draw([1]))


@pytest.mark.parametrize(
    ("other", "name"),
    [
        (draw([9], of=replace(WAVY, name="other")), "landscape 'wavy' and 'other'"),
        (draw([9], engine=ForwardOverReverse()), "engine 'reverse' and 'forward-over-reverse'"),
        (draw([9], of=landscape(2.0)), "loss"),
        (draw([9], of=landscape(dtype=torch.float32)), "dtype 'float64' and 'float32'"),
        (draw([9], point={"theta": WAVY.initial["theta"] * 1.001}), "loss"),
    ],
)
def test_samples_of_different_things_are_refused(other: ProbeSamples, name: str) -> None:
    with pytest.raises(RequestError, match=f"merging samples of {name}.*draw anew"):
        draw([0]).merged(other)


def test_points_of_the_same_loss_differ_by_their_norm() -> None:
    flat = Landscape.from_function(lambda x: 0 * x.sum() + 1, 2, name="flat")
    with pytest.raises(RequestError, match="squared_norm"):
        draw([0], of=flat).merged(draw([1], of=flat, point={"theta": flat.initial["theta"] * 2}))


def test_rounding_of_the_loss_is_no_difference() -> None:
    a = draw([0])
    b = replace(draw([1]), subject=replace(a.subject, loss=a.subject.loss * (1 + 1e-14)))
    assert len(a.merged(b).samples) == 2
    nan = [replace(part, subject=replace(part.subject, loss=math.nan)) for part in (a, b)]
    assert len(nan[0].merged(nan[1]).samples) == 2


@pytest.mark.parametrize("strange", [0.1 + 0.2, math.inf, -math.inf, 5e-324])
def test_saved_samples_come_back_to_the_last_bit(strange: float) -> None:
    part = replace(draw([3, 1]), samples={(3, 1): strange, (2**63, 0): -1.5})
    text = json.dumps(part.as_dict(), allow_nan=False)
    assert ProbeSamples.from_dict(json.loads(text)) == part


def test_a_saved_nan_comes_back() -> None:
    part = replace(draw([0]), samples={(0, 0): math.nan})
    assert math.isnan(ProbeSamples.from_dict(part.as_dict()).samples[0, 0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"samples": [[0, 0, "1.0"], [0, 0, "2.0"]]}, "an address is there twice"),
        ({"samples": [[0, 0]]}, "ValueError"),
        ({"subject": {}}, "KeyError"),
        ({"subject": None}, "TypeError"),
        ({"samples": [[0, 0, "one"]]}, "ValueError could not convert string to float: 'one'; give what as_dict returned"),
    ],
)
def test_what_was_not_saved_here_is_refused(change: dict, message: str) -> None:
    with pytest.raises(RequestError, match=f"^saved samples: {message}"):
        ProbeSamples.from_dict({**draw([0]).as_dict(), **change})


def test_a_sequential_run_resumes_from_saved_samples() -> None:
    target = Target(relative_error=0.2, level=0.95, max_samples=200)
    asked: list[int] = []

    def fresh(indices):
        asked.extend(indices)
        return ENGINE.laplacian_samples(WAVY, WAVY.initial, seed=3, indices=indices)

    def run(draw_samples):
        pilot = ENGINE.laplacian_samples(WAVY, WAVY.initial, seed=4, indices=range(PILOT))
        return mean_to_target(draw_samples, target, pilot=pilot, described=lambda s: described(WAVY, ENGINE, s))

    whole = run(fresh)
    saved = ProbeSamples.from_dict(draw(range(0, 12)).as_dict())
    asked.clear()

    def resumed(indices):
        left = [k for k in indices if (3, k) not in saved.samples]
        known = saved.merged(draw(left)) if left else saved
        asked.extend(left)
        return [known.samples[3, k] for k in indices]

    assert run(resumed) == whole
    assert len(whole.samples) > 12
    assert min(asked) == 12
