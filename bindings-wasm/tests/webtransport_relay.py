"""A WebTransport server that passes the datagrams of each session on to the others.

python webtransport_relay.py        # prints its port and the hash of its certificate
"""

import asyncio
import datetime
import hashlib
import tempfile
from pathlib import Path

from aioquic.asyncio import QuicConnectionProtocol, serve
from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import DatagramReceived, H3Event, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ConnectionTerminated, ProtocolNegotiated, QuicEvent
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

sessions: dict["Relay", int] = {}


class Relay(QuicConnectionProtocol):
    """One connection, with at most one session."""

    http: H3Connection | None = None

    def quic_event_received(self, event: QuicEvent) -> None:
        if isinstance(event, ProtocolNegotiated):
            self.http = H3Connection(self._quic, enable_webtransport=True)
        if isinstance(event, ConnectionTerminated):
            sessions.pop(self, None)
        if self.http is not None:
            for told in self.http.handle_event(event):
                self.on_http(self.http, told)

    def on_http(self, http: H3Connection, event: H3Event) -> None:
        if isinstance(event, HeadersReceived):
            is_session = (b":protocol", b"webtransport") in event.headers
            status = b"200" if is_session else b"404"
            answer = [(b":status", status), (b"sec-webtransport-http3-draft", b"draft02")]
            http.send_headers(event.stream_id, answer, end_stream=not is_session)
            if is_session:
                sessions[self] = event.stream_id
            self.transmit()
        if isinstance(event, DatagramReceived):
            for other, stream in sessions.items():
                if other is not self and other.http is not None:
                    other.http.send_datagram(stream, event.data)
                    other.transmit()


def certificate() -> tuple[bytes, bytes]:
    """A certificate that Chromium takes by its hash: P-256, two weeks at most; and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=9))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.PrivateFormat.PKCS8
    plain = serialization.NoEncryption()
    return (
        made.public_bytes(serialization.Encoding.DER),
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, pem, plain),
    )


async def main() -> None:
    """Serves until it is killed."""
    der, both = certificate()
    settings = QuicConfiguration(
        alpn_protocols=H3_ALPN,
        is_client=False,
        max_datagram_frame_size=65_536,
        # Room for the 1200 bytes that every SST host sends.
        max_datagram_size=1_400,
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "both.pem")
        path.write_bytes(both)
        settings.load_cert_chain(path, path)
    server = await serve("127.0.0.1", 0, configuration=settings, create_protocol=Relay)
    port = server._transport.get_extra_info("sockname")[1]
    print(port, hashlib.sha256(der).hexdigest(), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
