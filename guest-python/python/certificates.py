"""X.509 certificates: PEM, the parts of DER that `getpeercert` shows, and OpenSSL's names of objects.

The reader is strict and its depth is fixed by the format of a certificate (RFC 5280): each length has to fit in
what surrounds it, so hostile bytes give an `SSLError` and cost no more than their own size.
"""

import binascii
import re
from collections.abc import Iterator

from _ophidia.tls_constants import ENCODING_DER, ENCODING_PEM
from _ophidia.tls_errors import SSLError, error

# Objects as OpenSSL numbers and names them: number, short name, long name, identifier.
_OBJECTS = (
    (13, "CN", "commonName", "2.5.4.3"),
    (14, "C", "countryName", "2.5.4.6"),
    (15, "L", "localityName", "2.5.4.7"),
    (16, "ST", "stateOrProvinceName", "2.5.4.8"),
    (17, "O", "organizationName", "2.5.4.10"),
    (18, "OU", "organizationalUnitName", "2.5.4.11"),
    (48, "emailAddress", "emailAddress", "1.2.840.113549.1.9.1"),
    (49, "unstructuredName", "unstructuredName", "1.2.840.113549.1.9.2"),
    (83, "keyUsage", "X509v3 Key Usage", "2.5.29.15"),
    (85, "subjectAltName", "X509v3 Subject Alternative Name", "2.5.29.17"),
    (87, "basicConstraints", "X509v3 Basic Constraints", "2.5.29.19"),
    (99, "GN", "givenName", "2.5.4.42"),
    (100, "SN", "surname", "2.5.4.4"),
    (101, "initials", "initials", "2.5.4.43"),
    (103, "crlDistributionPoints", "X509v3 CRL Distribution Points", "2.5.29.31"),
    (105, "serialNumber", "serialNumber", "2.5.4.5"),
    (106, "title", "title", "2.5.4.12"),
    (107, "description", "description", "2.5.4.13"),
    (126, "extendedKeyUsage", "X509v3 Extended Key Usage", "2.5.29.37"),
    (129, "serverAuth", "TLS Web Server Authentication", "1.3.6.1.5.5.7.3.1"),
    (130, "clientAuth", "TLS Web Client Authentication", "1.3.6.1.5.5.7.3.2"),
    (131, "codeSigning", "Code Signing", "1.3.6.1.5.5.7.3.3"),
    (132, "emailProtection", "E-mail Protection", "1.3.6.1.5.5.7.3.4"),
    (133, "timeStamping", "Time Stamping", "1.3.6.1.5.5.7.3.8"),
    (173, "name", "name", "2.5.4.41"),
    (174, "dnQualifier", "dnQualifier", "2.5.4.46"),
    (177, "authorityInfoAccess", "Authority Information Access", "1.3.6.1.5.5.7.1.1"),
    (178, "OCSP", "OCSP", "1.3.6.1.5.5.7.48.1"),
    (179, "caIssuers", "CA Issuers", "1.3.6.1.5.5.7.48.2"),
    (180, "OCSPSigning", "OCSP Signing", "1.3.6.1.5.5.7.3.9"),
    (391, "DC", "domainComponent", "0.9.2342.19200300.100.1.25"),
    (458, "UID", "userId", "0.9.2342.19200300.100.1.1"),
    (509, "generationQualifier", "generationQualifier", "2.5.4.44"),
    (510, "pseudonym", "pseudonym", "2.5.4.65"),
    (660, "street", "streetAddress", "2.5.4.9"),
    (661, "postalCode", "postalCode", "2.5.4.17"),
    (860, "businessCategory", "businessCategory", "2.5.4.15"),
    (910, "anyExtendedKeyUsage", "Any Extended Key Usage", "2.5.29.37.0"),
    (955, "jurisdictionL", "jurisdictionLocalityName", "1.3.6.1.4.1.311.60.2.1.1"),
    (956, "jurisdictionST", "jurisdictionStateOrProvinceName", "1.3.6.1.4.1.311.60.2.1.2"),
    (957, "jurisdictionC", "jurisdictionCountryName", "1.3.6.1.4.1.311.60.2.1.3"),
    (1089, "organizationIdentifier", "organizationIdentifier", "2.5.4.97"),
)
_NAMES = {oid: long for _, _, long, oid in _OBJECTS}
_SHORT = {long: short for _, short, long, _ in _OBJECTS}

