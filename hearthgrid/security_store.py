"""The keystore of SROS 2: one authority, and for each enclave a key, a certificate and signed permissions.

The layout is that of `ros2 security create_keystore` (`public`, `private`, `enclaves/<path>`), so its tools go on with
it. Keys are NIST P-256 (DDS Security 1.1, section 9.3.1), files S/MIME signed (9.4.1).
"""

import os
from pathlib import Path

from hearthgrid.security import Enclave, governance_xml, permissions_xml, policy_xml, validity

DAYS = 3650  # that certificates hold


def write_policy(folder: Path, made: tuple[Enclave, ...], domain: int, days: int = DAYS) -> list[Path]:
    """Write policy, governance and each enclave's permissions, unsigned, and return the files. OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / 'policy.xml', folder / 'enclaves' / 'governance.xml']
    texts = [policy_xml(made), governance_xml(domain)]
    for enclave in made:
        files.append(folder / 'enclaves' / enclave.path.strip('/') / 'permissions.xml')
        texts.append(permissions_xml(enclave, domain, *validity(days)))
    for file, text in zip(files, texts, strict=True):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding='utf-8')
    return files


def sign(folder: Path, made: tuple[Enclave, ...], days: int = DAYS) -> None:
    """Sign what `write_policy` wrote, and make keys and certificates where there are none yet. ImportError; OSError."""
    authority = _pair(folder / 'public' / 'ca.cert.pem', folder / 'private' / 'ca.key.pem', 'hearthgridCA', None, days)
    for role in ('identity', 'permissions'):
        _link(folder / 'public' / f'{role}_ca.cert.pem', 'ca.cert.pem')
        _link(folder / 'private' / f'{role}_ca.key.pem', 'ca.key.pem')
    above = folder / 'enclaves'
    _smime(authority, above / 'governance.xml', above / 'governance.p7s')
    for enclave in made:
        own = above / enclave.path.strip('/')
        _pair(own / 'cert.pem', own / 'key.pem', enclave.path, authority, days)
        for role in ('identity', 'permissions'):
            _link(own / f'{role}_ca.cert.pem', os.path.relpath(folder / 'public' / f'{role}_ca.cert.pem', own))
        _link(own / 'governance.p7s', os.path.relpath(above / 'governance.p7s', own))
        _smime(authority, own / 'permissions.xml', own / 'permissions.p7s')


def _pair(cert_file: Path, key_file: Path, name: str, authority, days: int):
    """Return certificate and key of a name, made and written where there are none. authority : None = self-signed"""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    if cert_file.exists() and key_file.exists():
        return (x509.load_pem_x509_certificate(cert_file.read_bytes()),
                serialization.load_pem_private_key(key_file.read_bytes(), None))  # fmt: skip
    key, subject = ec.generate_private_key(ec.SECP256R1()), _name(name)
    begin, end = validity(days)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(authority[0].subject if authority else subject)
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
        .public_key(key.public_key())
        .add_extension(x509.BasicConstraints(authority is None, None if authority else 1), critical=authority is None)
        .sign(authority[1] if authority else key, hashes.SHA256())
    )
    for file in (cert_file, key_file):
        file.parent.mkdir(parents=True, exist_ok=True)
    key_file.parent.chmod(0o700) if authority is None else None
    handle = os.open(key_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(handle, 'wb') as file:
        file.write(key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))  # fmt: skip
    cert_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    return made, key


def _name(text: str):
    from cryptography import x509

    return x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, text)])


def _smime(authority, source: Path, target: Path) -> None:
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.serialization import pkcs7

    signed = pkcs7.PKCS7SignatureBuilder().set_data(source.read_bytes()).add_signer(*authority, hashes.SHA256())
    options = [pkcs7.PKCS7Options.Text, pkcs7.PKCS7Options.DetachedSignature]
    target.write_bytes(signed.sign(serialization.Encoding.SMIME, options))


def _link(file: Path, to: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    if not file.is_symlink():
        file.symlink_to(to)
