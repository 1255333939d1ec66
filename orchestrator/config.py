"""Settings: one TOML file, overridden by `PLENARY_SECTION__KEY`, with secrets from `…_FILE`.

`configs/reference.toml` shows every key with its default; a test keeps the two equal. An unknown
key is an error that names the nearest known one.
"""

import difflib
import ipaddress
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

PREFIX = "PLENARY_"


class ConfigError(Exception):
    """The settings cannot be used; the message names the key and what it takes."""

    code = "config_invalid"


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Server(Section):
    """Where pages and signalling are served. Off loopback it is HTTPS, always."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65535)] = 8080
    public_url: str = ""
    allowed_origins: tuple[str, ...] = ()
    tls_certificate: str = ""
    tls_key: str = ""


class Media(Section):
    """UDP addresses and port of the media worker. No addresses: loopback, or when the server is
    off loopback every address of the machine."""

    addresses: tuple[str, ...] = ()
    port: Annotated[int, Field(ge=0, le=65535)] = 40000


class Data(Section):
    """Everything that must be kept: database, recordings, certificates, secrets."""

    folder: str = "data"
    minimum_free_mb: Annotated[int, Field(ge=0)] = 200


class Services(Section):
    """Real services instead of the embedded ones. Empty: embedded."""

    redis_url: str = ""
    database_url: str = ""


class Log(Section):
    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["console", "json"] = "console"


class Settings(Section):
    server: Server = Server()
    media: Media = Media()
    data: Data = Data()
    services: Services = Services()
    log: Log = Log()

    @property
    def on_loopback(self) -> bool:
        """True when nobody but this machine can reach the pages."""
        if self.server.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.server.host).is_loopback
        except ValueError:
            return False

    @property
    def data_folder(self) -> Path:
        return Path(self.data.folder).expanduser().resolve()


def load(
    file: Path | None,
    environment: Mapping[str, str],
    overrides: Mapping[str, Mapping[str, Any]] | None = None,
) -> Settings:
    """Merge defaults < `file` < `environment` < `overrides` (section → key → value).

    Raises ConfigError for a missing, damaged or invalid file, an unknown key or a bad value.
    """
    merged: dict[str, Any] = {}
    if file is not None:
        content = _read_toml(file)
        _check_known(content)  # before an override hides what is wrong in it
        _merge(merged, content)
    _merge(merged, _from_environment(environment))
    for section, values in (overrides or {}).items():
        _merge(merged, {section: {k: v for k, v in values.items() if v is not None}})
    _check_known(merged)
    try:
        settings = Settings.model_validate(merged)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(p) for p in e['loc'])}: {e['msg']}" for e in error.errors()
        )
        raise ConfigError(f"settings are not valid: {problems}") from error
    if bool(settings.server.tls_certificate) != bool(settings.server.tls_key):
        raise ConfigError("server.tls_certificate and server.tls_key must be given together")
    return settings


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as stream:
            return tomllib.load(stream)
    except FileNotFoundError as error:
        raise ConfigError(f"the settings file {file} does not exist") from error
    except OSError as error:
        raise ConfigError(f"the settings file {file} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"the settings file {file} is damaged: {error}") from error


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in sorted(environment.items()):
        if not name.startswith(PREFIX) or "__" not in name:
            continue
        section, key = name.removeprefix(PREFIX).lower().split("__", 1)
        text = value
        if key.endswith("_file") and key not in _known_keys(section):
            key = key.removesuffix("_file")
            try:
                text = Path(value).read_text().strip()
            except OSError as error:
                raise ConfigError(f"{name}: {value} cannot be read: {error.strerror}") from error
        _merge(found, {section: {key: _typed(section, key, text)}})
    return found


def _typed(section: str, key: str, text: str) -> Any:
    """Lists are comma-separated in the environment; pydantic parses the rest."""
    field = Settings.model_fields.get(section)
    if field is None or not isinstance(field.default, Section):
        return text
    if isinstance(getattr(field.default, key, None), tuple):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    return text


def _known_keys(section: str) -> set[str]:
    field = Settings.model_fields.get(section)
    return set(type(field.default).model_fields) if field else set()


def _check_known(merged: Mapping[str, Any]) -> None:
    for section, values in merged.items():
        if section not in Settings.model_fields:
            raise ConfigError(_unknown(f"section [{section}]", section, Settings.model_fields))
        if not isinstance(values, Mapping):
            raise ConfigError(f"[{section}] must be a section, not a value")
        known = _known_keys(section)
        for key in values:
            if key not in known:
                raise ConfigError(_unknown(f"key {section}.{key}", key, known))


def _unknown(what: str, name: str, known: Any) -> str:
    near = difflib.get_close_matches(name, list(known), n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else f" (known: {', '.join(sorted(known))})"
    return f"unknown {what}{hint}"


def _merge(into: dict[str, Any], values: Mapping[str, Any]) -> None:
    for section, content in values.items():
        if isinstance(content, Mapping):
            present = into.setdefault(section, {})
            if isinstance(present, dict):
                present.update(content)
                continue
        into[section] = content


def environment() -> Mapping[str, str]:
    """The process environment; the only place that reads it."""
    return os.environ
