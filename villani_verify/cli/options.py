"""The options that say which landscape is meant, shared by all commands that look at one."""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from villani_verify.errors import RequestError

if TYPE_CHECKING:
    from villani_verify.landscapes.request import LandscapeRequest

_LANDSCAPE = "Landscape"
_TEXT = "Text (language models only)"

JsonTarget = Annotated[
    str | None,
    typer.Option(
        "--json", metavar="PATH|-", help="Write the results as one JSON object; - for standard output.", rich_help_panel="Output"
    ),
]
"""`--json` of every command that measures something of a landscape."""


@dataclass(frozen=True)
class LandscapeOptions:
    """What was typed; None or an empty list where nothing was."""

    landscape: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="A landscape of the zoo (see `villani-verify zoo`), or path/to/file.py:factory, a function that returns a "
            "Landscape; the file is run.",
            rich_help_panel=_LANDSCAPE,
        ),
    ] = None
    model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|DIR",
            help="Instead of --landscape: a causal language model, from a directory with config.json and safetensors, or from "
            "the Hugging Face hub.",
            rich_help_panel=_LANDSCAPE,
        ),
    ] = None
    weight_decay: Annotated[
        float | None,
        typer.Option(
            metavar="λ",
            help="λ of F = L + ½ λ‖θ‖², at least 0. Default: the landscape's own; 0.1 for --model.",
            rich_help_panel=_LANDSCAPE,
        ),
    ] = None
    no_decay: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATTERN",
            help="Parameters with λ = 0, such as '*.bias' or '*.ln_*'; repeatable.",
            rich_help_panel=_LANDSCAPE,
        ),
    ] = None
    device: Annotated[
        str,
        typer.Option(
            "--device",  # by name, as typer 0.27 takes a metavar that is the same word for it, and wants --DEVICE
            metavar="DEVICE",
            help="cpu, cuda, cuda:N, or auto: cuda if there is one, else cpu.",
            rich_help_panel=_LANDSCAPE,
        ),
    ] = "auto"
    dtype: Annotated[
        str | None,
        typer.Option(
            "--dtype",
            metavar="DTYPE",
            help="float32 or float64, of parameters and loss. Default: the landscape's own.",
            rich_help_panel=_LANDSCAPE,
        ),
    ] = None
    dataset: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|PATH",
            help="ptb, wikitext-2, wikitext-103, embedded (generated English-like sentences), or a UTF-8 file. Default: embedded.",
            rich_help_panel=_TEXT,
        ),
    ] = None
    data_dir: Annotated[
        str | None,
        typer.Option(
            metavar="DIR",
            help="Where ptb/, wikitext-2/ and wikitext-103-raw/ lie. Default: fetched from the Hugging Face hub.",
            rich_help_panel=_TEXT,
        ),
    ] = None
    tokenizer: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|DIR",
            help="bytes, classes (of characters), a directory with tokenizer.json or GPT-2's vocab.json and merges.txt, or a "
            "name on the hub. Default: the model's own.",
            rich_help_panel=_TEXT,
        ),
    ] = None
    split: Annotated[
        str | None, typer.Option(metavar="NAME", help="train, valid or test. Default: valid.", rich_help_panel=_TEXT)
    ] = None
    sequences: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Number of token sequences that L is the mean over. Default: the landscape's own.",
            rich_help_panel=_TEXT,
        ),
    ] = None
    sequence_length: Annotated[
        int | None,
        typer.Option(metavar="TOKENS", help="Tokens in each sequence. Default: the landscape's own.", rich_help_panel=_TEXT),
    ] = None

    def request(self) -> LandscapeRequest:
        """Return the request that these options make."""
        from villani_verify.landscapes.request import LandscapeRequest

        return LandscapeRequest(**self._given())

    def request_or(self, default: str) -> LandscapeRequest:
        """Return the request that these options make, for the landscape `default` where they name none."""
        named = self.landscape is not None or self.model is not None
        return self.request() if named else dataclasses.replace(self, landscape=default).request()

    def over(self, request: LandscapeRequest) -> LandscapeRequest:
        """Return `request` with the options that were given in place of its own.

        The device is always the one of the options, as the machine may be another.
        """
        given = self._given()
        if "model" in given or "landscape" in given:
            given = {"landscape": None, "model": None} | given
        return dataclasses.replace(request, **given)

    def _given(self) -> dict[str, Any]:
        typed = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        for name, value in typed.items():
            # As from an unset variable of the shell; a default in its place would hide that.
            if value == "":
                raise RequestError(f"option --{name.replace('_', '-')}: it is empty; give a value, or leave the option off")
        given = {name: value for name, value in typed.items() if value is not None and value != []}
        return given | ({"no_decay": tuple(given["no_decay"])} if "no_decay" in given else {})


def takes_landscape(command: Callable[..., int]) -> Callable[..., int]:
    """Give a command, whose parameter `options` is a `LandscapeOptions`, one option for each field of it.

    Typer reads options off a function's signature, so the signature is written out here once for all commands.
    """
    hints = get_type_hints(LandscapeOptions, include_extras=True)
    added = [
        inspect.Parameter(f.name, inspect.Parameter.KEYWORD_ONLY, default=f.default, annotation=hints[f.name])
        for f in dataclasses.fields(LandscapeOptions)
    ]
    own = [p for p in inspect.signature(command, eval_str=True).parameters.values() if p.name != "options"]

    @functools.wraps(command)
    def wrapped(**values: Any) -> int:
        options = LandscapeOptions(**{p.name: values.pop(p.name) for p in added})
        return command(options=options, **values)

    # The command's own arguments and options come first in its help.
    parameters = [*(p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own), *added]
    wrapped.__signature__ = inspect.Signature(parameters, return_annotation=int)  # type: ignore[attr-defined]
    wrapped.__annotations__ = {p.name: p.annotation for p in parameters} | {"return": int}
    return wrapped
