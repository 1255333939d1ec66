"""Setting up one client's path: UDP endpoint, ICE-lite credentials and DTLS, in asyncio."""
