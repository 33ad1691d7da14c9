"""Requests of every form, over both versions of HTTP, and redirects that stay where they began."""

import base64
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.probes.registry import PROBES
from tests.debian import debian_program
from tests.integration import servers
from tests.integration.sampled import sampled
from tests.integration.servers import Asked, answers, of_json, plain, service, unused_url
from tests.integration.test_probes import failed, observed

BYTES = base64.b64encode(b"\x00\xff\x80").decode()


@pytest.mark.parametrize(
    ("sent", "media_type", "body"),
    [
        ({"body": "hello {unique}"}, "text/plain; charset=utf-8", b"hello "),
        ({"body": {"base64": BYTES}}, "application/octet-stream", b"\x00\xff\x80"),
        ({"body": "a,b", "headers": {"Content-Type": "text/csv"}}, "text/csv", b"a,b"),
        ({"form": {"a": "b c", "d": True}}, "application/x-www-form-urlencoded", b"a=b+c&d=true"),
        ({"multipart": {"a": "b", "n": 7}}, "multipart/form-data; boundary=", b'name="n"\r\n\r\n7\r\n'),
        (
            {"multipart": {"it": {"file": "x.bin", "content": {"base64": BYTES}, "type": "image/png"}}},
            "multipart/form-data; boundary=",
            b'name="it"; filename="x.bin"\r\nContent-Type: image/png\r\n\r\n\x00\xff\x80\r\n',
        ),
    ],
)
async def test_a_body_is_sent_as_it_is_written(tmp_path: Path, sent: Any, media_type: str, body: bytes) -> None:
    async with service({"PUT /it": answers(of_json({}))}) as up:
        found = await observed(tmp_path, up.url, {"http": "PUT /it", **sent})
    assert found.state == "measured"
    assert up.asked[0].method == "PUT"
    assert up.asked[0].headers["content-type"].startswith(media_type)
    assert body in up.asked[0].body


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"json": {}, "body": "x"}, "one body"),
        ({"form": {}, "multipart": {}}, "one body"),
        ({"body": {"base64": "?"}}, "not base64"),
        ({"body": 7}, "write text"),
        ({"multipart": {"a": {"file": "x", "contents": "y"}}}, "contents"),
        ({"multipart": {"a": [1]}}, "a field is a text"),
        ({"limit": "1 GB"}, "is no size"),
        ({"limit": "100MiB"}, "64MiB"),
        ({"redirects": 11}, "10"),
        ({"expect": {"version": "3"}}, "'2'"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(fields: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        PROBES["http"].model_validate({"http": "PUT /it", **fields})


@pytest.mark.parametrize("timed_too", [False, True])
async def test_a_body_beyond_its_limit_is_broken(tmp_path: Path, *, timed_too: bool) -> None:
    async with service({"GET /it": answers(plain(200, b"x" * 2001))}) as up:
        fields = {"http": "GET /it", "limit": "2KB"}
        if timed_too:
            samples = await sampled(tmp_path, up.url, fields, count=1)
            assert samples[0]["latency"].why == "body: expected a whole body, got it is longer than 2,000 bytes"
        else:
            found = await observed(tmp_path, up.url, fields)
            assert failed(found) == {"body": "it is longer than 2,000 bytes"}


def leads(location: str, status: int = 302) -> servers.Route:
    return answers(plain(status, b"", extra=f"location: {location}\r\n"))


async def test_redirects_are_followed_only_where_asked_and_counted(tmp_path: Path) -> None:
    routes = {"GET /a": leads("/b"), "GET /b": leads("c?x=1", 307), "GET /c": answers(of_json({"it": 1}))}
    async with service(routes) as up:
        plain_one = await observed(tmp_path / "1", up.url, {"http": "GET /a"})
        followed = await observed(
            tmp_path / "2", up.url, {"http": "GET /a", "redirects": 2, "expect": {"json": {"it": 1}}}
        )
        too_many = await observed(tmp_path / "3", up.url, {"http": "GET /a", "redirects": 1})
        samples = await sampled(tmp_path / "4", up.url, {"http": "GET /a", "redirects": 2})
    assert failed(plain_one) == {"status": "302 Found"}
    assert followed.state == "measured"
    assert [check.id for check in followed.checks] == ["redirects", "status", "json $.it"]
    assert failed(too_many) == {"redirects": "one redirect more"}
    assert all(each["latency"].ok and each["latency"].value for each in samples)
    assert "/c?x=1" in [each.target for each in up.asked]
    assert f"--location --max-redirs 2 {up.url}/a" in (followed.reproduce or "")


async def test_a_redirect_after_a_post_is_read_and_one_that_says_so_is_repeated(tmp_path: Path) -> None:
    routes = {"POST /a": leads("/b", 303), "GET /b": answers(of_json({})), "POST /c": leads("/d", 308)}
    async with service(routes | {"POST /d": answers(of_json({}))}) as up:
        for path in ("/a", "/c"):
            fields = {"http": f"POST {path}", "redirects": 1, "json": {"x": 1}, "headers": {"x-mine": "1"}}
            assert (await observed(tmp_path / path[1:], up.url, fields)).state == "measured"
    assert [(each.method, each.target) for each in up.asked] == [
        ("POST", "/a"),
        ("GET", "/b"),
        ("POST", "/c"),
        ("POST", "/d"),
    ]
    assert "content-type" not in up.asked[1].headers
    assert up.asked[1].headers["x-mine"] == "1"
    assert json.loads(up.asked[3].body) == {"x": 1}


async def test_credentials_never_follow_a_redirect_to_another_origin(tmp_path: Path) -> None:
    async with service({"*": answers(of_json({}))}) as other, service({"GET /a": leads(f"{other.url}/b")}) as up:
        fields = {"http": "GET /a", "redirects": 5, "headers": {"authorization": "Bearer abc"}}
        found = await observed(tmp_path, up.url, fields)
    assert failed(found) == {"redirects": f"a redirect to another origin, {other.url}/b"}
    assert other.asked == []


async def test_a_redirect_to_a_service_that_is_down_says_so(tmp_path: Path) -> None:
    async def down(asked: Asked, _writer: Any) -> bytes | None:
        return leads_away if asked.target == "/a" else None

    leads_away = plain(302, b"", extra="location: /b\r\n")
    async with service({"*": down}) as up:
        found = await observed(tmp_path, up.url, {"http": "GET /a", "redirects": 1})
    assert failed(found) == {"status": "the connection was closed before an answer came"}


@pytest.mark.parametrize(
    ("fields", "command"),
    [
        ({"http": "HEAD /it"}, "curl -sS -i --head {url}/it"),
        ({"http": "PUT /it", "body": "a b"}, "curl -sS -i -X PUT -H 'content-type: text/plain; charset=utf-8' "),
        ({"http": "POST /it", "multipart": {"a": "@b"}}, "curl -sS -i -X POST --form-string a=@b {url}/it"),
        ({"http": "POST /it", "body": {"base64": BYTES}}, "stability-proof probe --only it --url {url}"),
    ],
)
async def test_what_repeats_it_is_one_command(tmp_path: Path, fields: Any, command: str) -> None:
    async with service({"*": answers(plain(500, b""))}) as up:
        found = await observed(tmp_path, up.url, fields)
        assert (found.reproduce or "").startswith(command.format(url=up.url))
        before = len(up.asked)
        if command.startswith("curl") and shutil.which("curl"):
            await _ran(found.reproduce or "")
            again = up.asked[before]
            first = up.asked[0]
            assert (again.method, again.target) == (first.method, first.target)
            if "multipart" not in fields:
                assert again.body == first.body


async def _ran(command: str) -> None:
    import asyncio

    process = await asyncio.create_subprocess_shell(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    assert await process.wait() == 0


@pytest.fixture
def nginx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """HTTP/2 over TLS, HTTP/1.1 over TLS, and HTTP/2 without TLS."""
    program = debian_program("nginx", "nginx-light")
    openssl = debian_program("openssl", "openssl")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = (
        f"{openssl} req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1"
    )
    subprocess.run([*command.split(), "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    ports = [unused_url().rsplit(":", 1)[1] for _ in range(3)]
    listen = [f"{ports[0]} ssl http2", f"{ports[1]} ssl", f"{ports[2]} http2"]
    hosts = "".join(
        f"server {{ listen 127.0.0.1:{each}; ssl_certificate {certificate}; ssl_certificate_key {key};"
        " location / { default_type application/json; return 200 '{}'; } }\n"
        for each in listen
    )
    paths = "".join(
        f"{kind}_temp_path {tmp_path / kind}; " for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    configuration = tmp_path / "nginx.conf"
    configuration.write_text(
        f"daemon off; pid {tmp_path}/pid; error_log {tmp_path}/error.log; events {{}}\n"
        f"http {{ access_log off; {paths}\n{hosts} }}\n"
    )
    with subprocess.Popen([program, "-c", configuration, "-p", tmp_path], stderr=subprocess.DEVNULL) as process:
        try:
            _wait_for(ports)
            yield {
                "h2": f"https://127.0.0.1:{ports[0]}",
                "h1": f"https://127.0.0.1:{ports[1]}",
                "h2c": f"http://127.0.0.1:{ports[2]}",
            }
        finally:
            process.terminate()


def _wait_for(ports: list[str]) -> None:
    import socket
    import time

    for port in ports:
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", int(port))).close()
                break
            except OSError:
                time.sleep(0.05)


async def test_the_version_that_was_negotiated_is_a_check(tmp_path: Path, nginx: dict[str, str]) -> None:
    two = {"http": "GET /", "http2": True, "expect": {"version": 2}}
    for number, (kind, fields, wrong) in enumerate(
        [
            ("h2", two, {}),
            ("h2c", two, {}),
            ("h1", two, {"version": "HTTP/1.1"}),
        ]
    ):
        found = await observed(tmp_path / str(number), nginx[kind], fields)
        assert (kind, failed(found)) == (kind, wrong)
        if not wrong:
            assert all(each["latency"].ok for each in await sampled(tmp_path, nginx[kind], fields))


async def test_http_2_is_offered_only_where_asked(tmp_path: Path, nginx: dict[str, str]) -> None:
    fields = {"http": "GET /", "expect": {"version": 1.1}}
    assert all(each["latency"].ok for each in await sampled(tmp_path, nginx["h2"], fields))


async def test_a_service_that_does_not_speak_http_2_says_so(tmp_path: Path) -> None:
    async with service(servers.HEALTH) as up:
        plain_one = {"http": "GET /health", "expect": {"version": "1.1"}}
        assert (await observed(tmp_path / "1", up.url, plain_one)).state == "measured"
        found = await observed(tmp_path, up.url, {"http": "GET /health", "http2": True})
    assert failed(found)["status"] == "it does not speak HTTP/2"
