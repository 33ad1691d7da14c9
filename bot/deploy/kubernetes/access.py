"""Where the API server is and how we are let in: a kubeconfig, as kubectl reads one, or the pod that we run in.

Files and fields: https://kubernetes.io/docs/reference/config-api/kubeconfig.v1/ and, for `exec`,
https://kubernetes.io/docs/reference/config-api/client-authentication.v1/. Of the fields, `proxy-url`, `tls-server-name`
and the removed `auth-provider` are refused with a message.
"""

import base64
import binascii
import os
import ssl
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.deploy.kubernetes.credentials import Basic, Credential, Exec, Nothing, Token, TokenFile
from bot.model.errors import DeployError
from bot.safety.redact import Redactor

IN_CLUSTER = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True)
class Access:
    """One API server. `tls` is None where it is reached in the clear; `namespace` is what the context names."""

    server: str
    tls: ssl.SSLContext | None
    credential: Credential
    namespace: str | None = None
    warnings: tuple[str, ...] = field(default=())


def find(kubeconfig: str | None, context: str | None, redactor: Redactor) -> Access:
    """The kubeconfig that is named, else `$KUBECONFIG`, else `~/.kube/config`, else the pod's own service account.

    Raises:
        DeployError: there is none, or it cannot be used.
    """
    files = (
        [kubeconfig] if kubeconfig else [each for each in os.environ.get("KUBECONFIG", "").split(os.pathsep) if each]
    )
    home = Path("~/.kube/config").expanduser()
    if not files and not home.exists() and "KUBERNETES_SERVICE_HOST" in os.environ:
        return _in_cluster()
    return _configured([Path(each).expanduser() for each in files] or [home], context, redactor)


def given(server: str, token: str, authority: str | None, redactor: Redactor) -> Access:
    """What the spec says itself: for a container that has neither a kubeconfig nor its programs.

    Raises:
        DeployError: the authority is no certificate.
    """
    redactor.learn(token)
    return Access(server.rstrip("/"), _trusting(authority, "the spec's `authority`"), Token(token))


def _in_cluster() -> Access:
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    host = f"[{host}]" if ":" in host else host
    try:
        tls = ssl.create_default_context(cafile=str(IN_CLUSTER / "ca.crt"))
        namespace = (IN_CLUSTER / "namespace").read_text().strip()
    except OSError as error:
        raise DeployError(f"this pod has no service account to use: {error.filename}: {error.strerror}") from error
    return Access(f"https://{host}:{port}", tls, TokenFile(IN_CLUSTER / "token"), namespace)


def _configured(files: list[Path], context: str | None, redactor: Redactor) -> Access:
    loaded = [(file, _read(file)) for file in files if file.exists() or len(files) == 1]
    # the first file that names a thing wins, as with kubectl
    current = context or next((str(each["current-context"]) for _, each in loaded if each.get("current-context")), None)
    if current is None:
        raise DeployError(f"{_names(files)} has no current context; name one with `context:`")
    _, chosen = _entry(loaded, "context", current)
    where, cluster = _entry(loaded, "cluster", str(chosen.get("cluster", "")))
    user = str(chosen.get("user") or "")
    theirs, credentials = _entry(loaded, "user", user) if user else (where, {})
    server = str(cluster.get("server", "")).rstrip("/")
    for key in ("proxy-url", "tls-server-name"):
        if cluster.get(key):
            raise DeployError(f"the cluster of the context {current!r} has `{key}`, which this target does not know")
    warnings = []
    tls = None
    if server.startswith("https://"):
        tls = _tls(cluster, where, credentials, theirs, redactor)
        if tls.verify_mode is ssl.CERT_NONE:
            warnings.append("the kubeconfig says `insecure-skip-tls-verify`: whoever is in between can read the token")
    elif not server.startswith("http://"):
        raise DeployError(f"the cluster of the context {current!r} has no server that is an address")
    credential = _credential(credentials, theirs, redactor, tls)
    return Access(server, tls, credential, chosen.get("namespace"), tuple(warnings))


