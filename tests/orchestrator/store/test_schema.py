"""The schema's newest revision is the one that a current database is recognised by."""

from alembic.config import Config
from alembic.script import ScriptDirectory

from orchestrator.store.schema import HEAD, MIGRATIONS


def test_head_is_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD
