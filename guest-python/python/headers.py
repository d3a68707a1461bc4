"""Headers of HTTP as `http.client` reads them, faster where they are plain.

The library hands them to the parser of mail, which takes as long as all the rest of a response. What is plain
(whole lines, names of printable characters, no parts inside) comes to the same message without it.
"""

import http.client
import re

_library = http.client.parse_headers
_read = http.client._read_headers
_plain = re.compile(rb"([!-9;-~]+):([^\r\n]*)\r\n").fullmatch
_with_parts = re.compile(rb"content-type:[ \t]*(multipart|message)", re.I).match


def parse_headers(fp, _class=http.client.HTTPMessage):
    """As `http.client` has it."""
    lines = _read(fp)
    if _class is http.client.HTTPMessage and lines[-1] in (b"\r\n", b"\n", b""):
        headers = []
        for line in lines[:-1]:
            found = _plain(line)
            if found is None or _with_parts(line):
                break
            name, value = found.groups()
            headers.append((name.decode("ascii"), value.decode("iso-8859-1").lstrip(" \t")))
        else:
            message = _class()
            message._headers = headers
            message._payload = ""
            return message
    return http.client._parse_header_lines(lines, _class)


def install() -> None:
    """Make it http.client's."""
    parse_headers.__module__ = "http.client"
    http.client.parse_headers = parse_headers
