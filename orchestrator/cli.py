"""`plenary`: start the product, check settings, look after accounts."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Annotated, Any

import cyclopts

from orchestrator import logs
from orchestrator.config import ConfigError, Settings, environment, load
from orchestrator.runtime import StartError, lock_data_folder, prepare_data_folder
from orchestrator.startup import CANNOT_START_EXIT, demonstration, prepare, programs
from orchestrator.supervisor import Supervisor


def _version() -> str:
    """Of the installed package; a checkout that was not installed says so in its own file."""
    from importlib import metadata

    try:
        return metadata.version("plenary")
    except metadata.PackageNotFoundError:
        import tomllib

        project = Path(__file__).parent.parent / "pyproject.toml"
        return str(tomllib.loads(project.read_text())["project"]["version"])


app = cyclopts.App(
    name="plenary",
    version=_version,
    help="Real-time multi-site video consultation 多会场视频会商.",
)

WRONG_ARGUMENTS_EXIT = 2

Config = Annotated[Path | None, cyclopts.Parameter(help="Settings file (TOML).")]
Host = Annotated[str | None, cyclopts.Parameter(help="Address of the pages; off loopback: HTTPS.")]
Port = Annotated[int | None, cyclopts.Parameter(help="TCP port of the pages (8080).")]
MediaPort = Annotated[int | None, cyclopts.Parameter(help="UDP port of the media (40000).")]
DataFolder = Annotated[str | None, cyclopts.Parameter(help="Folder of everything that is kept.")]


@app.command
def up(
    *,
    host: Host = None,
    port: Port = None,
    media_port: MediaPort = None,
    data: DataFolder = None,
    config: Config = None,
    demo: Annotated[
        bool, cyclopts.Parameter(help="Also open a session with synthetic venues.", negative="")
    ] = False,
) -> int:
    """Start everything on this machine and keep it running until Ctrl-C."""
    settings = _settings(config, host=host, port=port, media_port=media_port, data=data)
    if demo:
        settings = demonstration(settings)
    logs.configure(settings.log)
    lock = lock_data_folder(prepare_data_folder(settings))
    try:
        paths = prepare(settings)
        try:
            return asyncio.run(_supervise(Supervisor(programs(settings, paths, demo=demo))))
        finally:
            paths.remove()
    finally:
        os.close(lock)


@app.command
def check_config(config: Config = None) -> int:
    """Read the settings as `up` would, and print them; nothing is started."""
    settings = _settings(config)
    for section, values in settings.model_dump(mode="json").items():
        for key, value in values.items():
            secret = key.endswith("_url") and value
            sys.stdout.write(f"{section}.{key} = {'(set)' if secret else value!r}\n")
    return 0


async def _supervise(supervisor: Supervisor) -> int:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, supervisor.stop)
    return await supervisor.run()


def _settings(
    config: Path | None,
    *,
    host: str | None = None,
    port: int | None = None,
    media_port: int | None = None,
    data: str | None = None,
) -> Settings:
    overrides: dict[str, dict[str, Any]] = {
        "server": {"host": host, "port": port},
        "media": {"port": media_port},
        "data": {"folder": data},
    }
    return load(config, environment(), overrides)


def main() -> None:
    """Entry point; an error that people can mend is one line with its code, not a traceback."""
    try:
        app(print_error=False, exit_on_error=False)
    except cyclopts.CycloptsError as error:
        logs.tell(ConfigError.code, error)
        sys.exit(WRONG_ARGUMENTS_EXIT)
    except (ConfigError, StartError) as error:
        logs.tell(error.code, error)
        sys.exit(CANNOT_START_EXIT)
    except KeyboardInterrupt:  # Ctrl-C before anything was started
        sys.exit(128 + signal.SIGINT)


if __name__ == "__main__":
    main()
