"""The one way of asking: what is sent is what was asked for, and nothing that an earlier answer left behind."""

import asyncio

from bot.safety import http
from tests.integration.servers import Asked, Service


async def _sets_a_cookie(_asked: Asked, _writer: asyncio.StreamWriter) -> bytes:
    return b"HTTP/1.1 200 OK\r\nset-cookie: sid=of-another-probe\r\ncontent-length: 2\r\n\r\n{}"


async def test_a_cookie_of_one_answer_is_not_sent_with_the_next_request() -> None:
    service = Service({"GET /": _sets_a_cookie})
    await service.start()
    async with http.async_client(service.url) as client:
        await http.ask(client, "GET", f"{service.url}/")
        await http.ask(client, "GET", f"{service.url}/")
    with http.client(service.url) as plain:
        await asyncio.to_thread(plain.get, f"{service.url}/")
        await asyncio.to_thread(plain.get, f"{service.url}/")
    service.kill()

    assert ["cookie" in asked.headers for asked in service.asked] == [False] * 4


async def test_a_header_in_any_letters_is_sent_as_utf8() -> None:
    service = Service({"GET /": _sets_a_cookie})
    await service.start()
    async with http.async_client(service.url) as client:
        answer = await http.ask(client, "GET", f"{service.url}/", headers=[("x-name", "Zoë")])
    service.kill()

    assert answer.status == 200
    assert service.asked[0].headers["x-name"] == "Zoë"
