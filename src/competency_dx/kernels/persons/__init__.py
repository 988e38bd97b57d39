"""Estimates of persons from given curves."""
