"""Bytes of strangers for every parser of ours: quickly in tests/pure/test_fuzz.py, for hours with `make fuzz`."""
