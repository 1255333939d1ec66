"""The WebSocket `/signal`: who may connect, what he may ask, and what every viewer is sent.

What a session *is* lives in `orchestrator.consultation`, what runs of it in `orchestrator.conduct`;
here are only the wire, the roles and the fan-out.
"""
