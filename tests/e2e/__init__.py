"""The product as its users meet it: real processes, real browsers, real media."""
