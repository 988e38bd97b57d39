"""Pure functions on arrays: numpy and scipy only, no classes with behaviour, no labels.

Symbols: P persons, I items, K categories, Q support points, F free parameters. Import the module that is needed.
"""
