"""Loopback servers that speak the start of the PostgreSQL protocol, or fail to."""

import base64
import contextlib
import hashlib
import hmac
import ipaddress
import socketserver
import ssl
import struct
import threading
from datetime import datetime, timedelta, timezone

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

SSL_REQUEST = b"\x00\x00\x00\x08\x04\xd2\x16\x2f"


def self_signed_certificate(directory):
    """Writes a certificate of 127.0.0.1 and its key into one file and returns its path."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "database")])
    now = datetime.now(timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    path = directory / "database.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path


def message(kind, body=b""):
    return kind + struct.pack("!i", len(body) + 4) + body


READY_FOR_QUERY = message(b"Z", b"I")
LOGIN_ACCEPTED = message(b"R", struct.pack("!i", 0)) + READY_FOR_QUERY
LOGIN_REFUSED = message(b"E", b"SFATAL\0C28P01\0Mwrong password\0\0")
SHUTTING_DOWN = message(b"E", b"SFATAL\0C57P03\0Mthe system is shutting down\0\0")


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    # A connection that hangs by design must not hold up the end of its test.
    block_on_close = False

    def handle_error(self, request, client_address):
        pass


@contextlib.contextmanager
def serving(converse):
    """Serves each connection with `converse(socket)`; yields `host:port`."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            converse(self.request)

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield "127.0.0.1:%d" % server.server_address[1]
        server.shutdown()


def accepting_tls(certificate, login_answer=LOGIN_ACCEPTED):
    """A database that does TLS and answers a login as told."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def converse(connection):
        assert connection.recv(8) == SSL_REQUEST
        connection.sendall(b"S")
        with context.wrap_socket(connection, server_side=True) as secure:
            if secure.recv(4096):
                secure.sendall(login_answer)
                secure.recv(4096)

    return converse


def refusing_tls(connection):
    connection.recv(8)
    connection.sendall(b"N")


def breaking_the_handshake(connection):
    connection.recv(8)
    connection.sendall(b"S")
    connection.recv(4096)
    connection.sendall(b"this is not TLS")


def never_answering(connection):
    connection.recv(8)
    connection.recv(1)


# A login by SCRAM-SHA-256, from the side of the server (RFC 5802 and 7677).


def keyed(key, text):
    return hmac.new(key, text, hashlib.sha256).digest()


def receive(connection):
    """Kind and body of one message of a client that has logged in or is about to."""
    kind, length = connection.recv(1), struct.unpack("!i", connection.recv(4))[0]
    return kind, connection.recv(length - 4)


def scram_login(connection, password, certificate, mechanisms, knows_password=True):
    """Returns whether the client proved that it knows the password, and for this connection."""
    offered = b"".join(name + b"\0" for name in mechanisms) + b"\0"
    connection.sendall(message(b"R", struct.pack("!i", 10) + offered))
    _, body = receive(connection)
    mechanism, rest = body.split(b"\0", 1)
    opening = rest[4:]
    gs2, _, first = opening.partition(b",,")
    nonce = first.partition(b"r=")[2] + b"server"
    salt, rounds = b"a salt of 16 byt", 4096
    challenge = b"r=%s,s=%s,i=%d" % (nonce, base64.b64encode(salt), rounds)
    connection.sendall(message(b"R", struct.pack("!i", 11) + challenge))
    _, final = receive(connection)
    without_proof, _, proof = final.rpartition(b",p=")

    bound = gs2 + b",,"
    if mechanism == b"SCRAM-SHA-256-PLUS":
        pem = x509.load_pem_x509_certificate(certificate.read_bytes())
        bound += hashlib.sha256(pem.public_bytes(serialization.Encoding.DER)).digest()
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, rounds)
    stored = hashlib.sha256(keyed(salted, b"Client Key")).digest()
    conversation = b",".join((first, challenge, without_proof))
    signature = keyed(stored, conversation)
    client_key = bytes(a ^ b for a, b in zip(base64.b64decode(proof), signature))
    binding = base64.b64decode(without_proof.split(b",")[0][2:])
    if hashlib.sha256(client_key).digest() != stored or binding != bound:
        connection.sendall(LOGIN_REFUSED)
        return False
    proves = keyed(keyed(salted if knows_password else b"", b"Server Key"), conversation)
    connection.sendall(message(b"R", struct.pack("!i", 12) + b"v=" + base64.b64encode(proves)))
    connection.sendall(LOGIN_ACCEPTED)
    return True


def row_of(*values):
    """The answer to a query: one row of texts, in which None is NULL."""
    fields = b"".join(b"%d\0" % index + struct.pack("!ihihih", 0, 0, 25, -1, -1, 0) for index in range(len(values)))
    texts = [None if value is None else str(value).encode() for value in values]
    cells = b"".join(struct.pack("!i", -1) if text is None else struct.pack("!i", len(text)) + text for text in texts)
    return (
        message(b"T", struct.pack("!h", len(values)) + fields)
        + message(b"D", struct.pack("!h", len(values)) + cells)
        + message(b"C", b"SELECT 1\0")
        + READY_FOR_QUERY
    )


SCRAM = (b"SCRAM-SHA-256-PLUS", b"SCRAM-SHA-256")


def accepting_scram(certificate, password, answer, mechanisms=SCRAM, bound_to=None, **login):
    """A database that does TLS and SCRAM, and answers each query with `answer(sql)`.

    The login is good only over the certificate `bound_to`, by default the one that is shown.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def converse(connection):
        assert connection.recv(8) == SSL_REQUEST
        connection.sendall(b"S")
        with context.wrap_socket(connection, server_side=True) as secure:
            secure.recv(4096)
            if not scram_login(secure, password, bound_to or certificate, mechanisms, **login):
                return
            while True:
                kind, body = receive(secure)
                if kind != b"Q":
                    return
                # A setting and a notice may come at any time.
                secure.sendall(message(b"S", b"TimeZone\0UTC\0") + message(b"N", b"\0"))
                secure.sendall(answer(body.rstrip(b"\0").decode()))

    return converse
