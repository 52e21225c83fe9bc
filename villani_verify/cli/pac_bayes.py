"""`villani-verify pac-bayes`: bounds of the expected loss of a Gaussian posterior around a model's parameters."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from villani_verify.cli.interruption import stopping_on_request
from villani_verify.cli.options import JsonTarget, LandscapeOptions, takes_landscape
from villani_verify.cli.output import STANDARD_OUTPUT, standard_output_for
from villani_verify.cli.pac_bayes_output import check_targets, show, write
from villani_verify.cli.progress import progress_display
from villani_verify.errors import RequestError

if TYPE_CHECKING:
    from villani_verify.landscape import Landscape
    from villani_verify.theory.pac_bayes.gaussians import PriorMean

_BOUND = "What to bound"
_SAMPLE = "Sample"
_OUTPUT = "Output"


@takes_landscape
def pac_bayes(
    *,
    options: LandscapeOptions,
    loss: Annotated[
        str,
        typer.Option(metavar="NAME", help="token-error or clipped-cross-entropy, a mean over a sequence.", rich_help_panel=_BOUND),
    ] = "token-error",
    clip: Annotated[
        float | None,
        typer.Option(
            metavar="NATS",
            help="B of the clipped cross-entropy min(ce, B), fixed before the data. Default: 2 ln V, twice the uniform one's.",
            rich_help_panel=_BOUND,
        ),
    ] = None,
    prior_precision: Annotated[
        list[float] | None,
        typer.Option(
            metavar="λ",
            help="λ > 0 of the prior N(w₀, I/λ), fixed before the data; repeatable, and paid for. Default: half decades, 0.01 to "
            "10,000, and the weight decay.",
            rich_help_panel=_BOUND,
        ),
    ] = None,
    prior_variance: Annotated[
        list[float] | None,
        typer.Option(
            metavar="τ²", help="Instead: variances 1/λ; repeatable. At temperature s it is s/(2λ).", rich_help_panel=_BOUND
        ),
    ] = None,
    prior_mean: Annotated[
        str,
        typer.Option(
            metavar="zero|initialisation|DIR",
            help="w₀: zero, the zoo's own initialisation, or the directory of the model as it was before training.",
            rich_help_panel=_BOUND,
        ),
    ] = "zero",
    posterior_sd: Annotated[
        list[float] | None,
        typer.Option(
            metavar="σ",
            help="σ > 0 of the posterior N(w, σ²I); repeatable; the data may be in view. Default: 0.003, 0.01, 0.03, 0.1.",
            rich_help_panel=_BOUND,
        ),
    ] = None,
    relative_sd: Annotated[
        bool,
        typer.Option("--relative-sd", help="σ in units of each tensor's root mean square.", rich_help_panel=_BOUND),
    ] = False,
    delta: Annotated[
        float, typer.Option(metavar="δ", help="Failure probability of the bounds, over the sample.", rich_help_panel=_BOUND)
    ] = 0.04,
    monte_carlo_delta: Annotated[
        float, typer.Option(metavar="δ′", help="Failure probability of the sampled loss, over its draws.", rich_help_panel=_BOUND)
    ] = 0.01,
    draws: Annotated[
        int, typer.Option(metavar="M", help="Draws of the posterior for each σ, at least 1.", rich_help_panel=_BOUND)
    ] = 1000,
    rows_per_draw: Annotated[
        int, typer.Option(metavar="ROWS", help="Sequences of the sample that a draw is looked at on.", rich_help_panel=_BOUND)
    ] = 4,
    held_out_split: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Split of the held-out sequences. Default: test.", rich_help_panel=_SAMPLE),
    ] = None,
    held_out_sequences: Annotated[
        int | None,
        typer.Option(metavar="N", help="Number of held-out sequences. Default: as many as --sequences.", rich_help_panel=_SAMPLE),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Address of the draws.", rich_help_panel=_BOUND)] = 0,
    figure: Annotated[
        Path | None,
        typer.Option(metavar="PATH.svg", help="Write the figure of bound and test loss against λ there.", rich_help_panel=_OUTPUT),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Write results.json and pac-bayes.svg there; it must be new or empty.", rich_help_panel=_OUTPUT
        ),
    ] = None,
    json_target: JsonTarget = None,
) -> int:
    """Bound the expected loss of N(w, σ²I) around a model's parameters by PAC-Bayes, and show a held-out loss beside it.

    The unit that n counts is the sequence (--sequences, default 1,000), as tokens of one text depend on each other. --split is the
    sample's: by default what the zoo's model was trained on, otherwise train. Bounds that say nothing are called vacuous.
    """
    from villani_verify.theory.pac_bayes.bounded_losses import check_loss
    from villani_verify.theory.pac_bayes.study import POSTERIOR_SDS, check_numbers

    precisions = _precisions(prior_precision or [], prior_variance or [])
    sds = tuple(posterior_sd or POSTERIOR_SDS)
    check_numbers(precisions, sds, delta, monte_carlo_delta, draws, rows_per_draw)
    check_loss(loss, clip)
    _check_prior_mean(prior_mean)
    if held_out_split == "":
        raise RequestError("option --held-out-split: it is empty; give a value, or leave the option off")
    check_targets(figure, out, json_target)
    with standard_output_for(json_target):
        results = _measure(
            options, loss, clip, precisions, prior_mean, sds, held_out_split, held_out_sequences,
            relative_sd=relative_sd, delta=delta, monte_carlo_delta=monte_carlo_delta, draws=draws, rows_per_draw=rows_per_draw,
            seed=seed,
        )  # fmt: skip
    write(results, figure, out, json_target)
    if json_target != STANDARD_OUTPUT:
        show(results)
    return 0


def _precisions(precisions: list[float], variances: list[float]) -> list[float]:
    """Return the prior precisions that were asked for, in either way; none where none were."""
    if precisions and variances:
        raise RequestError("--prior-precision and --prior-variance: they exclude each other; give one of them")
    for variance in variances:
        if not 0 < variance < float("inf"):
            raise RequestError(f"prior variance {variance}: it is not a positive finite number; give one such as 10")
    return precisions or [1 / v for v in variances]


def _check_prior_mean(prior_mean: str) -> None:
    if prior_mean in ("zero", "initialisation"):
        return
    if not prior_mean.strip() or not Path(prior_mean).is_dir():
        raise RequestError(
            f"prior mean {prior_mean!r}: it is neither zero, nor initialisation, nor a directory; give the untrained model"
        )
    from villani_verify.landscapes.models import check_directory

    check_directory(Path(prior_mean), f"prior mean {prior_mean!r}")


def _measure(
    options: LandscapeOptions,
    loss: str,
    clip: float | None,
    precisions: list[float],
    prior_mean: str,
    sds: tuple[float, ...],
    held_out_split: str | None,
    held_out_sequences: int | None,
    **numbers: Any,
) -> dict[str, Any]:
    """Load, check what only the loaded landscape can tell, and return the results object."""
    from villani_verify.notes import collected_notes
    from villani_verify.theory.pac_bayes.bounded_losses import bounded_loss
    from villani_verify.theory.pac_bayes.study import certify
    from villani_verify.theory.pac_bayes.text import text_samples

    with collected_notes() as notes, progress_display() as progress:
        progress("loading", 0, 0)
        found = text_samples(
            options.request(), split=options.split, held_out_split=held_out_split, held_out_sequences=held_out_sequences
        )
        landscape = found.landscape
        study = certify(
            landscape,
            bounded_loss(landscape, loss, clip=clip),
            training=found.training,
            held_out=found.held_out,
            prior_precisions=precisions or _default_precisions(landscape),
            posterior_sds=sds,
            prior_mean=_prior_mean(landscape, prior_mean),
            progress=stopping_on_request(progress),
            **numbers,
        )
        results = study.as_dict()
    return results | {"request": landscape.request, "seed": numbers["seed"], "notes": list(notes.texts())}


def _default_precisions(landscape: Landscape) -> list[float]:
    """Return the grid, which is fixed, and the landscape's own weight decays."""
    from villani_verify.theory.pac_bayes.study import PRIOR_PRECISIONS

    own = {lam for lam in landscape.decay.values() if lam > 0}
    if not own:
        raise RequestError("weight decay 0: N(w₀, I/λ) is no distribution at λ = 0; give λ > 0, or the prior by --prior-precision")
    return sorted({*PRIOR_PRECISIONS, *own})


def _prior_mean(landscape: Landscape, prior_mean: str) -> PriorMean:
    from villani_verify.theory.pac_bayes.gaussians import PriorMean

    if prior_mean == "zero":
        return PriorMean()
    if prior_mean == "initialisation":
        from villani_verify.landscapes.zoo.transformers import initialisation_of

        model = initialisation_of(landscape.name)
    else:
        from villani_verify.landscapes.models import load_model

        model = load_model(prior_mean, dtype=landscape.dtype)
    return PriorMean.at(dict(model.named_parameters()), source="initialisation")
