"""REST: accounts, sessions, join links, recordings. Bodies are in `orchestrator.protocol.rest`."""
