from __future__ import annotations

import json
import warnings

import numpy as np
import pytest
import torch
from scipy.sparse.linalg import LinearOperator, eigsh

from villani_verify import Landscape
from villani_verify.curvature.exact import exact_laplacian
from villani_verify.curvature.hessian_form import HessianForm
from villani_verify.errors import DeviceError, LandscapeError, RequestError
from villani_verify.landscapes.request import LandscapeRequest
from villani_verify.points import norm
from villani_verify.theory.spectrum.measurement import measure_spectrum, spectrum
from villani_verify.theory.spectrum.settings import SpectrumSettings

DIMENSION = 822


@pytest.fixture(scope="module")
def tiny() -> Landscape:
    return LandscapeRequest(landscape="gpt-neo-tiny").load()


@pytest.fixture(scope="module")
def dense(tiny) -> np.ndarray:
    """All of ∇²F at θ₀, by products with the unit vectors."""
    hessian = HessianForm(tiny, tiny.initial).products(torch.eye(DIMENSION).double()).numpy()
    return (hessian + hessian.T) / 2 + 0.1 * np.eye(DIMENSION)


@pytest.fixture(scope="module")
def eigenvalues(dense) -> np.ndarray:
    return np.linalg.eigvalsh(dense)


@pytest.mark.parametrize("error", [MemoryError("4,096 bytes"), RuntimeError("DefaultCPUAllocator: not enough memory")])
def test_vectors_that_no_memory_holds_are_refused_in_one_line(error, tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise error

    monkeypatch.setattr("villani_verify.theory.spectrum.lanczos.zeros_for_a_while", refused)
    with pytest.raises(
        DeviceError, match=r"^device cpu: no memory for the Lanczos vectors of 10 starts at once; give a smaller --memory"
    ):
        measure_spectrum(tiny, tiny.initial, settings=SpectrumSettings(steps=4))
    error.args = ("something else",)
    if isinstance(error, RuntimeError):
        with pytest.raises(RuntimeError, match="something else"):
            measure_spectrum(tiny, tiny.initial, settings=SpectrumSettings(steps=4))


@pytest.mark.parametrize(("steps", "memory"), [(16, 2.0), (40, 2.0), (40, 2.5e-4)])
def test_gpt_neo_tiny_against_a_dense_decomposition(steps, memory, tiny, eigenvalues) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = measure_spectrum(tiny, tiny.initial, settings=SpectrumSettings(steps=steps, memory=memory))
    assert found.reorthogonalisation == ("full" if memory > 1 else "none")
    assert found.num_matvecs == 10 * steps
    level = 0.9999
    for end, truth in zip(found.extremes(level), eigenvalues[[0, -1]], strict=True):
        assert end.interval[0] <= truth <= end.interval[1]
        assert end.converged
        assert abs(end.value - truth) <= end.residual
    # The band holds everywhere at once, also on both sides of each eigenvalue.
    x = np.concatenate([eigenvalues - 1e-10, eigenvalues + 1e-10])
    truth = (eigenvalues <= x[:, None]).mean(1)
    band = found.fraction_below(x, level, simultaneous=True)
    assert ((band.low <= truth) & (truth <= band.high)).all()
    width = found.kernel_width()
    grid = found.grid(width)
    density = found.density(grid, width, level)
    true_density = (np.exp(-0.5 * ((grid[:, None] - eigenvalues) / width) ** 2) / (width * np.sqrt(2 * np.pi))).mean(1)
    assert ((density.low <= true_density + 1e-12) & (true_density <= density.high + 1e-12)).all()
    for (_, interval), true in ((found.mean(level), eigenvalues.mean()), (found.second_moment(level), (eigenvalues**2).mean())):
        assert interval[0] <= true <= interval[1]
    negative = found.fraction_negative(level)[1]
    assert negative[0] <= (eigenvalues < 0).mean() <= negative[1]


def test_against_the_lanczos_of_a_library_on_the_same_product(tiny) -> None:
    form = HessianForm(tiny, tiny.initial)
    product = LinearOperator(
        (DIMENSION, DIMENSION), matvec=lambda v: form.products(torch.from_numpy(v.reshape(1, -1)))[0].numpy(), dtype=float
    )
    library = np.sort(eigsh(product, 2, which="BE", ncv=20, return_eigenvectors=False)) + 0.1
    found = measure_spectrum(tiny, tiny.initial, settings=SpectrumSettings(steps=30, num_probes=2)).extremes()
    np.testing.assert_allclose([e.value for e in found], library, rtol=1e-10)
    for end, other in zip(found, library, strict=True):
        assert end.interval[0] - 1e-10 <= other <= end.interval[1] + 1e-10


def test_the_mean_is_the_laplacian_over_d(tiny) -> None:
    exact = (exact_laplacian(tiny, tiny.initial) + tiny.decay_laplacian) / DIMENSION
    low, high = measure_spectrum(tiny, tiny.initial, settings=SpectrumSettings(steps=4, num_probes=40)).mean(0.9999)[1]
    assert low <= exact <= high
    assert high - low < 0.2


def test_decays_of_their_own_are_added_exactly_to_the_mean(tiny) -> None:
    undecayed = tiny.with_decay(5.0, no_decay=["*.bias", "*.ln_*"])
    found = measure_spectrum(undecayed, undecayed.initial, settings=SpectrumSettings(steps=8, num_probes=12))
    plain = tiny.with_decay(0.0)
    reference = measure_spectrum(plain, plain.initial, settings=SpectrumSettings(steps=8, num_probes=12))
    np.testing.assert_allclose(found.loss_forms, reference.loss_forms, atol=1e-12)
    exact = (exact_laplacian(tiny, tiny.initial) + undecayed.decay_laplacian) / DIMENSION
    value, (low, high) = found.mean(0.999)
    assert low <= exact <= high
    # Student-t of the loss's forms alone: the spread of decays, from 0 to 5, is not in it.
    assert value - undecayed.decay_laplacian / DIMENSION == pytest.approx(np.mean(found.loss_forms), abs=1e-12)
    with pytest.raises(RequestError, match="tensors have decays of their own"):
        found.with_decay(1.0)


def test_groups_and_order_do_not_change_the_result(tiny) -> None:
    settings = SpectrumSettings(num_probes=3, steps=8)
    some = SpectrumSettings(num_probes=3, steps=8, memory=2e-4)
    together, apart = (measure_spectrum(tiny, tiny.initial, settings=s) for s in (settings, some))
    assert apart.reorthogonalisation == "full"
    for a, b in zip(together.runs, apart.runs, strict=True):
        np.testing.assert_allclose(a.values, b.values, atol=1e-9)
        np.testing.assert_allclose(a.weights, b.weights, atol=1e-9)
    length = norm(tiny.initial)
    forth, back = (spectrum(tiny, radii=[f * length for f in order], settings=settings).points for order in ((1, 2), (2, 1)))
    np.testing.assert_allclose(forth[0].runs[0].values, back[1].runs[0].values, atol=1e-9)
    other = measure_spectrum(tiny, tiny.initial, settings=SpectrumSettings(num_probes=3, steps=8, seed=1))
    assert abs(other.runs[0].weights - together.runs[0].weights).max() > 1e-6


class TestResultsObject:
    def test_of_a_quadratic_equals_the_closed_form(self) -> None:
        curvatures = torch.tensor([1.0, 2.0, 4.0]).double()
        bowl = Landscape.from_function(lambda x: 0.5 * (curvatures * x.square()).sum(), 3, weight_decay=0.5, name="bowl")
        measured = spectrum(bowl, radii=[1.0, 10.0]).as_dict()
        assert json.loads(json.dumps(measured, allow_nan=False)) == measured
        assert measured["dimension"] == 3
        assert measured["notes"] == ["64 Lanczos steps: cut to the dimension, 3"]
        assert measured["num_matvecs"] == 2 * 10 * 3
        assert measured["reorthogonalisation"] == "full"
        for point, radius in zip(measured["points"], (1.0, 10.0), strict=True):
            assert point["radius"] == pytest.approx(radius)
            assert point["exact"]
            assert point["extremes"]["smallest"]["value"] == pytest.approx(1.5, rel=1e-12)
            assert point["extremes"]["largest"]["interval"] == pytest.approx([4.5, 4.5], rel=1e-12)
            assert point["extremes"]["largest"]["converged"]
            assert point["moments"]["mean"]["interval"] == pytest.approx([17 / 6, 17 / 6], rel=1e-12)
            assert point["moments"]["second"]["value"] == pytest.approx((1.5**2 + 2.5**2 + 4.5**2) / 3, rel=1e-12)
            assert point["fraction_negative"]["value"] == 0

    def test_has_the_fields_that_other_tools_read(self, tiny) -> None:
        settings = SpectrumSettings(num_probes=2, steps=6)
        measured = spectrum(tiny, settings=settings, kernel_width=0.7).as_dict()
        assert {"points", "num_matvecs", "seconds", "reorthogonalisation", "level", "notes"} <= set(measured)
        (point,) = measured["points"]
        assert {"radius", "extremes", "density", "cumulative", "moments", "fraction_negative", "ghosts"} <= set(point)
        assert {"value", "interval", "residual", "converged"} == set(point["extremes"]["largest"])
        assert point["density"]["kernel_width"] == 0.7
        sizes = {len(point[c][k]) for c, k in (("density", "grid"), ("density", "interval"), ("cumulative", "band"))}
        assert len(sizes) == 1

    def test_the_progress_counts_steps_of_all_points(self) -> None:
        bowl = Landscape.from_function(lambda x: x.square().sum() + x[0] ** 4, 4)
        told = []
        spectrum(bowl, radii=[1, 2], settings=SpectrumSettings(num_probes=2, steps=2), progress=lambda *a: told.append(a))
        assert told[1] == ("spectrum at radius 1, 1 of 2", 2, 2)
        assert told[-1][0] == "spectrum at radius 2, 2 of 2"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"radii": [0.0]}, r"^radius 0\.0: it is not a positive finite number; give one such as 10$"),
        ({"radii": [float("inf")]}, r"^radius inf"),
        ({"kernel_width": -1.0}, r"^kernel width -1\.0: it is not a positive finite number; give one such as 0\.1$"),
    ],
)
def test_what_is_out_of_range_is_refused(options, message, tiny) -> None:
    with pytest.raises(RequestError, match=message):
        spectrum(tiny, **options)


def test_the_origin_cannot_be_scaled() -> None:
    bowl = Landscape.from_function(lambda x: x.square().sum(), 2, initial=torch.zeros(2).double(), name="bowl")
    with pytest.raises(RequestError, match=r"^radius 3: the reference point of 'bowl' is zero and cannot be scaled; leave it out$"):
        spectrum(bowl, radii=[3.0])
    assert spectrum(bowl).points[0].extremes()[1].value == pytest.approx(2, rel=1e-12)


def test_a_loss_or_product_that_overflows_names_the_radius() -> None:
    steep = Landscape.from_function(lambda x: x.pow(4).sum(), 2, name="steep").to(dtype=torch.float32)
    with pytest.raises(LandscapeError, match=r"^loss of landscape 'steep' at radius 1e\+12: inf is not finite in float32; use"):
        spectrum(steep, radii=[1e12])
    cusp = Landscape.from_function(lambda x: x.abs().pow(1.5).sum(), 2, initial=torch.tensor([1.0, 0.0]).double(), name="cusp")
    with pytest.raises(LandscapeError, match=r"^Hessian-vector product of landscape 'cusp' at radius 1, tensor 'theta': it is not"):
        spectrum(cusp)
