"""The session as a pure core: state, commands, events, floor, stage, projection, media plan."""
