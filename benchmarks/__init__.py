"""What is timed and scored on real media; never asserted in tests."""
