"""Where settings come from, and which are refused."""

import pytest
from sqlalchemy import make_url

from clr.client import is_loopback
from clr.errors import InvalidSpec
from service.settings import Settings, load

TOKEN = "t" * 40


@pytest.fixture(autouse=True)
def clean(monkeypatch, tmp_path):
    """No CLR_... variable and no clr.toml of the machine that runs the tests."""
    import os

    for name in [name for name in os.environ if name.startswith("CLR_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


def test_flags_win_over_environment_over_file_over_defaults(tmp_path, monkeypatch):
    file = tmp_path / "own.toml"
    file.write_text("port = 1\nlease_seconds = 100\nbeat_seconds = 20\n")
    monkeypatch.setenv("CLR_PORT", "2")
    monkeypatch.setenv("CLR_LEASE_SECONDS", "90")

    settings = load({"port": 3, "host": None}, file)

    assert (settings.port, settings.lease_seconds, settings.beat_seconds) == (3, 90, 20)
    assert settings.host == "127.0.0.1"


def test_clr_toml_of_the_working_folder_is_read(tmp_path):
    (tmp_path / "clr.toml").write_text("port = 4321\n")

    assert load({}).port == 4321


def test_an_unknown_key_of_the_file_is_an_error(tmp_path):
    (tmp_path / "clr.toml").write_text("prot = 4321\n")

    with pytest.raises(InvalidSpec, match="/prot"):
        load({})


def test_a_lease_lasts_at_least_four_beats():
    with pytest.raises(InvalidSpec, match=r"lease_seconds \(30\) must be at least 4 x beat_seconds \(10\)"):
        load({"lease_seconds": 30})

    assert load({"lease_seconds": 40}).lease_seconds == 40


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "example.org"])
def test_beyond_loopback_it_wants_a_token_and_says_how_to_make_one(host):
    with pytest.raises(InvalidSpec, match=r"secrets\.token_urlsafe\(32\).*CLR_TOKEN") as refused:
        load({"host": host})

    assert [error.pointer for error in refused.value.errors] == ["/token"]


def test_a_short_token_is_refused_without_being_shown(monkeypatch):
    monkeypatch.setenv("CLR_TOKEN", "hunter2hunter2")

    with pytest.raises(InvalidSpec, match="at least 32 characters, got 14") as refused:
        load({"host": "0.0.0.0"})
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("odd", ["ä", " ", "\t"])
def test_a_token_that_no_header_can_carry_is_refused(monkeypatch, odd):
    monkeypatch.setenv("CLR_TOKEN", TOKEN + odd + "x")

    with pytest.raises(InvalidSpec, match="no header can carry"):
        load({})


def test_a_token_of_the_wrong_type_is_not_shown(tmp_path):
    (tmp_path / "clr.toml").write_text("token = 12345678901234567890123456789012345\n")

    with pytest.raises(InvalidSpec) as refused:
        load({})
    assert "1234567" not in str(refused.value)


def test_the_token_stands_in_no_repr(monkeypatch):
    monkeypatch.setenv("CLR_TOKEN", TOKEN)

    settings = load({"host": "0.0.0.0"})

    assert settings.token.get_secret_value() == TOKEN
    assert TOKEN not in repr(settings) and TOKEN not in str(settings.model_dump())


def test_a_token_file_is_read_and_its_flag_wins_over_the_environment(tmp_path, monkeypatch):
    file = tmp_path / "token"
    file.write_text(TOKEN + "\n")
    monkeypatch.setenv("CLR_TOKEN", "e" * 40)

    assert load({"token_file": file}).token.get_secret_value() == TOKEN
    assert load({}).token.get_secret_value() == "e" * 40


def test_a_missing_token_file_is_named():
    with pytest.raises(InvalidSpec, match="can't read nowhere"):
        load({"token_file": "nowhere"})


def test_the_databases_password_comes_from_its_file(tmp_path, monkeypatch):
    file = tmp_path / "password"
    file.write_text("p@ss/w:rd\n")
    monkeypatch.setenv("CLR_DATABASE", "postgresql://clr@db.example.org/clr")
    monkeypatch.setenv("CLR_DATABASE_PASSWORD_FILE", str(file))

    settings = load({})

    assert make_url(settings.database).password == "p@ss/w:rd"
    assert make_url(settings.database).host == "db.example.org"
    assert "p@ss" not in repr(settings)


@pytest.mark.parametrize("database", [None, "sqlite:////tmp/x", "postgresql://clr:other@db/clr", "no url"])
def test_a_password_file_without_a_place_for_it_is_an_error(tmp_path, database):
    file = tmp_path / "password"
    file.write_text("secret-word")

    with pytest.raises(InvalidSpec, match=r"/database_password_file: goes with a PostgreSQL database") as refused:
        load({"database": database, "database_password_file": file})
    assert "secret-word" not in str(refused.value) and "other" not in str(refused.value)


def test_an_empty_variable_is_unset(monkeypatch):
    monkeypatch.setenv("CLR_TOKEN", "")
    monkeypatch.setenv("CLR_DATABASE", "")

    settings = load({})

    assert settings.token is None and settings.database is None


def test_every_wrong_value_is_listed():
    with pytest.raises(InvalidSpec) as refused:
        load({"port": 70_000, "beat_seconds": -1})

    assert {error.pointer for error in refused.value.errors} == {"/port", "/beat_seconds"}


@pytest.mark.parametrize(("host", "loopback"), [
    ("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("localhost", True),
    ("0.0.0.0", False), ("::", False), ("10.0.0.1", False), ("localhost.example.org", False),
])  # fmt: skip
def test_what_counts_as_loopback(host, loopback):
    assert is_loopback(host) is loopback


def test_a_passed_setting_that_does_not_exist_is_an_error():
    with pytest.raises(ValueError, match="extra"):
        Settings(no_such_setting=1)
