import os
import socket
from pathlib import Path

import pytest

from sfu.process import StartError, listen_unix


def test_a_stale_socket_file_is_replaced(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    listen_unix(path).close()
    assert Path(path).exists()
    with listen_unix(path) as listener:
        assert os.stat(path).st_mode & 0o777 == 0o600
        assert not listener.getblocking()


def test_a_socket_in_use_is_refused(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with listen_unix(path):
        with pytest.raises(StartError) as refused:
            listen_unix(path)
        assert (refused.value.code, refused.value.status) == ("socket_in_use", 3)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)  # it still serves


def test_a_path_that_the_system_cannot_hold(tmp_path: Path) -> None:
    path = "/tmp/" + "x" * 103
    assert len(path) == 108
    with pytest.raises(StartError, match="shorter folder") as refused:
        listen_unix(path)
    assert refused.value.code == "socket_path_too_long"


def test_unusable_places(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a socket")
    for path in (tmp_path / "file", tmp_path / "missing" / "s", tmp_path):
        with pytest.raises(StartError) as refused:
            listen_unix(str(path))
        assert refused.value.code == "socket_unusable"
    assert (tmp_path / "file").read_text() == "not a socket"
