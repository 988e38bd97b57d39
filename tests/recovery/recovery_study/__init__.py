"""Recovery studies: answers from known parameters, calibrated many times over, and what came of it."""
