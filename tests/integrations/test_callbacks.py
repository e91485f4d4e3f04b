"""A callback goes where its tenant registered, over TLS, to the address that was looked at; nowhere else."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from pydantic import SecretStr
from standardwebhooks import Webhook

from underwriting.integrations.callbacks import BadCallback, Callbacks, checked_callback, is_public, resolved
from underwriting.integrations.errors import SourceOutage, SourceRefusal
from underwriting.settings import Partner, Settings

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
HOST = "hooks.partner.example"
URL = f"https://{HOST}/done?id=1"
BODY = b'{"verdict": "approved"}'
PARTNER = Partner(
    results_url="https://partner.example/results",
    signing_secret=SecretStr(SECRET),
    callback_hosts=frozenset({HOST}),
)
HOSTILE = [
    "127.0.0.1", "127.8.9.10", "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.254",
    "169.254.169.254", "169.254.0.1", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.170", "192.0.2.1",
    "192.88.99.1", "192.168.0.1", "192.168.255.255", "198.18.0.1", "198.19.255.255", "198.51.100.7", "203.0.113.9",
    "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255", "::", "::1", "::7f00:1", "::a00:1",
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:192.168.1.1", "::ffff:0:0",
    "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a00:1", "100::1", "2001::1", "2001:0:53aa:64c::1",
    "2001:2::1", "2001:10::1", "2001:db8::1", "2002:7f00:1::1", "2002:a00:1::", "2002:c0a8:101::1", "fc00::1",
    "fd00::1", "fdff:ffff::1", "fe80::1", "febf::1", "fec0::1", "feff::1", "ff00::1", "ff02::1", "ff05::2",
    "ff0e::1", "fd00:ec2::254", "3fff::1",
]  # fmt: skip


# The first and the last address of each range that is not public, and the addresses just outside of it.
EDGES = [
    ("0.0.0.0", "0.255.255.255"), ("10.0.0.0", "10.255.255.255"), ("100.64.0.0", "100.127.255.255"),
    ("127.0.0.0", "127.255.255.255"), ("169.254.0.0", "169.254.255.255"), ("172.16.0.0", "172.31.255.255"),
    ("192.0.0.0", "192.0.0.255"), ("192.0.2.0", "192.0.2.255"), ("192.31.196.0", "192.31.196.255"),
    ("192.52.193.0", "192.52.193.255"), ("192.88.99.0", "192.88.99.255"), ("192.168.0.0", "192.168.255.255"),
    ("192.175.48.0", "192.175.48.255"), ("198.18.0.0", "198.19.255.255"), ("198.51.100.0", "198.51.100.255"),
    ("203.0.113.0", "203.0.113.255"), ("224.0.0.0", "255.255.255.255"),
    ("::", "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), ("2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"), ("2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("2620:4f:8000::", "2620:4f:8000:ffff:ffff:ffff:ffff:ffff"), ("3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff"),
    ("4000::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
]  # fmt: skip
# IANA's special-purpose registries as of 2025, and what leads to an IPv4 address that is not public.
REGISTERED = [
    "::ffff:0:127.0.0.1", "::ffff:0:8.8.8.8", "100::1", "100:0:0:1::1", "2001:1::1", "2001:1::2", "2001:3::1",
    "2001:4:112::1", "2001:20::1", "2001:30::1", "2620:4f:8000::1", "4000::1", "5f00::1", "192.31.196.1",
    "192.52.193.1", "192.175.48.1", "192.0.0.9", "192.0.0.10", "192.0.0.171", "192.88.99.2",
]  # fmt: skip


@pytest.mark.parametrize(("first", "last"), EDGES)
def test_ranges_that_are_not_public_end_where_they_should(first, last):
    inside = ip_address(first), ip_address(last)
    assert not any(map(is_public, inside))
    kind, highest = type(inside[0]), 2 ** inside[0].max_prefixlen - 1
    outside = [kind(int(inside[0]) - 1)] if int(inside[0]) else []
    outside += [kind(int(inside[1]) + 1)] if int(inside[1]) < highest else []
    assert all(map(is_public, outside))


@pytest.mark.parametrize("address", [*HOSTILE, *REGISTERED])
def test_an_address_that_is_not_of_the_public_internet_is_none(address):
    assert not is_public(ip_address(address))


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "1.1.1.1", "93.184.215.14", "::ffff:8.8.8.8", "2606:4700::1111", "2a00::1"]
)
def test_a_public_address_is_one(address):
    assert is_public(ip_address(address))


@pytest.mark.parametrize(
    "url",
    [
        f"http://{HOST}/", f"ftp://{HOST}/", f"//{HOST}/", "https://", "https:///done", f"https://{HOST}:8443/",
        f"https://{HOST}:0/", f"https://{HOST}:99999/", f"https://user@{HOST}/", f"https://a:b@{HOST}/",
        f"https://{HOST}/#x", f"https://x.{HOST}/", f"https://{HOST}.evil.example/", "https://partner.example/",
        f"https://{HOST}@127.0.0.1/", "https://127.0.0.1/", "https://[::1]/", "https://2130706433/", "https://0x7f.1/",
        "https://[::1", "not a url", "", f"https://{HOST}/%01", f"https://{HOST}/a b", f"https://{HOST}/\x7f",
        f"https://{HOST}/%0a",
    ],
)  # fmt: skip
def test_a_url_that_is_not_registered_and_plain_is_refused(url):
    with pytest.raises(BadCallback):
        checked_callback(url, PARTNER)


@pytest.mark.parametrize("url", [URL, f"https://{HOST}:443/done", f"https://{HOST.upper()}/done"])
def test_a_registered_url_is_taken(url):
    assert checked_callback(url, PARTNER) == url


def test_a_tenant_without_an_endpoint_has_no_callbacks():
    with pytest.raises(BadCallback, match="not registered"):
        checked_callback(URL, None)


@pytest.fixture(scope="module")
def identity(tmp_path_factory):
    """A certificate of `HOST`, its key, and a context that trusts it alone."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(x509.OID_COMMON_NAME, HOST)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(file)
    return server, ssl.create_default_context(cafile=file)


