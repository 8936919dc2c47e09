"""The HTTP API: thin routes over plain functions."""
