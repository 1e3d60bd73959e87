"""Tests with several real servers over a real Redis."""
