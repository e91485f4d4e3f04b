"""What every rule and book shares: rules and their results, editions, reasons, experiments, YAML with its lines."""
