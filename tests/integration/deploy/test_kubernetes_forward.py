"""Access: port-forwards through the API server, by TLS, with a token or a client's certificate."""

import asyncio
import base64
import http.client
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from websockets.asyncio.client import connect

from bot.deploy.kubernetes import pods
from bot.deploy.kubernetes.target import KubernetesTarget
from bot.model.errors import DeployError
from tests.integration.deploy.kubernetes_ground import KubernetesGround as Ground
from tests.integration.deploy.kubernetes_ground import ask, commit, ground
from tests.kubernetes_stand_in.certificates import Authority

ECHO = """
import asyncio, os
from websockets.asyncio.server import serve

async def say(socket):
    async for message in socket:
        await socket.send(message)

async def main():
    async with serve(say, os.environ["POD_IP"], 8000, process_request=lambda c, r: c.respond(200, REVISION)
                     if "upgrade" not in r.headers.get("connection", "").lower() else None):
        await asyncio.Future()

asyncio.run(main())
"""


@pytest.fixture(params=["token", "certificate"])
def secured(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[Ground, str]]:
    """A cluster by TLS, and a kubeconfig for it."""
    with ground(tmp_path, tls=True) as made:
        user = made.cluster.certified("ana") if request.param == "certificate" else None
        yield made, str(made.cluster.kubeconfig(user=user))


async def test_bodies_of_any_size_come_through_on_one_connection(secured: tuple[Ground, str]) -> None:
    kube, config = secured
    kube.install()
    kube.push("b")
    async with kube.target(kubeconfig=config).open(kube.context()) as deployer:
        deployed = await deployer.deploy(commit("b"))
        assert deployed.observation.state == "measured"
        where = urlsplit(deployed.subject.url)

        def echo() -> None:
            connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=10)
            for size in (1, 65_536, 3_000_000):
                body = os.urandom(size)
                connection.request("POST", "/", body)
                assert connection.getresponse().read() == body
            connection.close()

        await asyncio.gather(*(asyncio.to_thread(echo) for _ in range(4)))
    kube.alone("a")


async def test_a_websocket_comes_through(kube: Ground) -> None:
    kube.install()
    kube.push("b", ECHO)
    command = kube.cluster.node.images.pop(f"registry.example.com/chat:{commit('b')}").command
    kube.cluster.push(f"registry.example.com/chat:{commit('b')}", command[0], command[-1])  # with its packages
    async with kube.target().open(kube.context()) as deployer:
        deployed = await deployer.deploy(commit("b"))
        assert deployed.observation.state == "measured", deployed.observation.reason
        address = deployed.subject.url.replace("http", "ws", 1)
        async with connect(address, proxy=None) as socket:
            await socket.send("one")
            assert await socket.recv() == "one"


async def test_a_server_of_another_authority_is_not_trusted(tmp_path: Path) -> None:
    with ground(tmp_path, tls=True) as kube:
        theirs = base64.b64encode(Authority().certificate).decode()
        config = kube.cluster.kubeconfig(**{"certificate-authority-data": theirs})
        with pytest.raises(DeployError, match="gives no answer: TLS failed"):
            async with kube.target(kubeconfig=str(config)).open(kube.context()):
                pass


async def test_a_forward_follows_the_pods_and_closes_when_there_are_none(kube: Ground) -> None:
    kube.install(replicas=1)
    async with kube.target().open(kube.context()) as deployer:
        public = (await deployer.urls()).public
        assert await asyncio.to_thread(ask, public) == "a"
        kube.cluster.store.change("deployments", "shop", "chat", lambda each: each["spec"].update(replicas=0))
        await asyncio.to_thread(kube.cluster.wait, lambda: not kube.cluster.store.every("pods"))
        await asyncio.sleep(pods.TRUSTED)  # as long as what was seen before may be gone by
        with pytest.raises((ConnectionError, http.client.HTTPException)):
            await asyncio.to_thread(ask, public)
        kube.cluster.store.change("deployments", "shop", "chat", lambda each: each["spec"].update(replicas=2))
        await asyncio.to_thread(kube.settled)
        await asyncio.sleep(pods.TRUSTED)
        assert await asyncio.to_thread(ask, public) == "a"
    assert kube.lines == ["the port-forward to shop carries nothing: there is no ready pod"]


async def test_a_port_where_nothing_listens_is_said(kube: Ground) -> None:
    kube.install()
    async with kube.target(port=8001).open(kube.context()) as deployer:
        public = (await deployer.urls()).public
        with pytest.raises((ConnectionError, http.client.HTTPException)):
            await asyncio.to_thread(ask, public)
    assert "the kubelet ends a connection: error forwarding port 8001" in kube.lines[0]


async def test_a_forward_that_is_not_allowed_is_no_fault_of_the_service(kube: Ground) -> None:
    kube.install()
    rules = [{"apiGroups": ["", "apps"], "resources": ["deployments", "replicasets", "pods", "services", "events"]}]
    token = kube.cluster.person("bot", [{**rules[0], "verbs": ["get", "list"]}])
    async with kube.target(token=token).open(kube.context()) as deployer:
        with pytest.raises(DeployError, match=r'cannot get resource "pods/portforward".*verbs: \["get"\]'):
            await deployer.previous(None)


async def test_a_server_and_a_token_are_enough(tmp_path: Path) -> None:
    with ground(tmp_path, tls=True) as kube:
        kube.install()
        assert kube.cluster.authority is not None
        keys = {"server": kube.cluster.url, "token": kube.cluster.admin, "namespace": "shop"}
        keys["authority"] = kube.cluster.authority.certificate.decode()
        said = {"deployment": "chat", "image": "registry.example.com/chat:{commit}", **keys}
        async with KubernetesTarget.model_validate(said).open(kube.context()) as deployer:
            assert await asyncio.to_thread(ask, (await deployer.urls()).public) == "a"
