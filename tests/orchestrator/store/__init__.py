"""Tests of `orchestrator.store`."""
