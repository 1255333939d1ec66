"""The record on disk: manifest, segments and their hash chain. Pure: bytes in, documents out."""
