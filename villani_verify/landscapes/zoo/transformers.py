"""Transformers with known verdicts: tiny ones for exact Hessians, a small trained one, and GPT-Neo-125M at random.

A `TransformerSpec` names an architecture and the text it is looked at on; `transformer_landscape` builds it, with
the text, the tokenizer or the weight decay replaced where the caller wishes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from torch import nn

from villani_verify.corpora import load_tokenizer, token_sequences
from villani_verify.corpora.embedded import embedded_text
from villani_verify.corpora.tokenizers import Tokenizer
from villani_verify.errors import RequestError
from villani_verify.landscape import Landscape
from villani_verify.landscapes import architectures
from villani_verify.landscapes.models import check_positions, load_model, vocabulary_size
from villani_verify.landscapes.zoo.entry import ZooEntry, all_supported_except

SMALL_WEIGHTS = Path(__file__).resolve().parents[1] / "weights" / "gpt-neo-small"
REASON = (
    "Smoothness: a composition of smooth maps is smooth, and a ReLU network has kinks. "
    "Quadratic growth and Gaussian tails: L ≥ 0, so F ≥ min λ/2 · ‖θ‖² if every tensor is decayed. In an undecayed tensor "
    "alone L grows at most linearly, because the last normalisation bounds the hidden state, so both fail. "
    "Differential growth on rays: along almost every direction ‖∇F‖² grows like r² and ΔL more slowly, outside narrow "
    "spikes; seen numerically, not proved. "
    "Uniformly it fails: set the output matrix of one MLP to zero, and multiply its input matrix and the gain of the "
    "normalisation before it by r. The function stays the same, ΔF and ‖∇F‖² grow at one rate, so Ψ_s → −∞ for every s "
    "above the limit of their ratio. If one context has two continuations, L has stationary points that fit no better than the "
    "odds; started from one, the same family has ‖∇F‖² of the order of r², from the decay alone, against ΔF of the order of r⁴ "
    "or more, so s* → 0 and Ψ_s → −∞ for every s > 0."
)
"""Why a transformer with weight decay gets the verdicts of `expected_verdicts`."""

# Seed of the text a spec is looked at on when none is given; the small model was trained on another.
_TEXT_SEED = 0


@dataclass(frozen=True)
class TransformerSpec:
    """An architecture with its weights, and the text it is looked at on unless another is given.

    Attributes:
        name: what `--landscape` takes.
        summary: one line for lists.
        build: makes the model.
        tokenizer: name for `load_tokenizer`; its vocabulary fits the model.
        sequences: default number of rows of tokens.
        sequence_length: default number of tokens in a row.
        weight_decay: default λ.
        no_decay: default patterns of parameters with λ = 0.
        smooth: whether every activation is smooth.
        text: what it is looked at on unless another text is given; default English-like text from `embedded_text`.
    """

    name: str
    summary: str
    build: Callable[[], nn.Module]
    tokenizer: str = "classes"
    sequences: int = 4
    sequence_length: int = 12
    weight_decay: float = 0.1
    no_decay: tuple[str, ...] = ()
    smooth: bool = True
    text: str | None = None

    @property
    def entry(self) -> ZooEntry:
        """The zoo's entry; its `make` is `transformer_landscape` with this spec."""
        expected = expected_verdicts(smooth=self.smooth, all_decayed=not self.no_decay)
        make = partial(transformer_landscape, self)
        return ZooEntry(self.name, self.summary, expected, REASON, "transformer", make, self.weight_decay)


def expected_verdicts(*, smooth: bool, all_decayed: bool) -> dict[str, str]:
    """Return the status of each criterion for a transformer of which at least one tensor is decayed.

    `REASON` says why.
    """
    refuted = ["differential_growth_uniform"]
    refuted += [] if smooth else ["smoothness"]
    refuted += [] if all_decayed else ["quadratic_growth", "gaussian_tails"]
    return all_supported_except(*refuted)


