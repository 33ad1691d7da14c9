"""Which images a Dockerfile starts from."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.deploy.docker.dockerfile import images


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("FROM python:3.13-slim\nCMD true\n", ["python:3.13-slim"]),
        ("# syntax=docker/dockerfile:1.7\n# a word\nFROM a\n", ["docker/dockerfile:1.7", "a"]),
        ("# a word\n# syntax=docker/dockerfile:1\nFROM a\n", ["a"]),
        (
            "FROM --platform=$BUILDPLATFORM golang:1.24 AS build\nFROM scratch\nCOPY --from=build /a /a\n",
            ["golang:1.24"],
        ),
        ("from a as one\nFROM One\nCOPY --from=0 /a /a\nCOPY --chmod=755 --from=b:2 /b /b\n", ["a", "b:2"]),
        (
            "ARG V\nARG N=python W='3.13'\nFROM ${N}:$W\nFROM x:${V}\nFROM y:${V:-1}\nFROM $W\n",
            ["python:3.13", "y:1", "3.13"],
        ),
        ("FROM a\nARG V=2\nFROM b:${V:-1}\n", ["a", "b:1"]),
        (
            "FROM a\nRUN --mount=type=bind,from=uv:1,source=/uv,target=/uv \\\n  --mount=type=cache,target=/c true\n",
            ["a", "uv:1"],
        ),
        ("FROM a\nCOPY --from=$WHERE /a /a\nRUN echo --from=no\n", ["a"]),
        ("FROM a\nRUN <<EOT\nFROM no\nEOT\nCOPY --from=b /b /b\n", ["a", "b"]),
        ("", []),
    ],
)
def test_each_image_is_found_once(text: str, found: list[str]) -> None:
    assert images(text) == found


@given(st.text(st.sampled_from("FROM COPY --from=$ {a}:-#\\\n\"'<=ARG"), max_size=200))
def test_whatever_stands_there_is_no_error(text: str) -> None:
    assert all(each and "$" not in each for each in images(text))
