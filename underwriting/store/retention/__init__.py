"""What is deleted once nothing demands to keep it, and what the store knows of one person."""
