"""Why a call over the network failed, in words: errors name classes of libraries, which say little to an operator."""

import socket
import ssl
from collections.abc import Iterator

import httpx

_PORTS = {"http": 80, "https": 443}
# The first that fits any of the causes.
_SENTENCES: tuple[tuple[tuple[type[BaseException], ...], str], ...] = (
    ((socket.gaierror,), "the host name of {where} is not known"),
    ((ssl.SSLCertVerificationError,), "the certificate of {where} is refused: {why}"),
    ((ssl.SSLError,), "{where} cannot be spoken to by TLS: {why}"),
    ((ConnectionRefusedError,), "nobody answers at {where}"),
    ((TimeoutError, httpx.TimeoutException), "{where} does not answer in time"),
    (
        (ConnectionError, httpx.ProtocolError, httpx.ReadError, httpx.WriteError),
        "the connection to {where} broke off without a complete answer",
    ),
)


def what_happened(error: BaseException, where: str) -> str:
    """One sentence about a failed call; `where` is whom it was to reach, as host:port."""
    causes = list(_causes(error))
    for kinds, sentence in _SENTENCES:
        for cause in causes:
            if isinstance(cause, kinds):
                return sentence.format(where=where, why=_why(cause))
    reason = next((_why(cause) for cause in causes if isinstance(cause, OSError) and cause.strerror), "")
    return f"nobody answers at {where}" + (f": {reason}" if reason else "")


def address_of(request: httpx.Request) -> str:
    """Whom a request is to reach: the host that it names, with the port, and nothing else of the address."""
    host = request.headers.get("host") or request.url.host
    bare = host.removesuffix(f":{request.url.port}") if request.url.port else host
    return f"{bare}:{request.url.port or _PORTS.get(request.url.scheme, 443)}"


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, what it was raised for, and so on."""
    yield error
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from _causes(each)
    if (cause := error.__cause__ or error.__context__) is not None:
        yield from _causes(cause)


def _why(cause: BaseException) -> str:
    """What the system says, as a part of a sentence: "wrong version number"."""
    said = getattr(cause, "verify_message", "") or getattr(cause, "reason", "") or getattr(cause, "strerror", "") or ""
    return str(said).replace("_", " ").replace("'", "").rstrip(".").lower()
