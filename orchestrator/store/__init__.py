"""SQL: the session log, the catalogue of sessions and recordings, accounts, audit."""
