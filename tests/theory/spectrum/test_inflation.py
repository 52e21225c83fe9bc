from __future__ import annotations

import numpy as np
import pytest
import torch

from villani_verify import Landscape
from villani_verify.errors import RequestError
from villani_verify.theory.spectrum.inflation import along_radius, inflation, over_decays, through_training
from villani_verify.theory.spectrum.settings import SpectrumSettings

SETTINGS = SpectrumSettings(num_probes=3, steps=8)


def quartic(weight_decay: float = 0.5) -> Landscape:
    """∇²F = 3 diag(θ²) + λ I: the spectrum without λ grows like r²."""
    start = torch.linspace(0.5, 1.0, 30).double()
    return Landscape.from_function(lambda x: 0.25 * x.pow(4).sum(), 30, weight_decay=weight_decay, initial=start)


def test_along_a_ray_of_the_quartic() -> None:
    landscape, radii = quartic(), [1.0, 4.0, 16.0]
    spectra = along_radius(landscape, radii, settings=SETTINGS)
    rows = inflation(spectra, radii)
    unit = (landscape.initial["theta"] / torch.linalg.vector_norm(landscape.initial["theta"])).numpy()
    top = [3 * (r * unit.max()) ** 2 + 0.5 for r in radii]
    assert [r.at for r in rows] == radii
    for row, r, largest in zip(rows, radii, top, strict=True):
        assert row.largest.interval[0] <= largest <= row.largest.interval[1]
        assert row.smallest.interval[0] <= 3 * (r * unit.min()) ** 2 + 0.5 <= row.smallest.interval[1]
        assert row.mean[1][0] <= 3 * r**2 / 30 + 0.5 <= row.mean[1][1]
        assert row.inflation is not None
        assert row.inflation[1][0] <= largest / top[0] <= row.inflation[1][1]
    assert rows[0].inflation == (1.0, (1.0, 1.0))


def test_over_decays_nothing_is_computed_and_all_is_as_if_it_were() -> None:
    found = along_radius(quartic(), [2.0], settings=SETTINGS)[0]
    for lam, moved in zip((0.0, 0.5, 3.0), over_decays(found, [0.0, 0.5, 3.0]), strict=True):
        again = along_radius(quartic(lam), [2.0], settings=SETTINGS)[0]
        assert moved.extremes() == again.extremes()
        assert moved.mean() == again.mean()
        assert moved.num_matvecs == found.num_matvecs


def test_through_training_at_each_point() -> None:
    landscape = quartic()
    points = [{"theta": landscape.initial["theta"] * f} for f in (1.0, 0.5)]
    told = []
    spectra = through_training(landscape, points, settings=SETTINGS, progress=lambda *a: told.append(a))
    np.testing.assert_allclose([s.extremes()[1].value for s in spectra], [3.5, 1.25], rtol=1e-2)
    assert told[-1][0] == "spectrum 2 of 2"


def test_a_ratio_to_what_may_be_zero_is_not_given_and_signs_are_kept() -> None:
    flat = Landscape.from_function(lambda x: x[0] ** 2 * 0, 4)
    assert inflation(through_training(flat, [flat.initial], settings=SETTINGS), [1.0])[0].inflation is None

    def wave(x: torch.Tensor) -> torch.Tensor:
        return (1 + x.cos()).sum()

    wavy = Landscape.from_function(wave, 3)
    points = [{"theta": torch.full((3,), at).double()} for at in (np.pi, 0.0)]
    second = inflation(through_training(wavy, points, settings=SETTINGS), [0, 1])[1].inflation
    assert second is not None
    assert second[0] == pytest.approx(-1)
    assert second[1][0] <= -1 <= second[1][1]


def test_radii_are_checked_first() -> None:
    with pytest.raises(RequestError, match=r"^radius -1"):
        along_radius(quartic(), [-1.0])
