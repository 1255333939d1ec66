"""`bench engine`: CPU per delivered packet of the native engine beside the bound in C."""
