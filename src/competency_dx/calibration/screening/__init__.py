"""What answers and estimates say of single items: constant, repeated, probably wrongly keyed, oddly steep or far."""
