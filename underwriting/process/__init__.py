"""What concerns an operating system process as a whole: signals, garbage collection, points where a test kills it."""
