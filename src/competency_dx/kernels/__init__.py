"""Pure functions on arrays, numpy and scipy only: P persons, I items, K categories, Q support points, F free parameters."""
