"""How our processes write their logs: a line for each record on standard error, with its date and time."""

import logging

import httpx

TIME_OF_DAY, MOMENT = "%H:%M:%S", "%Y-%m-%d %H:%M:%S"
FORMAT = "%(asctime)s | %(levelname)-7s | %(name)s - %(message)s"


def write_logs() -> None:
    """Write our own messages from INFO on and those of others from WARNING on. A process that has a log keeps it."""
    logging.basicConfig(format=FORMAT, level=logging.WARNING)
    # Where Prefect was imported first, the handler is its own, which writes the time of day alone.
    for handler in logging.getLogger().handlers:
        if handler.formatter is not None and handler.formatter.datefmt == TIME_OF_DAY:
            handler.formatter.datefmt = MOMENT
    logging.getLogger("underwriting").setLevel(logging.INFO)


def in_a_line(error: BaseException) -> str:
    """What went wrong, for a line of a log: the first line of the message, with the address that did not answer."""
    told = next(iter(str(error).splitlines()), "") or type(error).__name__
    if not isinstance(error, httpx.TransportError):
        return told
    try:
        url = error.request.url
    except RuntimeError:
        # It happened before there was a request.
        return told
    return f"{url.scheme}://{url.netloc.decode()} does not answer: {told}"
