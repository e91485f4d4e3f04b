"""How our processes write their logs: a line for each record on standard error, with its date and time."""

import logging

FORMAT = "%(asctime)s | %(levelname)-7s | %(name)s - %(message)s"


def write_logs() -> None:
    """Write our own messages from INFO on and those of others from WARNING on. A process that has a log keeps it."""
    logging.basicConfig(format=FORMAT, level=logging.WARNING)
    logging.getLogger("underwriting").setLevel(logging.INFO)
