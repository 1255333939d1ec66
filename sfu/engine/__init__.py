"""The native packet engine (own thread, no GIL) and the readable twin of its pure parts."""