_BIT_STRING, _SEQUENCE, _SET, _UTC_TIME, _GENERALIZED_TIME = 0x03, 0x30, 0x31, 0x17, 0x18
_ENCODINGS = {
    0x0C: "utf-8",
    0x12: "latin-1",
    0x13: "latin-1",
    0x14: "latin-1",
    0x16: "latin-1",
    0x1A: "latin-1",
    0x1C: "utf-32-be",
    0x1E: "utf-16-be",
}
_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split()
_TIME = re.compile(rb"(\d\d|\d{4})(0[1-9]|1[0-2])(\d\d)(\d\d)(\d\d)(\d\d)Z", re.ASCII)
_PEM = re.compile(
    rb"-----BEGIN ((?:X509 |TRUSTED )?CERTIFICATE)-----\s([^-]*)-----END \1-----",
)
_PEM_BEGIN = re.compile(rb"-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----")


def txt2obj(txt: str, name: bool = False) -> tuple[int, str, str, str]:
    """Lookup NID, short name, long name and OID of an object by its OID, or with `name` also by its names."""
    for found in _OBJECTS:
        if txt == found[3] or (name and txt in found[1:3]):
            return found
    is_oid = txt.replace(".", "").isdecimal()
    raise ValueError("Unknown object" if is_oid else f"unknown object '{txt[:100]}'")


def nid2obj(nid: int, /) -> tuple[int, str, str, str]:
    """Lookup NID, short name, long name and OID of an object by NID."""
    if nid < 0:
        raise ValueError("NID must be positive.")
    for found in _OBJECTS:
        if nid == found[0]:
            return found
    raise ValueError(f"unknown NID {nid}")


# --- PEM and concatenated DER ------------------------------------------------------------------


def from_pem(text: bytes) -> tuple[bytes, ...]:
    """The certificates in a PEM file, in DER; there may be comments between them."""
    found = []
    for match in _PEM.finditer(text):
        try:
            found.append(_certificate(binascii.a2b_base64(match[2]), 0))
        except (ValueError, SSLError):
            raise error("PEM lib", 524297, library="X509") from None
    if len(found) != len(_PEM_BEGIN.findall(text)):
        raise error("PEM lib", 524297, library="X509")
    return tuple(found)


def from_der(data: bytes) -> tuple[bytes, ...]:
    """The certificates in a run of DER."""
    found, at = [], 0
    while at < len(data):
        found.append(_certificate(data, at))
        at += len(found[-1])
    return tuple(found)


def _certificate(data: bytes, at: int) -> bytes:
    """The certificate at an offset; of its contents only the outermost structure is checked."""
    tag, start, end = _head(data, at)
    parts = _split(data[start:end]) if tag == _SEQUENCE else []
    if [tag for tag, _ in parts] != [_SEQUENCE, _SEQUENCE, _BIT_STRING]:
        raise _malformed()
    return data[at:end]


# --- DER ---------------------------------------------------------------------------------------


def _malformed() -> SSLError:
    return error("asn1 encoding routines", 1, library="ASN1", reason="NOT_ENOUGH_DATA")


def _head(data: bytes, at: int) -> tuple[int, int, int]:
    """The tag of the value at an offset, and where its contents start and end."""
    head = data[at : at + 6]
    if len(head) < 2 or head[0] & 0x1F == 0x1F:
        raise _malformed()
    start, length = at + 2, head[1]
    if length >= 0x80:
        count = length & 0x7F
        digits = head[2 : 2 + count]
        length = int.from_bytes(digits)
        if not 1 <= count <= 4 or len(digits) < count or digits[0] == 0 or length < 0x80:
            raise _malformed()
        start += count
    if start + length > len(data):
        raise _malformed()
    return head[0], start, start + length


def _split(data: bytes) -> list[tuple[int, bytes]]:
    """The values that follow each other in the contents of a value, each with its tag."""
    found, at = [], 0
    while at < len(data):
        tag, start, at = _head(data, at)
        found.append((tag, data[start:at]))
    return found


