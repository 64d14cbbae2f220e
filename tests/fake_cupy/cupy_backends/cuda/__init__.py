"""Stand-in for a package of CuPy."""
