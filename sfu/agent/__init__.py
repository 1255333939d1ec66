"""The worker's ear: control connections, the tap socket and the engine's events, in asyncio.

Nothing here touches a media packet, and nothing running depends on a connection being open.
"""
