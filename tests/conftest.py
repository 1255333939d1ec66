"""For every test: random inputs are the same ones in every run, so that a red suite is red again.

`scripts/test --hypothesis-profile=search` looks for new ones.
"""

from hypothesis import settings

# No deadline per example: two cores that others use too make any time limit a matter of luck.
settings.register_profile("suite", derandomize=True, deadline=None)
settings.register_profile("search", derandomize=False, deadline=None, max_examples=500)
settings.load_profile("suite")