def transformer_landscape(
    spec: TransformerSpec,
    *,
    text: str | None = None,
    tokenizer: Tokenizer | None = None,
    sequences: int | None = None,
    sequence_length: int | None = None,
    weight_decay: float | Mapping[str, float] | None = None,
    no_decay: Sequence[str] | None = None,
) -> Landscape:
    """Build the landscape of `spec`; every argument left out takes its default from there.

    Args:
        spec: architecture and defaults.
        text: default that of the spec.
        tokenizer: must have at most as many tokens as the model.
        sequences: number of rows of tokens.
        sequence_length: tokens in a row, at least 2.
        weight_decay: λ, one number, or one for each parameter name (patterns allowed).
        no_decay: patterns of parameter names with λ = 0; an empty list decays every tensor.

    Returns:
        The landscape, with the verdicts expected of it at that weight decay; with none if nothing is decayed.

    Raises:
        RequestError: if the rows do not fit the model's positions, or a pattern matches nothing.
        TextError: if the text is too short, or the tokenizer does not fit the model.
    """
    model = spec.build()
    count = spec.sequences if sequences is None else sequences
    length = spec.sequence_length if sequence_length is None else sequence_length
    check_positions(model, length)
    chosen = spec.text if text is None else text
    tokens = token_sequences(
        # A sentence has at least three tokens: a subject, a verb and a full stop.
        embedded_text(max(1, count * length // 3 + 1), seed=_TEXT_SEED) if chosen is None else chosen,
        load_tokenizer(spec.tokenizer) if tokenizer is None else tokenizer,
        count=count,
        length=length,
        vocabulary_size=vocabulary_size(model),
    )
    decay = spec.weight_decay if weight_decay is None else weight_decay
    undecayed = spec.no_decay if no_decay is None else no_decay
    landscape = Landscape.causal_lm(model, tokens, weight_decay=decay, no_decay=undecayed, name=spec.name)
    if not any(landscape.decay.values()):
        return landscape
    return replace(landscape, expected=expected_verdicts(smooth=spec.smooth, all_decayed=not landscape.undecayed))


TRANSFORMERS: Mapping[str, TransformerSpec] = {
    spec.name: spec
    for spec in (
        TransformerSpec(
            "gpt-neo-tiny",
            "GPT-Neo with 822 parameters in float64: a global and a local layer of width 6; exact Hessians are cheap",
            architectures.gpt_neo_tiny,
        ),
        TransformerSpec(
            "gpt-neo-tiny-relu",
            "the same with ReLU instead of GELU: not smooth, a negative control",
            lambda: architectures.gpt_neo_tiny(activation="relu"),
            smooth=False,
        ),
        TransformerSpec(
            "gpt-neo-tiny-undecayed-norms",
            "the same with LayerNorm and biases undecayed, as in usual training: no quadratic growth",
            architectures.gpt_neo_tiny,
            no_decay=("*.ln_*", "*.bias"),
        ),
        TransformerSpec(
            "gpt-neo-tiny-ambiguous",
            "the same on two rows, a vowel before either of two consonants: a family from a stationary point breaks every s > 0",
            architectures.gpt_neo_tiny,
            text="abap",
            sequences=2,
            sequence_length=2,
        ),
        TransformerSpec(
            "gpt-neo-small",
            "GPT-Neo with 232,064 parameters, trained on bytes of the embedded text",
            lambda: load_model(str(SMALL_WEIGHTS)),
            tokenizer="bytes",
            sequence_length=32,
        ),
        TransformerSpec(
            "gpt-neo-125m",
            "GPT-Neo-125M's architecture, 125,198,592 parameters at random; real weights come with --model",
            architectures.gpt_neo_125m,
            tokenizer="bytes",
            sequences=1,
            sequence_length=128,
        ),
        TransformerSpec("gpt2-tiny", "GPT-2 with 858 parameters in float64", architectures.gpt2_tiny),
        TransformerSpec(
            "llama-tiny", "Llama with 1,112 parameters in float64: RMSNorm, rotary positions, SiLU", architectures.llama_tiny
        ),
    )
}
"""Name → specification, in the order in which lists show them."""

# What trained weights of the zoo were before their training.
_INITIALISATIONS: Mapping[str, Callable[[], nn.Module]] = {"gpt-neo-small": architectures.gpt_neo_small}


def initialisation_of(name: str) -> nn.Module:
    """Return the model of the zoo that the training of `name` began with.

    Raises:
        RequestError: if it was not trained, or its initialisation is not known here.
    """
    if name not in _INITIALISATIONS:
        raise RequestError(
            f"initialisation of {name!r}: it is not known here; give the directory of the model as it was before training"
        )
    return _INITIALISATIONS[name]()


TRANSFORMER_ENTRIES: tuple[ZooEntry, ...] = tuple(spec.entry for spec in TRANSFORMERS.values())
"""The same as entries of the zoo."""
