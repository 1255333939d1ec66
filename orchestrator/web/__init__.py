"""aiohttp routes: pages, REST, signalling, metrics."""
