"""Asks a PostgreSQL server one question, without a driver.

Speaks version 3 of the protocol as far as a monitor needs it: TLS, a login by SCRAM-SHA-256, one
simple query whose rows come as text. The password never goes over the wire: each side proves that
it knows it. Where the server can, the proof is bound to the certificate of this connection, so that
nobody in between could pass it on, whoever signed that certificate.
"""

import base64
import hashlib
import hmac
import os
import socket
import ssl
import struct

SSL_REQUEST = struct.pack("!ii", 8, 80877103)
PROTOCOL = 3 << 16
# Stages of an authentication, as the server numbers them.
ACCEPTED, SASL, SASL_CONTINUE, SASL_FINAL = 0, 10, 11, 12
# RFC 5929: a certificate is hashed as it was signed, and with SHA-256 where that is weaker.
STRONGER_HASHES = {
    bytes.fromhex("2a864886f70d01010c"): hashlib.sha384,
    bytes.fromhex("2a864886f70d01010d"): hashlib.sha512,
    bytes.fromhex("2a8648ce3d040303"): hashlib.sha384,
    bytes.fromhex("2a8648ce3d040304"): hashlib.sha512,
}


class Failed(Exception):
    """The server refused, or said what this client does not understand.

    `code` is the SQLSTATE of a refusal.
    """

    def __init__(self, text, code=""):
        super().__init__(text)
        self.code = code


class LoginRefused(Failed):
    """The server is alive and does not take this user's password."""


def query(address, login, database, sql, timeout):
    """Returns the rows, each a list of texts, in which NULL is None."""
    with socket.create_connection(address, timeout=timeout) as plain:
        with start_tls(plain, address[0]) as connection:
            messages = Messages(connection)
            log_in(messages, connection.getpeercert(binary_form=True), login, database)
            return ask(messages, sql)


def start_tls(plain, host):
    plain.sendall(SSL_REQUEST)
    if (answer := plain.recv(1)) != b"S":
        raise Failed(f"the server answered {answer!r} to the request for TLS")
    # The login proves who the server is; certificates of RDS chain to no public authority.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(plain, server_hostname=host)


class Messages:
    """Messages to and from the server: a letter, a length, a body."""

    def __init__(self, connection):
        self.connection = connection

    def send(self, kind, body):
        self.connection.sendall(kind + struct.pack("!i", len(body) + 4) + body)

    def receive(self, wanted):
        """Returns kind and body of the next message of these kinds, past notices and settings."""
        while True:
            kind = self._read(1)
            body = self._read(struct.unpack("!i", self._read(4))[0] - 4)
            if kind == b"E":
                raise refusal(body)
            if kind in wanted:
                return kind, body
            if kind not in (b"N", b"S", b"K"):
                raise Failed(f"the server sent {kind!r} where one of {wanted} was due")

    def _read(self, count):
        data = b""
        while len(data) < count:
            if not (part := self.connection.recv(count - len(data))):
                raise ConnectionError("the server closed the connection")
            data += part
        return data


def refusal(body):
    fields = {part[:1]: part[1:].decode(errors="replace") for part in body.split(b"\0") if part}
    code, text = fields.get(b"C", ""), fields.get(b"M", "no reason")
    # Class 28 of the SQL standard: invalid authorization.
    return (LoginRefused if code.startswith("28") else Failed)(f"{code}: {text}", code)


# The login


def log_in(messages, certificate, login, database):
    user, password = login
    settings = b"".join(text.encode() + b"\0" for text in ("user", user, "database", database))
    startup = struct.pack("!i", PROTOCOL) + settings + b"\0"
    messages.send(b"", startup)

    mechanisms = expect(messages, SASL).split(b"\0")
    if b"SCRAM-SHA-256-PLUS" in mechanisms:
        mechanism, header = b"SCRAM-SHA-256-PLUS", b"p=tls-server-end-point,,"
        binding = header + certificate_hash(certificate)
    elif b"SCRAM-SHA-256" in mechanisms:
        # `y` lets the server notice if somebody in between took the better mechanism away.
        mechanism, header = b"SCRAM-SHA-256", b"y,,"
        binding = header
    else:
        raise Failed(f"the server offers {mechanisms} for the login, and not SCRAM-SHA-256")

    first = b"n=,r=" + base64.b64encode(os.urandom(18))
    opening = header + first
    messages.send(b"p", mechanism + b"\0" + struct.pack("!i", len(opening)) + opening)
    challenge = expect(messages, SASL_CONTINUE)
    final, signature = prove(password, first, challenge, binding)
    messages.send(b"p", final)
    if not hmac.compare_digest(expect(messages, SASL_FINAL), b"v=" + signature):
        raise Failed("the server does not know the password: it is not the database")
    expect(messages, ACCEPTED)
    messages.receive(b"Z")


def expect(messages, stage):
    """Returns what the server says at this stage of the login."""
    _, body = messages.receive(b"R")
    (found,) = struct.unpack("!i", body[:4])
    if found != stage:
        raise Failed(f"the server asks for login method {found}; its users need SCRAM-SHA-256 passwords")
    return body[4:]


def prove(password, first, challenge, binding):
    """Returns the client's last message and the server's signature that must answer it (RFC 5802)."""
    given = dict(part.split(b"=", 1) for part in challenge.split(b","))
    nonce = dict(part.split(b"=", 1) for part in first.split(b","))[b"r"]
    if not given[b"r"].startswith(nonce):
        raise Failed("the server answers another login")
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(given[b"s"]), int(given[b"i"]))
    without_proof = b"c=" + base64.b64encode(binding) + b",r=" + given[b"r"]
    conversation = b",".join((first, challenge, without_proof))
    client_key = keyed(salted, b"Client Key")
    client_signature = keyed(hashlib.sha256(client_key).digest(), conversation)
    proof = bytes(a ^ b for a, b in zip(client_key, client_signature))
    signature = keyed(keyed(salted, b"Server Key"), conversation)
    return without_proof + b",p=" + base64.b64encode(proof), base64.b64encode(signature)


def keyed(key, text):
    return hmac.digest(key, text, "sha256")


def certificate_hash(certificate):
    # A certificate is a sequence of what is signed, how, and the signature.
    whole, _ = unwrap(certificate)
    _, rest = unwrap(whole)
    algorithm, _ = unwrap(rest)
    identifier, _ = unwrap(algorithm)
    return STRONGER_HASHES.get(identifier, hashlib.sha256)(certificate).digest()


def unwrap(encoded):
    """Returns the content of the first element in DER, and what follows the element."""
    length, start = encoded[1], 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(encoded[2:start], "big")
    return encoded[start : start + length], encoded[start + length :]


# The query


def ask(messages, sql):
    messages.send(b"Q", sql.encode() + b"\0")
    rows = []
    while True:
        kind, body = messages.receive(b"TDCZ")
        if kind == b"D":
            rows.append(list(columns(body)))
        if kind == b"Z":
            messages.send(b"X", b"")
            return rows


def columns(body):
    (count,) = struct.unpack("!h", body[:2])
    at = 2
    for _ in range(count):
        (length,) = struct.unpack("!i", body[at : at + 4])
        at += 4
        # A length of -1 is NULL.
        yield body[at : at + length].decode() if length >= 0 else None
        at += max(length, 0)