def _only(data: bytes, tag: int = _SEQUENCE) -> bytes:
    """The contents of a value that has to be alone and of this tag."""
    values = _split(data)
    if len(values) != 1 or values[0][0] != tag:
        raise _malformed()
    return values[0][1]


def _sequence(value: tuple[int, bytes], tag: int = _SEQUENCE) -> list[tuple[int, bytes]]:
    if value[0] != tag:
        raise _malformed()
    return _split(value[1])


def _pairs(value: tuple[int, bytes], tag: int = _SEQUENCE) -> Iterator[tuple[str, tuple[int, bytes]]]:
    """The members of a sequence (or set) of sequences that start with an object identifier."""
    for member in _sequence(value, tag):
        match _sequence(member):
            case [(0x06, oid), *_, last]:
                yield _identifier(oid), last
            case _:
                raise _malformed()


def _identifier(data: bytes) -> str:
    if not 1 <= len(data) <= 128 or data[-1] & 0x80:
        raise _malformed()
    arcs, arc = [], 0
    for byte in data:
        arc = arc << 7 | byte & 0x7F
        if not byte & 0x80:
            arcs.append(arc)
            arc = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(map(str, [first, arcs[0] - 40 * first, *arcs[1:]]))


def _text(data: bytes, encoding: str = "utf-8") -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError:
        raise _malformed() from None


def _attribute(value: tuple[int, bytes]) -> str | bytes:
    tag, data = value
    if tag == _BIT_STRING:
        return data[1:]
    if tag not in _ENCODINGS:
        raise _malformed()
    return _text(data, _ENCODINGS[tag])


def _name(value: tuple[int, bytes]) -> tuple:
    """A distinguished name, as tuples of tuples of pairs."""
    return tuple(
        tuple((_NAMES.get(oid, oid), _attribute(last)) for oid, last in _pairs(part, _SET))
        for part in _sequence(value)
    )


def _integer(value: tuple[int, bytes]) -> int:
    if value[0] != 0x02 or not value[1]:
        raise _malformed()
    return int.from_bytes(value[1], signed=True)


def _serial(value: tuple[int, bytes]) -> str:
    number = _integer(value)
    digits = f"{abs(number):X}"
    return "-" * (number < 0) + "0" * (len(digits) % 2) + digits


def _time(value: tuple[int, bytes]) -> str:
    """A time as OpenSSL prints it: `Jun  1 12:00:00 2030 GMT`."""
    tag, data = value
    match = _TIME.fullmatch(data)
    if match is None or len(match[1]) != {_UTC_TIME: 2, _GENERALIZED_TIME: 4}.get(tag):
        raise _malformed()
    year, month, day, hour, minute, second = map(int, match.groups())
    if tag == _UTC_TIME:
        year += 1900 if year >= 50 else 2000
    return f"{_MONTHS[month - 1]} {day:2} {hour:02}:{minute:02}:{second:02} {year} GMT"


def _general_name(value: tuple[int, bytes]) -> tuple[str, object]:
    tag, data = value
    match tag:
        case 0x81 | 0x82 | 0x86:
            return {0x81: "email", 0x82: "DNS", 0x86: "URI"}[tag], _text(data)
        case 0x87 if len(data) == 4:
            return "IP Address", ".".join(map(str, data))
        case 0x87 if len(data) == 16:
            return "IP Address", ":".join(f"{int.from_bytes(data[i : i + 2]):X}" for i in range(0, 16, 2))
        case 0x87:
            return "IP Address", "<invalid>"
        case 0x88:
            oid = _identifier(data)
            return "Registered ID", _NAMES.get(oid, oid)
        case 0xA4:
            return "DirName", _name((_SEQUENCE, _only(data)))
        case 0xA0 | 0xA3 | 0xA5:
            return {0xA0: "othername", 0xA3: "X400Name", 0xA5: "EdiPartyName"}[tag], "<unsupported>"
    raise _malformed()


