"""Reading a spec from a file."""

import pytest

from clr.cli import document
from clr.errors import InvalidSpec


def read(tmp_path, text, name="spec.yaml"):
    path = tmp_path / name
    path.write_text(text)
    return document.read(path)


def test_numbers_in_exponent_form_are_numbers(tmp_path):
    assert read(tmp_path, "{a: 1e-3, b: 1.5E+2, c: -2e4, d: 0.5}") == {"a": 0.001, "b": 150.0, "c": -2e4, "d": 0.5}


def test_a_date_is_text(tmp_path):
    assert read(tmp_path, "name: 2026-11-24") == {"name": "2026-11-24"}


def test_json_is_read_as_json(tmp_path):
    assert read(tmp_path, '{"task": "digits", "x": 1e-3}', "spec.json") == {"task": "digits", "x": 0.001}


@pytest.mark.parametrize("text", ["task: [", "a: 1\na: 2", "!!python/object/apply:os.getcwd []", "\t- x"])
def test_what_is_no_plain_document_is_refused(tmp_path, text):
    with pytest.raises(InvalidSpec, match="can't read the spec"):
        read(tmp_path, text)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InvalidSpec) as refused:
        document.read(tmp_path / "nowhere.yaml")

    assert str(refused.value) == f"can't read the spec in {tmp_path / 'nowhere.yaml'}: No such file or directory"
