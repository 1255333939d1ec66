"""Venue health: statistics of the media plane, aggregated for technicians and metrics."""
