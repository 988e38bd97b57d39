"""Expectation propagation for correlated dimensions."""
