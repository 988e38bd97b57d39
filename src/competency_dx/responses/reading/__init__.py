"""From a source to columns, their roles, and matrices of points and reasons; knows tables, not `Responses`."""
