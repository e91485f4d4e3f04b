"""What concerns an operating system process: signals, garbage collection, points where a test kills it."""
