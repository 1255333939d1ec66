"""Recordings: find, play, verify, finalize."""
