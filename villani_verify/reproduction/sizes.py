"""How large a reproduction is: `small` for two processor cores and twenty minutes, `full` for the paper's model on a GPU."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from villani_verify.errors import RequestError
from villani_verify.theory.spectrum.settings import SpectrumSettings
from villani_verify.theory.weight_decay.quantities import Effort
from villani_verify.theory.weight_decay.study import Plan
from villani_verify.theory.weight_decay.training import Schedule


@dataclass(frozen=True)
class Langevin:
    """Noisy gradient descent: λ and s of the grid, how long, and with which fraction of the largest stable step."""

    weight_decays: tuple[float, ...]
    temperatures: tuple[float, ...]
    chains: int
    steps: int
    step_fraction: float = 0.4


@dataclass(frozen=True)
class Size:
    """Everything that depends on the size.

    Attributes:
        name: "small" or "full".
        model: what `load_model` takes; None for the small GPT-Neo, trained here on each text.
        tokenizer: for `load_tokenizer`; None for the model's own.
        texts: the default ones.
        weight_decay: λ of F.
        schedule: of the training; None where the model is trained already.
        training_rows: that models are trained on, and PAC-Bayes bounds count.
        other_rows: of validation, and as many of test.
        rows: of the landscape, that curvature sees.
        length: tokens in a row.
        spectrum: of each point.
        radii: of the spectra, in units of the trained model's norm.
        decays: λ of the spectra.
        langevin: the chains.
        draws: of the posterior.
        study: the weight-decay study.
    """

    name: str
    model: str | None
    tokenizer: str | None
    texts: tuple[str, ...]
    weight_decay: float
    schedule: Schedule | None
    training_rows: int
    other_rows: int
    rows: int
    length: int
    spectrum: SpectrumSettings
    radii: tuple[float, ...]
    decays: tuple[float, ...]
    langevin: Langevin
    draws: int
    study: Plan

    def changed(self, *, model: str | None, tokenizer: str | None, seeds: int | None) -> Size:
        """Return the size with another model, tokenizer, or number of seeds of the study; None leaves what there is.

        A model comes with its own tokenizer unless another is given, and is not trained.

        Raises:
            RequestError: if a tokenizer is given for the small GPT-Neo, which reads bytes, or there are no seeds.
        """
        size = self
        if model is not None:
            size = replace(size, model=model, tokenizer=None, schedule=None)
        if tokenizer is not None:
            if size.model is None:
                raise RequestError(f"tokenizer {tokenizer!r}: the small GPT-Neo that is trained here reads bytes; give --model too")
            size = replace(size, tokenizer=tokenizer)
        if seeds is not None and seeds < 1:
            raise RequestError(f"study seeds {seeds}: too few; give at least 1")
        if seeds is not None:
            size = replace(size, study=replace(size.study, seeds=tuple(range(seeds))))
        return size

    @property
    def tokenizer_name(self) -> str:
        """For `load_tokenizer`: the model's own where none is named."""
        return self.tokenizer or self.model or "bytes"


SIZES: Mapping[str, Size] = MappingProxyType({
    "small": Size(
        name="small", model=None, tokenizer="bytes", texts=("ptb",), weight_decay=0.1,
        schedule=Schedule(steps=600, rows=8, length=64), training_rows=400, other_rows=100, rows=8, length=64,
        spectrum=SpectrumSettings(num_probes=4, steps=24), radii=(1.0, 4.0, 16.0), decays=(0.01, 0.1, 1.0),
        langevin=Langevin((1.0, 10.0), (1e-4, 1e-2), chains=4, steps=300), draws=300,
        study=Plan(
            weight_decays=(1e-4, 1e-3, 1e-2, 1e-1), seeds=(0, 1), schedule=Schedule(steps=300, rows=8, length=64),
            effort=Effort(chains=4, steps=150, draws=100),
        ),
    ),
    "full": Size(
        name="full", model="EleutherAI/gpt-neo-125m", tokenizer=None, texts=("ptb", "wikitext-103"), weight_decay=0.1,
        schedule=None, training_rows=1000, other_rows=180, rows=4, length=256,
        spectrum=SpectrumSettings(num_probes=4, steps=48, memory=32.0), radii=(1.0, 4.0, 16.0), decays=(0.01, 0.1, 1.0),
        langevin=Langevin((0.1, 1.0, 10.0), (1e-6, 1e-4), chains=4, steps=1000), draws=300,
        study=Plan(
            weight_decays=(1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0), seeds=(0, 1, 2, 3, 4),
            schedule=Schedule(steps=2000, rows=16, length=128),
            effort=Effort(probes=32, chains=10, steps=200, draws=500),
        ),
    ),
})  # fmt: skip
"""The study trains the small GPT-Neo at both sizes, as one training of the large one for each λ and seed takes days."""
