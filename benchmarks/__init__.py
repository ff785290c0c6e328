"""Measurements of the whole chain with its real parts. Not shipped: `make bench` runs them."""
