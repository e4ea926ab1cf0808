"""Keys and certificates for Flower: a node's P-384 key, and TLS for a SuperLink.

Flower insists on TLS where nodes are told apart by their keys, and refuses the curve of
Ethereum wallets. A node key therefore is a key of its own; the wallet vouches for it by
registering its public half on chain.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_public_key,
    load_ssh_private_key,
)
from cryptography.x509.oid import NameOID

from zk0.errors import ConfigError

CERTIFICATE_DAYS = 3650


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """A server's certificate, its private key, and what clients check it with (PEM)."""

    ca: Path
    certificate: Path
    private_key: Path


def load_or_create_node_key(path: Path) -> ec.EllipticCurvePrivateKey:
    """The P-384 key in `path` (OpenSSH format, mode 0600), made on first use.

    Raises:
        ConfigError: when the file holds something else, or others may read it.
    """
    if not path.exists():
        key = ec.generate_private_key(ec.SECP384R1())
        _write_private(path, key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    if path.stat().st_mode & 0o077:
        raise ConfigError(
            f"expected the node key {path} to be readable by its owner only; run: chmod 600 {path}"
        )
    try:
        loaded = load_ssh_private_key(path.read_bytes(), None)
    except ValueError as error:
        raise ConfigError(f"expected an OpenSSH private key in {path}: {error}") from error
    if not isinstance(loaded, ec.EllipticCurvePrivateKey) or loaded.curve.name != "secp384r1":
        raise ConfigError(
            f"expected a P-384 key in {path}, found another kind; make one with: "
            "ssh-keygen -t ecdsa -b 384 -N ''"
        )
    return loaded


def compute_public_key_bytes(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The public half as the chain records it: DER SubjectPublicKeyInfo, 120 bytes."""
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def load_public_key(node_key: bytes) -> ec.EllipticCurvePublicKey:
    """The key in `node_key` (DER), which anyone may have put on chain.

    Raises:
        ConfigError: when it is not a P-384 public key.
    """
    try:
        key = load_der_public_key(node_key)
    except ValueError as error:
        raise ConfigError(
            f"expected a node key in DER, found {len(node_key)} bytes that are none"
        ) from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != "secp384r1":
        raise ConfigError("expected a P-384 node key, found another kind")
    return key


def load_or_create_certificates(folder: Path, host: str) -> TlsFiles:
    """Certificates for a server at `host` in `folder`, made on first use.

    The key of the authority that signs is thrown away: it signs this one certificate.
    """
    files = TlsFiles(folder / f"{host}.ca.pem", folder / f"{host}.pem", folder / f"{host}.key")
    if not files.ca.exists():
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        _create_certificates(files, host)
    return files


def _create_certificates(files: TlsFiles, host: str) -> None:
    authority_key = ec.generate_private_key(ec.SECP384R1())
    server_key = ec.generate_private_key(ec.SECP384R1())
    authority = _describe("zk0 SuperLink authority", authority_key, None).add_extension(
        x509.BasicConstraints(ca=True, path_length=0), critical=True
    )
    authority_certificate = authority.add_extension(
        _key_usage(signs_certificates=True), critical=True
    ).sign(authority_key, hashes.SHA384())
    server = (
        _describe("zk0 SuperLink", server_key, authority_certificate)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.SubjectAlternativeName([_alternative_name(host)]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()),
            critical=False,
        )
        .sign(authority_key, hashes.SHA384())
    )
    _write_private(
        files.private_key,
        server_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
    )
    files.certificate.write_bytes(server.public_bytes(Encoding.PEM))
    # Last, because its presence says that the others are complete.
    files.ca.write_bytes(authority_certificate.public_bytes(Encoding.PEM))


def _describe(
    name: str, key: ec.EllipticCurvePrivateKey, issuer: x509.Certificate | None
) -> x509.CertificateBuilder:
    """What every certificate says: whose it is, who signed it, from when till when."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=CERTIFICATE_DAYS))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _alternative_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _write_private(path: Path, content: bytes) -> None:
    """A new file that only its owner may read, from its first byte on."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = path.with_name(f"{path.name}.partial-{os.getpid()}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
    partial.replace(path)
