"""The scheduled run over everybody's history: shards, their records, the guard, and what is applied of it."""
