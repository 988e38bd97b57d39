"""Marginal likelihoods: one dimension, correlated competencies by propagation, product grids, dimension reduction."""
