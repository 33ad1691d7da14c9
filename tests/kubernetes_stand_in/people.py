"""Who may do what: a Role's rules, held against each request, with Kubernetes' own words where one lacks."""

from dataclasses import dataclass, field
from typing import Any

from tests.kubernetes_stand_in.validation import Operation


@dataclass
class Person:
    """Who a token belongs to. `rules` are a Role's; None may do everything. `did` is what was asked for."""

    name: str
    rules: list[dict[str, Any]] | None = None
    did: set[tuple[str, str, str]] = field(default_factory=set)

    def refused(self, verb: str, group: str, resource: str, name: str) -> bool:
        """Note the request, and say whether no rule allows it."""
        if self._allowed(verb, group, resource, name):
            self.did.add((group, resource, verb))
            return False
        return True

    def _allowed(self, verb: str, group: str, resource: str, name: str) -> bool:
        return self.rules is None or any(
            group in each["apiGroups"]
            and resource in each["resources"]
            and verb in each["verbs"]
            and name in each.get("resourceNames", [name])
            for each in self.rules
        )


def asked(operation: Operation, query: dict[str, str]) -> list[tuple[str, str, str]]:
    """The verb, the API group and the resource of a request, as RBAC names them; none for discovery.

    A port-forward is a GET, and since Kubernetes 1.35 has to be allowed to create as well (KEP 4006).
    """
    template = operation.source["template"]
    if "{namespace}" not in template:
        return []
    group = "apps" if template.startswith("/apis/apps/") else ""
    resource, _, rest = template.partition("{namespace}/")[2].partition("/")
    if "/" in rest:
        resource = f"{resource}/{rest.partition('/')[2]}"
    by_method = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete", "GET": "get"}
    verb = by_method[operation.source["method"]]
    if verb == "get" and not rest:
        verb = "watch" if query.get("watch") in ("true", "1") else "list"
    both = [(verb, group, resource)]
    return [*both, ("create", group, resource)] if resource == "pods/portforward" else both


def refusal(person: Person, verb: str, group: str, resource: str, namespace: str, name: str) -> str:
    """What the API server says."""
    kind = resource.partition("/")[0] + (f".{group}" if group else "")
    what = f'{kind} "{name}"' if name else kind
    return (
        f'{what} is forbidden: User "{person.name}" cannot {verb} resource "{resource}" in API group "{group}" '
        f'in the namespace "{namespace}"'
    )
