"""How the API server is found and who we are there."""

import json
import ssl
import sys
from pathlib import Path
from typing import Any

import pytest

from bot.deploy.kubernetes import access
from bot.deploy.kubernetes.credentials import Exec, TokenFile
from bot.model.errors import DeployError
from bot.safety.redact import Redactor
from tests.kubernetes_stand_in.certificates import Authority


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not this machine's own kubeconfig."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)


def write(folder: Path, user: dict[str, Any] | None = None, **cluster: Any) -> Path:
    config = {
        "current-context": "shop",
        "contexts": [{"name": "shop", "context": {"cluster": "c", "user": "u", "namespace": "shop"}}],
        "clusters": [{"name": "c", "cluster": {"server": "http://127.0.0.1:1", **cluster}}],
        "users": [{"name": "u", "user": user or {"token": "a-token-of-ours"}}],
    }
    folder.mkdir(exist_ok=True)
    file = folder / "config"
    file.write_text(json.dumps(config))
    return file


async def test_a_kubeconfig_names_server_namespace_and_token(tmp_path: Path) -> None:
    redactor = Redactor()
    found = access.find(str(write(tmp_path)), None, redactor)
    assert (found.server, found.namespace) == ("http://127.0.0.1:1", "shop")
    assert await found.credential.header(redactor) == "Bearer a-token-of-ours"
    assert "a-token-of-ours" not in redactor.text("a-token-of-ours")
    assert "a-token-of-ours" not in repr(found)


def test_the_first_of_several_kubeconfigs_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = write(tmp_path / "a"), write(tmp_path / "b", server="http://127.0.0.1:2")
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path / 'none'}:{first}:{second}")
    assert access.find(None, None, Redactor()).server == "http://127.0.0.1:1"


def test_the_usual_place_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    write(tmp_path / "home/.kube")
    assert access.find(None, None, Redactor()).namespace == "shop"


async def test_a_pod_uses_its_own_service_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "IN_CLUSTER", tmp_path)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "6443")
    with pytest.raises(DeployError, match="no service account to use"):
        access.find(None, None, Redactor())
    (tmp_path / "ca.crt").write_bytes(Authority().certificate)
    (tmp_path / "namespace").write_text("shop")
    (tmp_path / "token").write_text("first-token\n")
    found = access.find(None, None, Redactor())
    assert (found.server, found.namespace) == ("https://[fd00::1]:6443", "shop")
    assert await found.credential.header(Redactor()) == "Bearer first-token"
    (tmp_path / "token").write_text("second-token\n")
    assert await found.credential.header(Redactor()) == "Bearer first-token"
    assert await found.credential.header(Redactor(), anew=True) == "Bearer second-token"


async def test_a_program_gives_the_credential_and_is_asked_again_when_that_ends(tmp_path: Path) -> None:
    program = tmp_path / "plugin.py"
    program.write_text(
        "import json, os, pathlib\n"
        "assert json.loads(os.environ['KUBERNETES_EXEC_INFO'])['spec'] == {'interactive': False}\n"
        "count = pathlib.Path(os.environ['COUNT']); count.write_text(count.read_text() + 'x')\n"
        "ends = '2099-01-01T00:00:00Z' if len(count.read_text()) > 1 else '2001-01-01T00:00:00Z'\n"
        "print(json.dumps({'status': {'token': f'token-{len(count.read_text())}', 'expirationTimestamp': ends}}))\n"
    )
    (tmp_path / "count").write_text("")
    user = {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1beta1",
            "command": sys.executable,
            "args": [str(program)],
            "env": [{"name": "COUNT", "value": str(tmp_path / "count")}],
        }
    }
    redactor = Redactor()
    credential = access.find(str(write(tmp_path, user)), None, redactor).credential
    assert isinstance(credential, Exec)
    assert await credential.header(redactor) == "Bearer token-1"
    assert await credential.header(redactor) == "Bearer token-2"
    assert await credential.header(redactor) == "Bearer token-2"
    assert "token-2" not in redactor.text("token-2")


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("import sys; sys.exit('no such account')", "exit code 1: no such account"),
        ("print('hello')", "printed no ExecCredential"),
    ],
)
async def test_a_program_that_gives_none_is_said(program: str, said: str, tmp_path: Path) -> None:
    user = {"exec": {"command": sys.executable, "args": ["-c", program]}}
    with pytest.raises(DeployError, match=said):
        await access.find(str(write(tmp_path, user)), None, Redactor()).credential.header(Redactor())


