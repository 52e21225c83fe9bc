"""The application: its commands, and how each way of ending becomes an exit status and at most one line of error."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from villani_verify import __version__
from villani_verify.allocator import keep_freed_memory
from villani_verify.cli.campaign import campaign
from villani_verify.cli.constants import constants
from villani_verify.cli.doctor import doctor
from villani_verify.cli.interruption import errors_as_interrupt, signals_remembered
from villani_verify.cli.langevin import langevin
from villani_verify.cli.pac_bayes import pac_bayes
from villani_verify.cli.psi import psi
from villani_verify.cli.replay import replay
from villani_verify.cli.report import report
from villani_verify.cli.reproduce import reproduce
from villani_verify.cli.runs import runs_app
from villani_verify.cli.spectrum import spectrum
from villani_verify.cli.verify import verify
from villani_verify.cli.zoo import zoo
from villani_verify.errors import VillaniError, one_line

PROGRAM = "villani-verify"
WRONG_REQUEST = 2
INTERRUPTED = 130
_BROKEN_PIPE = 141
# Of the classes that typer raises for wrong usage, this one's parent is the root, and it is the only one that
# every version exports: newer ones carry a click of their own, older ones use the installed one.
_USAGE_ERROR: type[Exception] = typer.BadParameter.__mro__[1]
_LONGEST_LINE = 1000

_STATUSES = "Exit status: 0 all as expected, 1 something is not, 2 the request or the input is wrong, 130 interrupted."

app = typer.Typer(
    help="Check numerically whether a regularised loss landscape satisfies Villani's criteria.",
    epilog=f"{_STATUSES} Without a command: verify.",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)
for _command in (verify, psi, constants, spectrum, langevin, pac_bayes, reproduce, campaign, replay, report, zoo, doctor):
    app.command(epilog=_STATUSES)(_command)
app.add_typer(runs_app, name="runs", epilog=_STATUSES)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"{PROGRAM} {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")] = False,
) -> None:
    """Check numerically whether a regularised loss landscape satisfies Villani's criteria."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status.

    0 every verdict (or check, or witness) is as expected; 1 one is not; 2 the request or the input is wrong, said in
    one line on standard error; 130 interrupted. Errors that were not foreseen keep their traceback: they are bugs.

    Args:
        argv: arguments without the program's name; default those of the process.
    """
    arguments = _with_command(list(sys.argv[1:] if argv is None else argv))
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")  # a terminal without θ shows a question mark instead of failing
    keep_freed_memory()
    strange = next((a for a in arguments if "\0" in a), None)
    if strange is not None:  # no shell can give one, but a program that calls this can
        return _complain(f"argument {strange[:80]!r}: it holds a zero byte, which no path and no name has; take it out")
    try:
        with signals_remembered(), errors_as_interrupt():
            return _run(arguments)
    except typer.Exit as e:
        return e.exit_code
    except VillaniError as e:
        return _complain(one_line(e, _LONGEST_LINE))
    except _USAGE_ERROR as e:
        return _complain(_usage(e, arguments))
    except KeyboardInterrupt as e:
        _say(f"interrupted; {one_line(e, _LONGEST_LINE)}" if e.args else "interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has gone, as in `villani-verify zoo | head`; what is buffered has nowhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _BROKEN_PIPE


def _run(arguments: list[str]) -> int:
    # Not through typer's own runner: it prints usage errors in several lines and swallows interrupts.
    command = typer.main.get_command(app)
    with command.make_context(PROGRAM, arguments) as context:
        status = command.invoke(context)
    sys.stdout.flush()
    return int(status or 0)


def _with_command(arguments: list[str]) -> list[str]:
    """Return the arguments with `verify` put first where no command is named."""
    if not arguments or (arguments[0].startswith("-") and arguments[0] not in ("--help", "-h", "--version")):
        return ["verify", *arguments]
    return arguments


def _usage(error: Any, arguments: list[str]) -> str:
    """Return what was wrong with the usage, and where to look it up."""
    known = {command.callback.__name__.replace("_", "-") for command in app.registered_commands if command.callback is not None}
    known |= {group.name for group in app.registered_groups if group.name}
    place = f"{PROGRAM} {arguments[0]}" if arguments[0] in known else PROGRAM
    return f"{one_line(error.format_message(), _LONGEST_LINE).rstrip('.')} (see `{place} --help`)"


def _complain(message: str) -> int:
    _say(f"error: {message}")
    return WRONG_REQUEST


def _say(message: str) -> None:
    print(f"{PROGRAM}: {message}", file=sys.stderr)