def _read(file: Path) -> dict[str, Any]:
    import yaml

    try:
        loaded = yaml.safe_load(file.read_text())
    except OSError as error:
        raise DeployError(
            f"the kubeconfig {file} cannot be read: {error.strerror}; see docs/targets/kubernetes.md"
        ) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:  # its text may hold a token: say where, not what
        mark = getattr(error, "problem_mark", None)
        raise DeployError(f"the kubeconfig {file} is not YAML{f', line {mark.line + 1}' if mark else ''}") from None
    if not isinstance(loaded, dict):
        raise DeployError(f"the kubeconfig {file} is no mapping")
    return loaded


def _entry(loaded: list[tuple[Path, dict[str, Any]]], kind: str, wanted: str) -> tuple[Path, dict[str, Any]]:
    """A named context, cluster or user, and the file that it stands in: its paths are relative to that."""
    names: list[str] = []
    for file, each in loaded:
        for entry in each.get(f"{kind}s") or ():
            if isinstance(entry, dict) and entry.get("name") == wanted:
                return file, entry.get(kind) or {}
            names.append(str(entry.get("name")) if isinstance(entry, dict) else "?")
    known = ", ".join(map(repr, names)) or "none"
    raise DeployError(f"{_names([file for file, _ in loaded])} has no {kind} {wanted!r}; there is {known}")


def _names(files: list[Path]) -> str:
    return " and ".join(f"the kubeconfig {each}" for each in files)


def _tls(
    cluster: Mapping[str, Any], where: Path, user: Mapping[str, Any], theirs: Path, redactor: Redactor
) -> ssl.SSLContext:
    authority = _content(cluster, "certificate-authority", where)
    context = _trusting(
        authority.decode(errors="replace") if authority else None, "the cluster's `certificate-authority`"
    )
    if cluster.get("insecure-skip-tls-verify"):
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    certificate, key = _content(user, "client-certificate", theirs), _content(user, "client-key", theirs)
    if certificate and key:
        redactor.learn(key.decode(errors="replace"))
        load_pair(context, certificate, key)
    return context


def _trusting(authority: str | None, what: str) -> ssl.SSLContext:
    """A context that trusts these certificates, or those that this machine trusts."""
    try:
        return ssl.create_default_context(cadata=authority or None)
    except (ssl.SSLError, ValueError) as error:
        raise DeployError(f"{what} is no certificate in PEM: {error}") from error


def load_pair(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    """A client's certificate. `ssl` takes files only: they are our own's to read, and gone at once.

    Raises:
        DeployError: they are no pair.
    """
    with tempfile.TemporaryDirectory() as folder:  # of mode 0700
        file = Path(folder) / "pair.pem"
        file.write_bytes(certificate + b"\n" + key)
        try:
            context.load_cert_chain(file)
        except (ssl.SSLError, OSError) as error:
            raise DeployError(f"the user's client certificate and key cannot be used: {error}") from error


def _content(section: Mapping[str, Any], key: str, where: Path) -> bytes | None:
    """What `KEY-data` holds, or the file that `KEY` names, relative to the kubeconfig."""
    if data := section.get(f"{key}-data"):
        try:
            return base64.b64decode(str(data), validate=True)
        except binascii.Error as error:
            raise DeployError(f"the kubeconfig's `{key}-data` is not base64: {error}") from None
    if not (named := section.get(key)):
        return None
    file = where.parent / str(named)
    try:
        return file.read_bytes()
    except OSError as error:
        raise DeployError(f"the kubeconfig's `{key}`: {file}: {error.strerror}") from error


def _credential(user: Mapping[str, Any], where: Path, redactor: Redactor, tls: ssl.SSLContext | None) -> Credential:
    if token := user.get("token"):
        redactor.learn(str(token))
        return Token(str(token))
    if file := user.get("tokenFile"):
        return TokenFile(where.parent / str(file))
    if program := user.get("exec"):
        return Exec(program, where.parent, tls)
    if user.get("username") and user.get("password"):
        redactor.learn(str(user["password"]))
        return Basic(str(user["username"]), str(user["password"]))
    if user.get("auth-provider"):
        raise DeployError("the user has an `auth-provider`, which Kubernetes 1.26 removed; use `exec` or a token")
    return Nothing()
