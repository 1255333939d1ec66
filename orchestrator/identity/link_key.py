"""The key that signs join links, in a file that only the server's user can read."""

import os
import secrets
from pathlib import Path

KEY_BYTES = 32


class LinkKeyError(Exception):
    """The key cannot be read or made; the message names the file and what to do."""

    code = "config_invalid"


def load_or_create(path: Path) -> bytes:
    """Return the key in `path`; on the first start make it (mode 0600, folder 0700).

    Raises LinkKeyError when the file is damaged or the folder cannot be written. A damaged key is
    never replaced silently: that would end every link in use.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return _read(path) if path.exists() else _create(path)
    except OSError as error:
        raise LinkKeyError(
            f"the key of the join links {path} cannot be read or made: {error.strerror}; "
            "make its folder writable for the server's user"
        ) from error


def _create(path: Path) -> bytes:
    key = secrets.token_bytes(KEY_BYTES)
    # Whole or not at all: a kill between create and write must not leave an empty key.
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        os.write(fd, key.hex().encode())
        os.fsync(fd)
    finally:
        os.close(fd)
    try:
        os.link(draft, path)  # unlike rename, never over another starter's key
    except FileExistsError:
        return _read(path)
    finally:
        draft.unlink()
    return key


def _read(path: Path) -> bytes:
    if path.stat().st_mode & 0o077:
        path.chmod(0o600)
    try:
        key = bytes.fromhex(path.read_text("ascii").strip())
    except ValueError:
        key = b""
    if len(key) < KEY_BYTES:
        raise LinkKeyError(
            f"the key of the join links {path} is damaged: restore it from a backup, or delete it "
            "and give every venue a new link"
        )
    return key
