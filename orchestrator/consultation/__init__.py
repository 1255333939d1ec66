"""The session as a pure core: state, commands, events, floor, stage, projection, media plan.

`decide` judges a command and names events, `evolve` folds them, `project` and `visible` say what a
viewer may know, `media_plan` what must run. No I/O, no clock, no randomness: `now` and new
identifiers are given.
"""
