"""The command line, `villani-verify`: one file per command, and `main`, which turns outcomes into exit statuses."""

from __future__ import annotations

from villani_verify.cli.app import main

__all__ = ["main"]
