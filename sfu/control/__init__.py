"""Messages between the orchestrator and the media processes, and the plan they carry.

Only schemas and framing live here: no sockets, no clocks. The orchestrator may import it.
"""
