"""Tests of normalizing flows, one file for each kind of truth."""
