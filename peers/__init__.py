"""Venues without a browser: full signalling clients for the demo, tests and load."""
