from __future__ import annotations

import pytest

from villani_verify.errors import RequestError
from villani_verify.runs.executors import pool_of


@pytest.mark.parametrize(
    ("description", "message"),
    [
        ("", "unknown; give local, processes:N or dask:ADDRESS"),
        ("Local", "unknown; give local"),
        ("local:2", "unknown; give local"),
        ("threads:2", "unknown; give local"),
        ("processes", "unknown; give local"),
        ("processes:", "'' is not a number of processes; give one such as processes:2"),
        ("processes:0", "'0' is not a number of processes"),
        ("processes:-1", "'-1' is not a number of processes"),
        ("processes:2.0", "'2.0' is not a number of processes"),
        ("processes:1025", "'1025' is not a number of processes"),
        ("processes:²", "'²' is not a number of processes"),
        ("processes:" + "9" * 5000, "is not a number of processes"),
        ("dask:", "unknown; give local"),
    ],
)
def test_what_is_no_executor_is_refused_in_one_line(description: str, message: str) -> None:
    with pytest.raises(RequestError) as e:
        pool_of(description)
    assert message in str(e.value)
    assert "\n" not in str(e.value)
