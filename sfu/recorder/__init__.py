"""The recorder process: receives taps, writes one track file per publication, and the manifest."""
