"""What the page of the target says of permissions and workflows holds when it is copied."""

import asyncio
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from bot import spec
from bot.deploy.kubernetes.target import KubernetesTarget
from tests.finding import pick
from tests.integration.deploy.kubernetes_ground import CRASHES, ask, commit
from tests.integration.deploy.kubernetes_ground import KubernetesGround as Ground

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/targets/kubernetes.md").read_text()
MANIFESTS, WORKFLOW = re.findall(r"```yml\n(.*?)```", PAGE, re.DOTALL)


def manifest(kind: str) -> Any:
    return pick(yaml.safe_load_all(MANIFESTS), lambda each: each["kind"] == kind)


async def test_the_role_is_enough_and_no_more_than_that(kube: Ground) -> None:
    rules = manifest("Role")["rules"]
    token = kube.cluster.person("system:serviceaccount:shop:stability-proof", rules)
    kube.install()
    kube.push("b")
    async with kube.target(token=token, patience=0.3).open(kube.context()) as deployer:
        await deployer.previous(None)
        await deployer.plan(commit("b"))
        deployed = await deployer.deploy(commit("b"))
        await deployer.describe()
        await deployer.logs(0)
        await deployer.fresh_start()
        await asyncio.to_thread(ask, deployed.subject.url)
        await deployer.promote(100)
        await deployer.traffic()
        await deployer.rollback()
        kube.push("c", CRASHES)
        assert (await deployer.deploy(commit("c"))).observation.state == "broken"
    kube.alone("a")
    allowed = {
        (group, resource, verb)
        for each in rules
        for group in each["apiGroups"]
        for resource in each["resources"]
        for verb in each["verbs"]
    }
    assert kube.cluster.gateway.people[token].did == allowed


def test_the_binding_gives_the_role_to_the_account() -> None:
    binding, role, account = (manifest(each) for each in ("RoleBinding", "Role", "ServiceAccount"))
    assert binding["roleRef"]["name"] == role["metadata"]["name"]
    assert [each["name"] for each in binding["subjects"]] == [account["metadata"]["name"]]
    assert {each["metadata"]["namespace"] for each in (binding, role, account)} == {"shop"}


def test_the_secret_is_the_accounts_and_its_parts_go_where_the_workflow_reads_them() -> None:
    secret, account = manifest("Secret"), manifest("ServiceAccount")
    assert secret["type"] == "kubernetes.io/service-account-token"
    assert secret["metadata"]["annotations"] == {"kubernetes.io/service-account.name": account["metadata"]["name"]}
    [commands] = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    job = yaml.safe_load(WORKFLOW)["jobs"]["proof"]
    read = re.findall(r"get secret (\S+) --namespace (\S+) --output 'jsonpath=\{\.data\.(\S+)\}'", commands)
    where = (secret["metadata"]["name"], secret["metadata"]["namespace"])
    assert read == [(*where, "token"), (*where, r"ca\.crt")]
    written = re.findall(r"gh secret set (\w+) --env (\w+)", commands)
    assert written == [(name, job["environment"]["name"]) for name in job["steps"][-1]["env"]]


def test_the_workflow_is_one_and_gives_the_example_what_it_reads(tmp_path: Path) -> None:
    file = tmp_path / "workflow.yml"
    file.write_text(WORKFLOW)
    check = [
        str(Path(sys.executable).parent / "check-jsonschema"),
        "--builtin-schema",
        "vendor.github-workflows",
        str(file),
    ]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    [example] = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    proof = yaml.safe_load(WORKFLOW)["jobs"]["proof"]["steps"][-1]
    given = {name: f"value-of-{name}" for name in proof["env"]}
    text = f"version: 1\nservice: chat\n{example}probes: {{health: {{http: GET /health}}}}\n"
    target = spec.parse(text.encode(), "page.md", given).target
    assert isinstance(target, KubernetesTarget)
    assert (target.token, target.authority) == ("value-of-KUBE_TOKEN", "value-of-KUBE_CA")
    assert target.image_of("$GITHUB_SHA") in WORKFLOW


def test_every_key_is_on_the_page() -> None:
    table = PAGE.partition("| key |")[2].partition("\n\n")[0]
    named = set(re.findall(r"`(\w+)`", "".join(line.split("|")[1] for line in table.splitlines()[2:])))
    assert named == set(KubernetesTarget.model_fields)
