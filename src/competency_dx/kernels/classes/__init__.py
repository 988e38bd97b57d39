"""Latent classes: attribute profiles, their distributions, item classes, misconceptions."""
