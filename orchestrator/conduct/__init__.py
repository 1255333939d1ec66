"""The conductor of a session: carries the plan to workers and recorders and brings reports back."""
