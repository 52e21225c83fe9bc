"""The templates of pages that stand alone: everything escaped, formulae typeset, and a name that is missing is an error."""

from __future__ import annotations

from functools import lru_cache

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from villani_verify.report.typeset import typeset


def page_template(name: str) -> Template:
    """Return a template of the report's folder."""
    return _environment().get_template(name)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    loader = PackageLoader("villani_verify.report")
    environment = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["typeset"] = typeset
    return environment
