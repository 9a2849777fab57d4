"""What tests/bench/compare is made of: each module is one idea, and the sections are the measurements."""
