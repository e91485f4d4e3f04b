"""Entity tags: what a client has, and whether it is still the answer (RFC 9110, 8.8.3 and 13.1)."""

from hashlib import sha256


def quoted(content: bytes | str | int) -> str:
    """The tag of a body, by its content, or of a version, by its number."""
    return f'"{content}"' if isinstance(content, str | int) else f'"{sha256(content).hexdigest()[:32]}"'


def matches(header: str | None, etag: str) -> bool:
    """Whether If-None-Match names this tag; the comparison is weak, as it asks for."""
    if header is None:
        return False
    tags = {tag.strip().removeprefix("W/") for tag in header.split(",")}
    return "*" in tags or etag in tags


def version_of(header: str | None) -> int | None:
    """The version that If-Match requires; None where it names none or any. ValueError where it is no tag of ours."""
    if header is None or header.strip() == "*":
        return None
    tag = header.strip()
    if not (len(tag) > 2 and tag.startswith('"') and tag.endswith('"') and tag[1:-1].isdecimal()):  # noqa: PLR2004 - both quotes
        raise ValueError('If-Match has to be the ETag that was read, such as "3"')
    return int(tag[1:-1])
