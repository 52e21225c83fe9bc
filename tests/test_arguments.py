from __future__ import annotations

import pytest

from villani_verify.arguments import Parser
from villani_verify.errors import RequestError


class Elsewhere(Parser):
    where_to_read = "; ask somebody"


@pytest.mark.parametrize(("kind", "end"), [(Parser, r" \(see --help\)"), (Elsewhere, "; ask somebody")])
def test_a_wrong_argument_is_an_error_and_prints_nothing(kind: type[Parser], end: str, capsys: pytest.CaptureFixture[str]) -> None:
    parser = kind()
    parser.add_argument("--count", type=int)
    assert parser.parse_args(["--count", "3"]).count == 3
    with pytest.raises(RequestError, match=f"^argument --count: invalid int value: 'many'{end}$"):
        parser.parse_args(["--count", "many"])
    assert capsys.readouterr() == ("", "")
