"""The demo: a synthetic region, from files to reports; its words and wrong answers are data files in this folder."""
