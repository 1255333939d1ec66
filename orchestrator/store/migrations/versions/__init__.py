"""One module a revision, numbered; never changed once released."""
