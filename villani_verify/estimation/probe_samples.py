"""Samples of ΔL(θ) together with the addresses of their probes: drawn in parts, saved, merged in any order, then estimated from.

A sample is a function of its address (seed, index) alone, so parts of one estimate can come from several runs or machines. What
must not happen is that one address counts twice, which makes the standard error too small, or that samples of another point,
landscape or engine slip in; both are refused.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch

from villani_verify.curvature.engine_interface import Engine
from villani_verify.errors import RequestError, one_line
from villani_verify.estimation.estimate import Estimate
from villani_verify.landscape import Landscape
from villani_verify.points import Point, squared_norm

Address = tuple[int, int]
"""Seed and index of a probe."""

# Two sums of the same terms in another order, on another device or in other batches, agree to so many units of rounding.
_ROUNDINGS = 1e3


@dataclass(frozen=True)
class Subject:
    """What samples are of. Samples of two subjects have different means or variances, and are not merged.

    Attributes:
        landscape: its name.
        dimension: `d`.
        engine: its name; each engine has samples of its own variance.
        dtype: of the parameters.
        loss: L(θ), which differs where the point or the data does.
        squared_norm: ‖θ‖², which differs along families of constant loss.
    """

    landscape: str
    dimension: int
    engine: str
    dtype: str
    loss: float
    squared_norm: float

    @classmethod
    def of(cls, landscape: Landscape, point: Point, engine: Engine) -> Subject:
        """Describe them, at the cost of one loss."""
        return cls(
            landscape.name,
            landscape.dimension,
            engine.name,
            str(landscape.dtype).removeprefix("torch."),
            landscape.loss(point),
            math.fsum(squared_norm(t) for t in point.values()),
        )

    def difference(self, other: Subject) -> str | None:
        """Return the name of an attribute that differs by more than rounding, or None."""
        rtol = _ROUNDINGS * torch.finfo(getattr(torch, self.dtype)).eps
        for name, mine in asdict(self).items():
            theirs = getattr(other, name)
            if isinstance(mine, float) and (math.isclose(mine, theirs, rel_tol=rtol) or (math.isnan(mine) and math.isnan(theirs))):
                continue
            if mine != theirs:
                return name
        return None


@dataclass(frozen=True)
class ProbeSamples:
    """Independent samples of ΔL(θ) by address.

    Attributes:
        subject: of what.
        devices: on which they were computed, in alphabetical order.
        samples: address → sample.
    """

    subject: Subject
    devices: tuple[str, ...]
    samples: Mapping[Address, float]

    @classmethod
    def draw(cls, landscape: Landscape, point: Point, *, engine: Engine, seed: int, indices: Sequence[int]) -> ProbeSamples:
        """Compute the samples with these addresses.

        Args:
            landscape: gives L.
            point: θ.
            engine: computes samples.
            seed: first part of each address.
            indices: second parts, in any order.

        Raises:
            RequestError: if an index is repeated.
            DeviceError: if memory runs out even in the smallest chunks.
        """
        repeated = next((k for k, times in Counter(indices).items() if times > 1), None)
        if repeated is not None:
            raise RequestError(f"probe {repeated} of seed {seed}: it is asked for twice; give each index once")
        drawn = engine.laplacian_samples(landscape, point, seed=seed, indices=indices)
        samples = {(seed, k): x for k, x in zip(indices, drawn, strict=True)}
        return cls(Subject.of(landscape, point, engine), (str(landscape.device),), samples)

    def merged(self, *others: ProbeSamples) -> ProbeSamples:
        """Return these samples and those of `others`.

        Raises:
            RequestError: if an address is in two of them, or they are samples of different things.
        """
        samples, devices = dict(self.samples), set(self.devices)
        for other in others:
            name = self.subject.difference(other.subject)
            if name is not None:
                mine, theirs = getattr(self.subject, name), getattr(other.subject, name)
                raise RequestError(
                    f"merging samples of {name} {mine!r} and {theirs!r}: they have different means or variances; draw anew"
                )
            both = sorted(samples.keys() & other.samples.keys())
            if both:
                raise RequestError(
                    f"merging samples: probe {both[0][1]} of seed {both[0][0]} and {len(both) - 1} more are in both; "
                    "a probe counts once, so draw other indices, or another seed"
                )
            samples |= other.samples
            devices |= set(other.devices)
        return ProbeSamples(self.subject, tuple(sorted(devices)), samples)

    def estimate(self) -> Estimate:
        """Return the mean with its Student-t error: the same bits in whatever order and parts the samples were drawn.

        Raises:
            ValueError: with fewer than two samples.
        """
        return Estimate.mean_of(
            [self.samples[address] for address in sorted(self.samples)],
            num_matvecs=len(self.samples),
            method=f"hutchinson, {self.subject.engine}",
            dtype=self.subject.dtype,
            device=", ".join(self.devices),
        )

    def as_dict(self) -> dict[str, Any]:
        """Return plain values that JSON keeps to the last bit, from which `from_dict` makes the samples again."""
        samples = [[seed, index, repr(x)] for (seed, index), x in sorted(self.samples.items())]
        subject = {k: repr(v) if isinstance(v, float) else v for k, v in asdict(self.subject).items()}
        return {"subject": subject, "devices": list(self.devices), "samples": samples}

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> ProbeSamples:
        """Make samples from what `as_dict` gave.

        Raises:
            RequestError: if it is something else, or an address is there twice.
        """
        try:
            about = dict(saved["subject"])
            about |= {k: float(about[k]) for k in ("loss", "squared_norm")}
            samples = {(int(seed), int(index)): float(x) for seed, index, x in saved["samples"]}
            found = cls(Subject(**about), tuple(map(str, saved["devices"])), samples)
        except (KeyError, TypeError, ValueError) as error:
            raise RequestError(f"saved samples: {type(error).__name__} {one_line(error)}; give what as_dict returned") from None
        if len(samples) != len(saved["samples"]):
            raise RequestError("saved samples: an address is there twice; give what as_dict returned")
        return found
