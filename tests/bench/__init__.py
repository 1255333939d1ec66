"""Benchmarks: ratios to a bound measured in the same rounds. Run with `scripts/bench`."""
