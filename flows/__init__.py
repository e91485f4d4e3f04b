"""What happens: one file per business journey."""
