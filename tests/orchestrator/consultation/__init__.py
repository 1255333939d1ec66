"""Tests of `orchestrator.consultation`."""
