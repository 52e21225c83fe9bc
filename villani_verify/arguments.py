"""Arguments of the programs that are started as modules: a wrong one is an error of this package, and so one line."""

from __future__ import annotations

import argparse
from typing import NoReturn

from villani_verify.errors import RequestError


class Parser(argparse.ArgumentParser):
    """A parser that raises RequestError where argparse prints its usage and exits.

    Attributes:
        where_to_read: end of the message.
    """

    where_to_read = " (see --help)"

    def error(self, message: str) -> NoReturn:
        """Raise RequestError, which says what is wrong."""
        raise RequestError(message + self.where_to_read)
