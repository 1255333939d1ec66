"""The orchestrator: pages, signalling, the session log, and the conductor of the media plane."""
