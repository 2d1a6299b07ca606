"""Simulated companies whose truth is known: histories to learn from, and live ones to be measured on."""
