"""The outside services, simulated over real HTTP."""
