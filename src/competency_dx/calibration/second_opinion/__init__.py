"""A second opinion by the package girth: its estimates as a Calibration, and differences item by item."""
