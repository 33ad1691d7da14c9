"""Threads and messages."""

import httpx


def test_a_new_thread_can_be_read_and_is_the_first_of_the_list(client: httpx.Client) -> None:
    made = client.post("/threads", json={"title": "Holidays"})
    assert made.status_code == 201
    thread = made.json()
    assert thread["title"] == "Holidays"
    assert client.get(f"/threads/{thread['id']}").json() == thread
    assert client.get("/threads").json()[0] == thread


def test_a_thread_needs_no_title(client: httpx.Client) -> None:
    assert client.post("/threads").json()["title"] == "New thread"


def test_messages_stay_in_their_order(client: httpx.Client) -> None:
    thread = client.post("/threads").json()["id"]
    for text in ("one", "two"):
        assert client.post(f"/threads/{thread}/messages", json={"text": text}).status_code == 201
    messages = client.get(f"/threads/{thread}/messages").json()
    assert [(message["role"], message["text"]) for message in messages] == [("user", "one"), ("user", "two")]


def test_an_empty_message_is_refused(client: httpx.Client) -> None:
    thread = client.post("/threads").json()["id"]
    assert client.post(f"/threads/{thread}/messages", json={"text": ""}).status_code == 422


def test_a_thread_that_is_not_there_is_not_found(client: httpx.Client) -> None:
    assert client.get("/threads/nothing").status_code == 404
    assert client.get("/threads/nothing/messages").status_code == 404
