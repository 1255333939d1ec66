"""What travels between server and clients: signalling (JSON-RPC 2.0) and REST, as schemas."""
