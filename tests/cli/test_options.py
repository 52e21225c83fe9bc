from __future__ import annotations

import dataclasses
import inspect
import typing

import pytest
from typer.models import OptionInfo

from villani_verify.cli.app import app
from villani_verify.cli.options import LandscapeOptions, takes_landscape
from villani_verify.cli.verify import verify
from villani_verify.errors import RequestError
from villani_verify.landscapes.request import LandscapeRequest


def test_options_become_the_request_that_the_library_knows():
    # Stored models are for campaigns, whose plans are files.
    known = {f.name for f in dataclasses.fields(LandscapeRequest)} - {"stored"}
    assert {f.name for f in dataclasses.fields(LandscapeOptions)} == known
    assert LandscapeOptions(device="cpu").request() == LandscapeRequest(device="cpu")
    typed = LandscapeOptions(landscape="double-well", no_decay=["*.bias"], sequences=3, weight_decay=0.0, device="cpu").request()
    assert typed == LandscapeRequest(landscape="double-well", no_decay=("*.bias",), sequences=3, weight_decay=0.0, device="cpu")


@pytest.mark.parametrize("option", ["landscape", "model", "dataset", "data_dir", "tokenizer", "split", "device", "dtype"])
def test_an_empty_value_is_refused(option):
    with pytest.raises(RequestError, match=f"option --{option.replace('_', '-')}: it is empty"):
        LandscapeOptions(**{option: ""}).request()


def test_options_replace_parts_of_a_request():
    stored = LandscapeRequest(model="some/where", split="test", sequences=5, device="cuda:1")
    assert LandscapeOptions(sequences=2, device="cpu").over(stored) == dataclasses.replace(stored, sequences=2, device="cpu")
    other = LandscapeOptions(landscape="double-well", device="cpu").over(stored)
    assert (other.landscape, other.model) == ("double-well", None)


def test_a_default_landscape_gives_way_to_a_named_one():
    assert LandscapeOptions(device="cpu").request_or("gpt-neo-tiny").landscape == "gpt-neo-tiny"
    assert LandscapeOptions(model="m", device="cpu").request_or("gpt-neo-tiny").landscape is None


def test_a_command_gets_one_option_for_each_field():
    @takes_landscape
    def command(*, options: LandscapeOptions, other: int = 1) -> int:
        return (options.sequences or 0) + other

    given = {f.name: None for f in dataclasses.fields(LandscapeOptions)} | {"sequences": 4, "device": "cpu"}
    assert command(**given, other=3) == 7
    names = list(inspect.signature(command).parameters)
    assert names == ["other", *(f.name for f in dataclasses.fields(LandscapeOptions))]
    assert set(typing.get_type_hints(command)) == {*names, "return"}
    assert "options" not in inspect.signature(verify).parameters


def test_options_whose_metavar_is_their_name_are_named() -> None:
    """Typer 0.27 takes such a metavar for the name, and then knows --DEVICE and no --device."""
    told = []
    groups = [group.typer_instance for group in app.registered_groups]
    for command in [c for commands in (app, *groups) for c in commands.registered_commands]:
        for parameter in inspect.signature(command.callback, eval_str=True).parameters.values():
            for info in getattr(parameter.annotation, "__metadata__", ()):
                if isinstance(info, OptionInfo) and info.metavar == parameter.name.upper():
                    assert info.default == f"--{parameter.name}", (command.callback.__name__, parameter.name)
                    told.append(parameter.name)
    assert set(told) == {"device", "dtype"}
