"""Files of JSON lines: one line a result, written at once, so that a long run that was stopped goes on where it was."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from villani_verify.errors import OutputError


class Journal:
    """Results that were finished, in a file to which more are appended."""

    def __init__(self, path: Path) -> None:
        """Read what is there; a last line that was cut off while it was written is taken away.

        Raises:
            OutputError: if the file cannot be read or written, or holds something else.
        """
        self.path = path
        self.lines: list[dict[str, Any]] = []
        try:
            found = path.read_bytes() if path.exists() else b""
            whole = found[: found.rfind(b"\n") + 1]
            self.lines = [json.loads(line) for line in whole.split(b"\n")[:-1]]
            if whole != found:
                path.write_bytes(whole)
        except (OSError, ValueError) as e:
            raise OutputError(f"results {str(path)!r}: not readable as JSON lines ({e}); give another directory") from e
        if not all(isinstance(line, dict) for line in self.lines):
            raise OutputError(f"results {str(path)!r}: not every line is a JSON object; give another directory")

    def append(self, line: Mapping[str, Any]) -> None:
        """Add one result.

        Raises:
            OutputError: if it cannot be written.
        """
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line, allow_nan=False, ensure_ascii=False) + "\n")
        except OSError as e:
            raise OutputError(f"results {str(self.path)!r}: cannot be written ({e.strerror}); give another directory") from e
        self.lines.append(dict(line))
