"""Settings: order of sources, unknown keys, and the reference file that is the defaults."""

from pathlib import Path

import pytest

from orchestrator.config import ConfigError, Settings, load

ROOT = Path(__file__).parents[2]


def test_the_reference_file_equals_the_defaults() -> None:
    assert load(ROOT / "configs/reference.toml", {}) == Settings()


def test_the_reference_file_names_every_key() -> None:
    text = (ROOT / "configs/reference.toml").read_text()
    for section, field in Settings.model_fields.items():
        assert f"[{section}]" in text
        for key in type(field.default).model_fields:
            assert f"\n{key} = " in text, f"{section}.{key} is not in the reference file"


def test_later_sources_win(tmp_path: Path) -> None:
    file = tmp_path / "plenary.toml"
    file.write_text('[server]\nport = 1001\nhost = "127.0.0.2"\n[media]\nport = 2001\n')
    settings = load(
        file,
        {"PLENARY_SERVER__PORT": "1002", "PLENARY_MEDIA__ADDRESSES": "127.0.0.1, ::1"},
        {"media": {"port": 2003}, "server": {"port": None}},
    )
    assert settings.server.host == "127.0.0.2"
    assert settings.server.port == 1002
    assert settings.media.port == 2003
    assert settings.media.addresses == ("127.0.0.1", "::1")


def test_a_secret_is_read_from_its_file(tmp_path: Path) -> None:
    secret = tmp_path / "url"
    secret.write_text("postgresql+asyncpg://u:p@db/plenary\n")
    settings = load(None, {"PLENARY_SERVICES__DATABASE_URL_FILE": str(secret)})
    assert settings.services.database_url == "postgresql+asyncpg://u:p@db/plenary"


@pytest.mark.parametrize(
    ("toml", "says"),
    [
        ("[server]\nprot = 1", "did you mean 'port'"),
        ("[sever]\nport = 1", "did you mean 'server'"),
        ("[server]\nport = 'x'", "server.port"),
        ("[server]\nport = 70000", "server.port"),
        ("[server]\ntls_key = 'k'", "together"),
        ("server = 3", "must be a section"),
        ("[server", "damaged"),
        ("[log]\nlevel = 'loud'", "log.level"),
    ],
)
def test_a_bad_file_is_refused_and_says_why(tmp_path: Path, toml: str, says: str) -> None:
    file = tmp_path / "plenary.toml"
    file.write_text(toml)
    with pytest.raises(ConfigError) as error:
        load(file, {})
    assert says in str(error.value)
    assert error.value.code == "config_invalid"


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        load(tmp_path / "absent.toml", {})


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("h.example", False),
    ],
)
def test_loopback_is_recognised(host: str, loopback: bool) -> None:
    assert load(None, {}, {"server": {"host": host}}).on_loopback is loopback