async def test_a_program_that_is_not_there_is_said_with_its_hint(tmp_path: Path) -> None:
    user = {"exec": {"command": "gke-plugin-that-is-not-here", "installHint": "gcloud components install it"}}
    with pytest.raises(DeployError, match="cannot be run: No such file or directory; gcloud components install it"):
        await access.find(str(write(tmp_path, user)), None, Redactor()).credential.header(Redactor())


@pytest.mark.parametrize(
    ("cluster", "user", "said"),
    [
        ({"proxy-url": "http://proxy"}, None, "has `proxy-url`, which this target does not know"),
        ({"server": "ftp://x"}, None, "no server that is an address"),
        ({"server": "https://x", "certificate-authority-data": "***"}, None, "is not base64"),
        ({"server": "https://x", "certificate-authority-data": "AAAA"}, None, "is no certificate in PEM"),
        ({"server": "https://x", "certificate-authority": "gone.pem"}, None, "gone.pem: No such file"),
        ({}, {"auth-provider": {"name": "gcp"}}, "which Kubernetes 1.26 removed"),
    ],
)
def test_what_cannot_be_used_is_said(cluster: dict[str, Any], user: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(DeployError, match=said):
        access.find(str(write(tmp_path, user, **cluster)), None, Redactor())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (None, "cannot be read: No such file"),
        ("token: [secret-token", "is not YAML, line 1"),
        ("- a list", "is no mapping"),
        ("{}", "has no current context; name one with `context:`"),
        ("current-context: shop", "has no context 'shop'; there is none"),
    ],
)
def test_a_kubeconfig_that_is_wrong_is_said_without_its_text(text: str | None, said: str, tmp_path: Path) -> None:
    file = tmp_path / "config"
    if text is not None:
        file.write_text(text)
    with pytest.raises(DeployError, match=said) as caught:
        access.find(str(file), None, Redactor())
    assert "secret-token" not in str(caught.value)


def test_a_cluster_whose_certificate_is_not_looked_at_is_warned_of(tmp_path: Path) -> None:
    found = access.find(
        str(write(tmp_path, server="https://x", **{"insecure-skip-tls-verify": True})), None, Redactor()
    )
    assert found.tls is not None
    assert found.tls.verify_mode is ssl.CERT_NONE
    assert "whoever is in between can read the token" in found.warnings[0]


def test_a_token_file_is_relative_to_its_kubeconfig(tmp_path: Path) -> None:
    credential = access.find(str(write(tmp_path, {"tokenFile": "token"})), None, Redactor()).credential
    assert isinstance(credential, TokenFile)
    assert credential.file == tmp_path / "token"


async def test_a_spec_can_name_the_server_itself() -> None:
    redactor = Redactor()
    authority = Authority().certificate.decode()
    found = access.given("https://203.0.113.7/", "a-token-of-ours", authority, redactor)
    assert (found.server, await found.credential.header(redactor)) == ("https://203.0.113.7", "Bearer a-token-of-ours")
    assert found.tls is not None
    assert [each["subject"] for each in found.tls.get_ca_certs()] == [((("commonName", "stand-in-ca"),),)]
    assert "a-token-of-ours" not in redactor.text("a-token-of-ours")
    with pytest.raises(DeployError, match="the spec's `authority` is no certificate in PEM"):
        access.given("https://203.0.113.7", "a-token-of-ours", "no certificate", redactor)
