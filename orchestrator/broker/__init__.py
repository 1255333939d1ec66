"""Valkey/Redis: node registry, event fan-out, presence, rate limits. Nothing here needs to last."""