def _points(data: bytes) -> Iterator[str]:
    """The addresses in the CRL distribution points."""
    for point in _split(_only(data)):
        for tag, name in _sequence(point):
            if tag == 0xA0:
                for kind, full in _split(name):
                    if kind == 0xA0:
                        yield from (_text(uri) for tag, uri in _split(full) if tag == 0x86)


# --- a certificate -----------------------------------------------------------------------------


def _parts(der: bytes) -> tuple[list[tuple[int, bytes]], dict[str, bytes], int]:
    """Serial number and what follows it, the extensions by identifier, the version."""
    fields = _sequence(_sequence((_SEQUENCE, _only(der)))[0])
    version = 1
    if fields and fields[0][0] == 0xA0:
        version = _integer((0x02, _only(fields.pop(0)[1], 0x02))) + 1
    if len(fields) < 6:
        raise _malformed()
    extensions = {}
    for tag, data in fields[6:]:
        if tag == 0xA3:
            for oid, (tag, value) in _pairs((_SEQUENCE, _only(data))):
                if tag != 0x04:
                    raise _malformed()
                extensions[oid] = value
    return fields, extensions, version


def decode(der: bytes) -> dict[str, object]:
    """A certificate as `getpeercert` shows it."""
    (serial, _, issuer, validity, subject, *_), extensions, version = _parts(der)
    match _sequence(validity):
        case [before, after]:
            pass
        case _:
            raise _malformed()
    shown = {
        "subject": _name(subject),
        "issuer": _name(issuer),
        "version": version,
        "serialNumber": _serial(serial),
        "notBefore": _time(before),
        "notAfter": _time(after),
    }
    if (data := extensions.get("2.5.29.17")) is not None:
        shown["subjectAltName"] = tuple(map(_general_name, _split(_only(data))))
    if (data := extensions.get("1.3.6.1.5.5.7.1.1")) is not None:
        access = list(_pairs((_SEQUENCE, _only(data))))
        for key, method in (("OCSP", "1.3.6.1.5.5.7.48.1"), ("caIssuers", "1.3.6.1.5.5.7.48.2")):
            if found := tuple(_text(uri) for oid, (tag, uri) in access if oid == method and tag == 0x86):
                shown[key] = found
    if (data := extensions.get("2.5.29.31")) is not None and (found := tuple(_points(data))):
        shown["crlDistributionPoints"] = found
    return shown


def is_authority(der: bytes) -> bool:
    """True for a certificate that may sign others, by the rules of OpenSSL's `X509_check_ca`."""
    fields, extensions, version = _parts(der)
    usage = extensions.get("2.5.29.15")
    signs = usage is not None and len(usage := _only(usage, _BIT_STRING)) > 1 and bool(usage[1] & 0x04)
    if usage is not None and not signs:
        return False
    if (constraints := extensions.get("2.5.29.19")) is not None:
        return (0x01, b"\xff") in _split(_only(constraints))
    return signs or (version == 1 and fields[2] == fields[4])


class Certificate:
    """A certificate of a chain, as `_ssl.Certificate`."""

    __module__ = "_ssl"
    __slots__ = ("_der",)

    def __init__(self, der: bytes) -> None:
        self._der = der

    def public_bytes(self, format: int = ENCODING_PEM) -> str | bytes:
        """The certificate as PEM (a str) or DER (bytes)."""
        if format == ENCODING_DER:
            return self._der
        if format != ENCODING_PEM:
            raise ValueError("Unsupported format")
        text = binascii.b2a_base64(self._der, newline=False).decode()
        lines = [text[at : at + 64] for at in range(0, len(text), 64)]
        return "\n".join(["-----BEGIN CERTIFICATE-----", *lines, "-----END CERTIFICATE-----", ""])

    def get_info(self) -> dict[str, object]:
        """The certificate as `getpeercert` shows it."""
        return decode(self._der)

    def __eq__(self, other: object) -> bool:
        return self._der == other._der if isinstance(other, Certificate) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._der)

    def __repr__(self) -> str:
        parts = reversed(decode(self._der)["subject"])
        subject = ",".join("+".join(f"{_SHORT.get(key, key)}={value}" for key, value in part) for part in parts)
        return f"<_ssl.Certificate '{subject}'>"
