"""The demo: a synthetic region, from files to reports."""
