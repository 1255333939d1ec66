"""What is checked before anything is started, and what it says."""

import os
import socket
import stat
from pathlib import Path

import pytest

from orchestrator.config import Data, Settings
from orchestrator.runtime import (
    AlreadyRunning,
    DiskFull,
    PortInUse,
    ReadOnly,
    RuntimePaths,
    SocketPathTooLong,
    check_port,
    lock_data_folder,
    prepare_data_folder,
    runtime_paths,
)


def settings_for(folder: Path, minimum_free_mb: int = 0) -> Settings:
    return Settings(data=Data(folder=str(folder), minimum_free_mb=minimum_free_mb))


def test_a_second_start_on_one_folder_is_refused(tmp_path: Path) -> None:
    held = lock_data_folder(tmp_path)
    with pytest.raises(AlreadyRunning, match=str(os.getpid())):
        lock_data_folder(tmp_path)
    os.close(held)
    os.close(lock_data_folder(tmp_path))


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(PortInUse, match=f"UDP port {port}.*--media-port"):
            check_port("127.0.0.1", port, socket.SOCK_DGRAM)


def test_a_data_path_that_is_a_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "data"
    file.write_text("")
    with pytest.raises(ReadOnly, match="--data"):
        prepare_data_folder(settings_for(file))


def test_too_little_free_disk_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DiskFull, match="minimum_free_mb"):
        prepare_data_folder(settings_for(tmp_path, minimum_free_mb=10**9))


def test_the_data_folder_is_private(tmp_path: Path) -> None:
    folder = prepare_data_folder(settings_for(tmp_path / "new"))
    assert stat.S_IMODE((folder / "secrets").stat().st_mode) == 0o700


def test_socket_paths_are_short_and_stable(tmp_path: Path) -> None:
    paths = runtime_paths(tmp_path)
    assert paths == runtime_paths(tmp_path)
    assert paths != runtime_paths(tmp_path / "other")
    with pytest.raises(SocketPathTooLong):
        RuntimePaths(tmp_path / ("x" * 120)).create()


def test_a_runtime_folder_of_others_is_not_used(tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir(mode=0o755)
    with pytest.raises(ReadOnly, match="0700"):
        RuntimePaths(folder).create()
