"""The workers of a Dask cluster. What starts, restarts and connects them is Dask's; nothing of ours lies in between."""

from __future__ import annotations

import json
import logging
import math
import time
from pathlib import Path
from typing import Any

from villani_verify.errors import RequestError, one_line
from villani_verify.runs.executors import Opened, Pool

_PATIENCE = "10s"
_EVERY = 1.0  # seconds between looks at how many workers there are


def dask_pool(address: str) -> Pool:
    """Return the pool of a cluster.

    Args:
        address: of the scheduler, such as tcp://host:8786, or the file that `dask scheduler --scheduler-file` writes.

    Raises:
        RequestError: if Dask is not installed, or no scheduler answers.
    """
    where = f"executor 'dask:{address}'"
    try:
        from distributed import Client
    except ImportError as e:
        raise RequestError(f"{where}: Dask is not installed; pip install 'villani-verify[cluster]'") from e
    for name in ("distributed", "distributed.client", "distributed.utils", "tornado.application"):
        # A scheduler that has gone is said here, in one line, and would be there in hundred.
        logging.getLogger(name).setLevel(logging.CRITICAL)
    if address.endswith(".json"):  # read here, as Dask waits without an end for one that is missing
        address = _address_in(Path(address), where)
    try:
        client = Client(address, timeout=_PATIENCE, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as e:
        raise RequestError(f"{where}: no scheduler answers there ({one_line(e, 120)}); start one with `dask scheduler`") from e

    # Not pure: results are kept in the store, not by the cluster, and a unit that failed is to be computed anew.
    return Opened(client.get_executor(pure=False), _Threads(client, where), lambda: client.close(timeout=2))


def _address_in(file: Path, where: str) -> str:
    try:
        address = json.loads(file.read_text(encoding="utf-8"))["address"]
        if not isinstance(address, str):
            raise TypeError(f"address {address!r}")
    except (KeyError, OSError, RecursionError, TypeError, ValueError) as e:
        raise RequestError(
            f"{where}: the file has no scheduler's address ({one_line(e, 120)}); give the one that `dask scheduler "
            "--scheduler-file` writes"
        ) from e
    return address


class _Threads:
    """How many threads the workers of a cluster have: asked for once a second, as it takes a message there and back."""

    def __init__(self, client: Any, where: str) -> None:
        self._client, self._where = client, where
        self._asked = -math.inf
        self._count = 1

    def __call__(self) -> int:
        """Return their number, 1 while there is none yet.

        Raises:
            RequestError: if the scheduler has gone.
        """
        try:
            if self._client.status != "running":
                raise OSError(f"the connection is {self._client.status}")
            now = time.monotonic()
            if now - self._asked >= _EVERY:
                self._count = max(1, sum(self._client.nthreads().values()))
                self._asked = now
            return self._count
        except (OSError, RuntimeError, TimeoutError) as e:
            raise RequestError(
                f"{self._where}: its scheduler has gone ({one_line(e, 120)}); what was finished is kept: start another, and use "
                "--resume"
            ) from e
