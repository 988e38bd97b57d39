"""Item families, a file each, evaluated for all items at once."""
