"""Trim GitHub's GraphQL schema to the types and fields that the stand-in answers.

npm pack @octokit/graphql-schema && tar xzf octokit-graphql-schema-*.tgz
python -m tests.github_stand_in.openapi.graphql_extract package
"""

import json
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from graphql import (
    DocumentNode,
    EnumTypeDefinitionNode,
    InputObjectTypeDefinitionNode,
    InterfaceTypeDefinitionNode,
    NamedTypeNode,
    Node,
    ObjectTypeDefinitionNode,
    ScalarTypeDefinitionNode,
    TypeDefinitionNode,
    Visitor,
    assert_valid_schema,
    build_ast_schema,
    parse,
    print_ast,
    visit,
)

HERE = Path(__file__).parent
CONNECTION = "edges nodes pageInfo totalCount"
KEPT = {
    name: set(fields.split())
    for name, fields in {
        "Query": "id node rateLimit repository viewer",
        "Mutation": "minimizeComment unminimizeComment",
        "Node": "id",
        "Actor": "login url",
        "Bot": "id databaseId login url",
        "User": "id databaseId login url",
        "RateLimit": "cost limit remaining resetAt used",
        "PageInfo": "endCursor hasNextPage hasPreviousPage startCursor",
        "Repository": "id databaseId name nameWithOwner url isPrivate isFork defaultBranchRef issue pullRequest",
        "Ref": "id name",
        "Commit": "id oid message url",
        "PullRequest": "id number title body url state merged mergedAt mergeCommit baseRefName headRefName headRefOid "
        "isCrossRepository closed author editor lastEditedAt repository comments closingIssuesReferences",
        "Issue": "id number title body url state stateReason closed closedAt author repository comments "
        "closedByPullRequestsReferences",
        "PullRequestConnection": CONNECTION,
        "PullRequestEdge": "cursor node",
        "IssueConnection": CONNECTION,
        "IssueEdge": "cursor node",
        "IssueComment": "id databaseId body url author createdAt updatedAt isMinimized minimizedReason viewerDidAuthor",
        "IssueCommentConnection": CONNECTION,
        "IssueCommentEdge": "cursor node",
        "Minimizable": "isMinimized minimizedReason",
        "MinimizeCommentPayload": "clientMutationId minimizedComment",
        "UnminimizeCommentPayload": "clientMutationId unminimizedComment",
    }.items()
}


class _Names(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.found: set[str] = set()

    def enter_named_type(self, node: NamedTypeNode, *_: object) -> None:
        self.found.add(node.name.value)


def named(node: Node) -> set[str]:
    """The types that a definition names."""
    names = _Names()
    visit(node, names)
    return names.found


class Strip(Visitor):
    """Takes descriptions and directives off."""

    def enter(self, node: Node, *_: object) -> Node:
        """One node."""
        names = {each.name for each in fields(node)}
        without: dict[str, Any] = {"description": None, "directives": ()}
        return replace(node, **{name: empty for name, empty in without.items() if name in names})


def trim(definition: TypeDefinitionNode) -> TypeDefinitionNode:
    """Without its prose, and of an object or an interface only the kept fields and interfaces."""
    definition = visit(definition, Strip())
    if not isinstance(definition, ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode):
        return definition
    kept = KEPT[definition.name.value]
    trimmed = replace(
        definition,
        fields=tuple(each for each in definition.fields or () if each.name.value in kept),
        interfaces=tuple(each for each in definition.interfaces or () if each.name.value in KEPT),
    )
    if missing := kept - {each.name.value for each in trimmed.fields or ()}:
        raise SystemExit(f"{definition.name.value} has no {sorted(missing)}")
    return trimmed


def main() -> None:
    """Write `github.graphql`."""
    package = Path(sys.argv[1])
    version = json.loads((package / "package.json").read_text())["version"]
    whole = parse((package / "schema.graphql").read_text(), no_location=True)
    definitions = {each.name.value: each for each in whole.definitions if isinstance(each, TypeDefinitionNode)}
    made: dict[str, TypeDefinitionNode] = {}
    waiting = set(KEPT)
    leaves = (EnumTypeDefinitionNode, InputObjectTypeDefinitionNode, ScalarTypeDefinitionNode)
    while waiting:
        name = waiting.pop()
        if name in made or name not in definitions:
            continue
        if name not in KEPT and not isinstance(definitions[name], leaves):
            raise SystemExit(f"a kept field needs {name}, of which no fields are kept")
        made[name] = trim(definitions[name])
        waiting |= named(made[name])
    document = DocumentNode(definitions=tuple(made[name] for name in sorted(made)))
    assert_valid_schema(build_ast_schema(document))
    head = f"# @octokit/graphql-schema {version}, trimmed by graphql_extract.py"
    (HERE / "github.graphql").write_text(f"{head}\n\n{print_ast(document)}\n")


if __name__ == "__main__":
    main()
