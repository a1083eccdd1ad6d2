"""How the service runs: flags over `CLR_...` environment over file over defaults."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from clr.client import is_loopback
from clr.data_folder import default_data
from clr.errors import FieldError, InvalidSpec
from clr.spec import MAX_SLOTS, field_errors
from service.caps import Caps

CONFIG_FILE = "clr.toml"
MIN_TOKEN = 32
MAKE_TOKEN = 'python -c "import secrets; print(secrets.token_urlsafe(32))"'


class Settings(BaseSettings):
    """Everything that an operator may set.

    Attributes:
        host, port: where it listens; port 0 takes a free one.
        data: folder of the database (SQLite), checkpoints and reports.
        database: SQLAlchemy URL of a PostgreSQL database; None: SQLite in `data`.
        database_password_file: its content is the password in `database`, which then shows none itself.
        token: what clients and workers show beyond loopback, at least 32 characters; or `token_file`, its first line.
        lease_seconds: how long a worker may be silent before its slot is given to another [s].
        beat_seconds: how often a worker renews its leases [s]; a lease lasts at least four beats.
        restart_grace: after a start no expired lease is granted again for this long [s]; default one lease.
        min_free: share of the data folder's disk that must be free for /readyz.
        max_slots: trials that one study may have.
        max_study_hours: device hours that one study may take, however many it asks for.
    """

    model_config = SettingsConfigDict(env_prefix="CLR_", frozen=True, extra="forbid", hide_input_in_errors=True)

    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=0, le=65_535)
    data: Path = Field(default_factory=default_data)
    database: str | None = Field(default=None, repr=False)
    database_password_file: Path | None = None
    token: SecretStr | None = None
    token_file: Path | None = None
    lease_seconds: float = Field(default=60.0, gt=0, le=86_400)
    beat_seconds: float = Field(default=10.0, gt=0, le=86_400)
    restart_grace: float | None = Field(default=None, ge=0, le=86_400)
    min_free: float = Field(default=0.05, ge=0, lt=1)
    max_slots: int = Field(default=2_000, ge=1, le=MAX_SLOTS)
    max_study_hours: float = Field(default=200.0, gt=0, le=1e6)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings, env_settings)

    @model_validator(mode="after")
    def _lease_outlasts_beats(self) -> Settings:
        if self.lease_seconds < 4 * self.beat_seconds:
            raise ValueError(
                f"lease_seconds ({self.lease_seconds:g}) must be at least 4 x beat_seconds ({self.beat_seconds:g}): "
                "a worker that misses a beat or two would lose its slot"
            )
        return self

    @field_validator("database", "database_password_file", "token", "token_file", mode="before")
    @classmethod
    def _empty_is_unset(cls, value: object) -> object:
        """CLR_TOKEN="" is how a shell says that there is none."""
        return None if value == "" else value

    @property
    def caps(self) -> Caps:
        """What one study may ask for."""
        return Caps(self.max_slots, self.max_study_hours)

    @property
    def loopback(self) -> bool:
        return is_loopback(self.host)


def load(flags: Mapping[str, Any], config: Path | None = None) -> Settings:
    """The settings of a start.

    Args:
        flags: what was given on the command line; None means not given.
        config: a TOML file; None: clr.toml in the working directory, where there is one.

    Raises:
        InvalidSpec: a value breaks a rule, the file has unknown keys, or a service beyond loopback has no token.
    """
    given: dict[str, Any] = {name: value for name, value in flags.items() if value is not None}
    if "token_file" in given:
        given["token"] = None  # a flag outranks CLR_TOKEN
    beneath = {name: value for name, value in _read(config).items() if f"CLR_{name}".upper() not in os.environ}
    try:
        settings = Settings(**{**beneath, **given})
    except ValidationError as error:
        raise InvalidSpec([_unquoted(wrong) for wrong in field_errors(error)]) from None
    return _with_token(_with_password(settings))


def _unquoted(error: FieldError) -> FieldError:
    """Without the value, where that is a secret."""
    secret = error.pointer in ("/token", "/database")
    return FieldError(error.pointer, error.detail.partition(", got ")[0]) if secret else error


def _read(config: Path | None) -> dict[str, Any]:
    path = config or Path(CONFIG_FILE)
    if config is None and not path.exists():
        return {}
    try:
        return tomllib.loads(path.read_text())
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise InvalidSpec([FieldError("/config", f"can't read {path}: {error}")]) from None


def _with_password(settings: Settings) -> Settings:
    file = settings.database_password_file
    if file is None:
        return settings
    url = _postgresql(settings.database)
    if url is None or url.password is not None:
        detail = "goes with a PostgreSQL database whose URL holds no password: set CLR_DATABASE to postgresql://user@host/name"
        raise InvalidSpec([FieldError("/database_password_file", detail)])
    password = _secret_of(file, "/database_password_file").get_secret_value()
    whole = url.set(password=password).render_as_string(hide_password=False)
    return settings.model_copy(update={"database": whole})


def _postgresql(database: str | None) -> URL | None:
    try:
        url = make_url(database or "")
    except ArgumentError:
        return None
    return url if url.get_backend_name() == "postgresql" else None


def _with_token(settings: Settings) -> Settings:
    token = settings.token or (_secret_of(settings.token_file, "/token_file") if settings.token_file else None)
    value = token.get_secret_value() if token else ""
    if token and len(value) < MIN_TOKEN:
        rule = f"needs at least {MIN_TOKEN} characters, got {len(value)}"
        raise InvalidSpec([FieldError("/token", f"{rule}: make one with {MAKE_TOKEN}")])
    if not all("!" <= character <= "~" for character in value):
        detail = f"holds a space or a character outside ASCII, which no header can carry: make one with {MAKE_TOKEN}"
        raise InvalidSpec([FieldError("/token", detail)])
    if not settings.loopback and not token:
        detail = (
            f"{settings.host} can be reached from other machines, and no token is set. Make one with {MAKE_TOKEN} "
            "and set CLR_TOKEN (or CLR_TOKEN_FILE) to it here, at the workers and at the clients; "
            "or listen on 127.0.0.1."
        )
        raise InvalidSpec([FieldError("/token", detail)])
    return settings.model_copy(update={"token": token})


def _secret_of(file: Path, pointer: str) -> SecretStr:
    try:
        return SecretStr(file.read_text().strip())
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidSpec([FieldError(pointer, f"can't read {file}: {error}")]) from None
