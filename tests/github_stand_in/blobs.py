"""The blob store behind artifacts: Put Block, Put Block List and Get Blob, with a signature in the address.

It listens on a port of its own, as GitHub's is another host: a client must not send it the token.
Source: Microsoft, "Put Block", "Put Block List", "Status and error codes" (Blob Storage REST API).
"""

import base64
import binascii
import time
from urllib.parse import parse_qs, quote
from xml.etree import ElementTree as ET

from tests.github_stand_in.routing import Answer, Site
from tests.github_stand_in.state import Blob
from tests.github_stand_in.validation import Violation
from tests.github_stand_in.world import World

UPLOAD_SECONDS = 3600.0


class BlobRefusal(Exception):
    """The store says no, in its own XML."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code

    def answer(self) -> Answer:
        """As the store says it."""
        error = f"<Error><Code>{self.code}</Code><Message>{self}</Message></Error>"
        text = f'<?xml version="1.0" encoding="utf-8"?>{error}'.encode()
        return Answer(self.status, text, {"Content-Type": "application/xml", "x-ms-error-code": self.code})


def signed_url(site: Site, name: str, *, write: bool) -> str:
    """An address under which the object can be written (an hour) or read (a minute)."""
    blob = site.world.blobs[name]
    until = time.time() + (UPLOAD_SECONDS if write else site.limits.blob_seconds)
    signature = quote(base64.b64encode(f"{blob.signature}:{'w' if write else 'r'}:{until}".encode()).decode(), safe="")
    return f"{site.results}/blobs/{name}?sv=2025-11-05&sr=b&sp={'w' if write else 'r'}&sig={signature}"


def respond(world: World, method: str, target: str, headers: dict[str, str], body: bytes) -> Answer:
    """Answer one request to the store.

    Raises:
        Violation: a token was sent to it.
    """
    path, _, query = target.partition("?")
    asked = {name: values[0] for name, values in parse_qs(query, keep_blank_values=True).items()}
    if "authorization" in headers:
        raise Violation(f"{method} {path}: the blob store was sent an Authorization header; a token leaked")
    try:
        blob = world.blobs.get(path.removeprefix("/blobs/"))
        if blob is None:
            raise BlobRefusal(404, "BlobNotFound", "The specified blob does not exist.")
        _check_signature(blob, asked.get("sig", ""), write=method == "PUT")
        if method == "GET":
            if blob.content is None:
                raise BlobRefusal(404, "BlobNotFound", "The specified blob does not exist.")
            return Answer(200, blob.content, {"Content-Type": "application/zip"})
        if method == "PUT" and asked.get("comp") == "block":
            return _put_block(blob, asked.get("blockid", ""), body)
        if method == "PUT" and asked.get("comp") == "blocklist":
            return _put_block_list(blob, body)
    except BlobRefusal as refusal:
        return refusal.answer()
    raise Violation(f"{method} {path}?comp={asked.get('comp')}: not something that an upload of an artifact does")


def _check_signature(blob: Blob, given: str, *, write: bool) -> None:
    try:
        secret, right, until = base64.b64decode(given).decode().split(":")
        good = secret == blob.signature and right == ("w" if write else "r") and time.time() < float(until)
    except ValueError:
        good = False
    if not good:
        raise BlobRefusal(403, "AuthenticationFailed", "Server failed to authenticate the request.")


def _put_block(blob: Blob, name: str, body: bytes) -> Answer:
    try:
        raw = base64.b64decode(name, validate=True)
    except binascii.Error:
        raw = b""
    if not 0 < len(raw) <= 64:
        raise BlobRefusal(400, "InvalidQueryParameterValue", "Value for the query parameter blockid is invalid.")
    if any(len(each) != len(name) for each in blob.blocks):
        raise BlobRefusal(400, "InvalidBlobOrBlock", "The specified blob or block content is invalid.")
    blob.blocks[name] = body
    return Answer(201)


def _put_block_list(blob: Blob, body: bytes) -> Answer:
    try:
        names = [each.text or "" for each in ET.fromstring(body) if each.tag in ("Latest", "Uncommitted")]
    except ET.ParseError:
        raise BlobRefusal(400, "InvalidXmlDocument", "XML specified is not syntactically valid.") from None
    if not names or any(name not in blob.blocks for name in names):
        raise BlobRefusal(400, "InvalidBlockList", "The specified block list is invalid.")
    blob.content = b"".join(blob.blocks[name] for name in names)
    blob.blocks = {}
    return Answer(201)
