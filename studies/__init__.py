"""Experiments whose outcome is a table or a plot."""
