"""Integration over one or several dimensions on grids."""
