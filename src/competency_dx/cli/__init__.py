"""Command line: load, verb, write."""
