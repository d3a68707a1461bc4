"""generate_version.py imports it, and asks it for nothing: the sources carry their version."""
