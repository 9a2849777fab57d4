"""What tests/chaos/run is made of: each module is one idea."""
