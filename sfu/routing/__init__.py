"""Routers, producers, buses and consumers: who is given what, derived from the plan."""
