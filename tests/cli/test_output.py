from __future__ import annotations

import json
import os
import sys

import pytest

from villani_verify.cli.output import (
    check_json_target,
    check_schema,
    parse_object,
    read_json_object,
    standard_output_for,
    write_json,
)
from villani_verify.errors import OutputError, RequestError
from villani_verify.verification import SCHEMA_VERSION


def test_an_older_file_is_replaced_whole(tmp_path):
    path = tmp_path / "r.json"
    path.write_text("old", encoding="utf-8")
    check_json_target(str(path))
    assert path.read_text(encoding="utf-8") == "old"
    write_json({"a": [1, "∞"]}, str(path))
    assert json.loads(path.read_text(encoding="utf-8")) == {"a": [1, "∞"]}
    assert [p.name for p in tmp_path.iterdir()] == ["r.json"]


def test_an_older_file_survives_a_failed_write(tmp_path, monkeypatch):
    path = tmp_path / "r.json"
    path.write_text("old", encoding="utf-8")

    def full(source: str, target: str) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OutputError, match=r"r\.json'.*No space left"):
        write_json({}, str(path))
    assert path.read_text(encoding="utf-8") == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["r.json"]


def test_rights_are_those_of_an_ordinary_file(tmp_path):
    write_json({}, str(tmp_path / "r.json"))
    (tmp_path / "ordinary").touch()
    assert (tmp_path / "r.json").stat().st_mode == (tmp_path / "ordinary").stat().st_mode


def test_a_device_is_written_to_and_not_replaced():
    check_json_target(os.devnull)
    write_json({}, os.devnull)
    assert not os.path.isfile(os.devnull)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda d: d, "it is a directory"),
        (lambda d: d / "no" / "r.json", "there is no directory"),
        (lambda d: (d / "file").write_text("x") and d / "file" / "r.json", "there is no directory|nothing can be written"),
    ],
)
def test_targets_that_cannot_be_written(tmp_path, make, message):
    with pytest.raises(OutputError, match=message):
        check_json_target(str(make(tmp_path)))


def test_nothing_but_json_on_standard_output(capsys):
    with standard_output_for("-"):
        print("noise")
    with standard_output_for("file.json"):
        print("text")
    captured = capsys.readouterr()
    assert captured.out == "text\n"
    assert captured.err == "noise\n"
    assert sys.stdout.write("") == 0


def test_a_report_directory_stands_for_its_results(tmp_path):
    (tmp_path / "results.json").write_text('{"a": 1}', encoding="utf-8")
    assert read_json_object(tmp_path) == read_json_object(tmp_path / "results.json") == {"a": 1}


@pytest.mark.parametrize(
    ("text", "message"), [("{", "it is not JSON"), ("[1]", "it holds no JSON object"), ("[" * 100_000, "it is not JSON")]
)
def test_text_that_is_no_object(text, message):
    with pytest.raises(RequestError, match=f"here: {message}"):
        parse_object(text, "here")


def test_files_that_are_no_text(tmp_path):
    (tmp_path / "binary").write_bytes(b"\xff\xfe{}")
    with pytest.raises(RequestError, match="not UTF-8"):
        read_json_object(tmp_path / "binary")
    with pytest.raises(RequestError, match="No such file"):
        read_json_object(tmp_path / "none")


@pytest.mark.parametrize(
    ("results", "message"),
    [
        ({}, "no schema_version"),
        ({"schema_version": SCHEMA_VERSION + 1}, f"this program reads {SCHEMA_VERSION}"),
        ({"schema_version": SCHEMA_VERSION}, "lacks its landscape or its criteria"),
        ({"schema_version": SCHEMA_VERSION, "landscape": {}, "criteria": {"smoothness": 1}}, "lacks its landscape or its criteria"),
    ],
)
def test_objects_that_are_no_results(results, message):
    with pytest.raises(RequestError, match=message):
        check_schema(results, "here")