@asynccontextmanager
async def receiver(tls, answer: bytes) -> AsyncIterator[tuple[int, list[bytes]]]:
    """An https server on loopback that gives `answer` to everybody; its port, and what it was sent."""
    got: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        got.append(head + await reader.readexactly(len(BODY)))
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1], got


async def loopback(host, port):
    return [ip_address("127.0.0.1")]


async def test_a_callback_arrives_signed_at_the_pinned_address_under_the_hosts_certificate(identity):
    server, client = identity
    async with receiver(server, b"HTTP/1.1 204 No Content\r\n\r\n") as (port, got):
        config = Settings(source_timeout=5)
        async with Callbacks(config, resolve=loopback, permitted=lambda _: True, tls=client, port=port) as callbacks:
            await callbacks.post(PARTNER, URL, "msg_1", BODY, datetime.now(UTC))
    head, _, body = got[0].partition(b"\r\n\r\n")
    lines = {name.lower(): value for name, value in (line.split(": ", 1) for line in head.decode().split("\r\n")[1:])}
    assert head.startswith(b"POST /done?id=1 HTTP/1.1")
    assert lines["host"] == HOST
    assert Webhook(SECRET).verify(body, lines) == {"verdict": "approved"}


async def test_another_hosts_certificate_is_not_taken(identity):
    server, client = identity
    other = PARTNER.model_copy(update={"callback_hosts": frozenset({"other.example"})})
    async with (
        receiver(server, b"") as (port, got),
        Callbacks(Settings(), resolve=loopback, permitted=lambda _: True, tls=client, port=port) as callbacks,
    ):
        with pytest.raises(SourceOutage):
            await callbacks.post(other, "https://other.example/", "msg_1", BODY, datetime.now(UTC))
    assert got == []


async def test_two_hosts_at_one_address_do_not_share_a_connection(identity):
    """The certificate is HOST's alone: what is meant for the other host must not go over HOST's connection."""
    server, client = identity
    both = PARTNER.model_copy(update={"callback_hosts": frozenset({HOST, "other.example"})})
    got = []

    async def serve(reader, writer):
        while head := await reader.readuntil(b"\r\n\r\n"):
            got.append(head)
            await reader.readexactly(len(BODY))
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")

    listening = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=server)
    port = listening.sockets[0].getsockname()[1]
    async with (
        listening,
        Callbacks(Settings(), resolve=loopback, permitted=lambda _: True, tls=client, port=port) as callbacks,
    ):
        await callbacks.post(both, URL, "msg_1", BODY, datetime.now(UTC))
        with pytest.raises(SourceOutage):
            await callbacks.post(both, "https://other.example/", "msg_2", BODY, datetime.now(UTC))
    assert len(got) == 1


async def test_a_redirect_is_not_followed(identity):
    server, client = identity
    answer = b"HTTP/1.1 302 Found\r\nLocation: https://127.0.0.1/secret\r\nContent-Length: 0\r\n\r\n"
    async with (
        receiver(server, answer) as (port, got),
        Callbacks(Settings(), resolve=loopback, permitted=lambda _: True, tls=client, port=port) as callbacks,
    ):
        with pytest.raises(SourceRefusal, match="redirects are not followed"):
            await callbacks.post(PARTNER, URL, "msg_1", BODY, datetime.now(UTC))
    assert len(got) == 1


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["93.184.215.14", "10.0.0.1"], ["::ffff:169.254.169.254"], []])
async def test_a_host_with_any_address_that_is_not_public_is_never_called(addresses):
    async def resolve(host, port):
        return [ip_address(address) for address in addresses]

    async with Callbacks(Settings(), resolve=resolve) as callbacks:
        with pytest.raises(SourceRefusal, match="not public"):
            await callbacks.post(PARTNER, URL, "msg_1", BODY, datetime.now(UTC))


async def test_a_registration_that_ended_stops_what_is_still_owed():
    async with Callbacks(Settings()) as callbacks:
        with pytest.raises(SourceRefusal, match="not registered"):
            await callbacks.post(
                PARTNER.model_copy(update={"callback_hosts": frozenset()}), URL, "m", BODY, datetime.now(UTC)
            )


async def test_a_name_that_does_not_resolve_is_an_outage():
    async def resolve(host, port):
        raise OSError

    async with Callbacks(Settings(), resolve=resolve) as callbacks:
        with pytest.raises(SourceOutage, match="does not resolve"):
            await callbacks.post(PARTNER, URL, "msg_1", BODY, datetime.now(UTC))


async def test_names_are_resolved_by_the_system():
    assert ip_address("127.0.0.1") in await resolved("localhost", 443)
