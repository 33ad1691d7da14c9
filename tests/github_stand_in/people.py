"""Accounts, the app behind a GITHUB_TOKEN, repositories, and what somebody may do in one."""

from tests.github_stand_in.routing import Answer, Json, Refusal, Request, Site, not_accessible, operation
from tests.github_stand_in.world import Repository

EPOCH = "2018-07-30T09:30:17Z"
ROLES = {"admin": "admin", "maintain": "write", "write": "write", "triage": "read", "read": "read"}


def user_view(site: Site, login: str) -> Json:
    """An account, as it appears in everything that somebody made."""
    user = site.world.user(login)
    name = f"{site.url}/users/{login}"
    return {
        "login": login,
        "id": user.id,
        "node_id": f"U_{user.id}",
        "avatar_url": f"{site.url}/avatars/{user.id}",
        "gravatar_id": "",
        "url": name,
        "html_url": f"{site.url}/{login}",
        "followers_url": f"{name}/followers",
        "following_url": f"{name}/following{{/other_user}}",
        "gists_url": f"{name}/gists{{/gist_id}}",
        "starred_url": f"{name}/starred{{/owner}}{{/repo}}",
        "subscriptions_url": f"{name}/subscriptions",
        "organizations_url": f"{name}/orgs",
        "repos_url": f"{name}/repos",
        "events_url": f"{name}/events{{/privacy}}",
        "received_events_url": f"{name}/received_events",
        "type": "Bot" if user.robot else "User",
        "site_admin": False,
    }


def app_view(site: Site) -> Json:
    """The app `github-actions`, which every GITHUB_TOKEN acts as."""
    return {
        "id": 15368,
        "slug": "github-actions",
        "node_id": "MDM6QXBwMTUzNjg=",
        "owner": user_view(site, "github"),
        "name": "GitHub Actions",
        "description": "Automate your workflow from idea to production",
        "external_url": f"{site.url}/features/actions",
        "html_url": f"{site.url}/apps/github-actions",
        "created_at": EPOCH,
        "updated_at": EPOCH,
        "permissions": {"checks": "write", "contents": "write", "issues": "write", "statuses": "write"},
        "events": ["check_run", "check_suite", "push"],
    }


def minimal_repository(site: Site, repository: Repository) -> Json:
    """A repository, as it appears in other things."""
    api = site.api(repository)
    links = {
        f"{name}_url": f"{api}/{path}"
        for name, path in {
            "archive": "{archive_format}{/ref}",
            "assignees": "assignees{/user}",
            "blobs": "git/blobs{/sha}",
            "branches": "branches{/branch}",
            "collaborators": "collaborators{/collaborator}",
            "comments": "comments{/number}",
            "commits": "commits{/sha}",
            "compare": "compare/{base}...{head}",
            "contents": "contents/{+path}",
            "contributors": "contributors",
            "deployments": "deployments",
            "downloads": "downloads",
            "events": "events",
            "forks": "forks",
            "git_commits": "git/commits{/sha}",
            "git_refs": "git/refs{/sha}",
            "git_tags": "git/tags{/sha}",
            "hooks": "hooks",
            "issue_comment": "issues/comments{/number}",
            "issue_events": "issues/events{/number}",
            "issues": "issues{/number}",
            "keys": "keys{/key_id}",
            "labels": "labels{/name}",
            "languages": "languages",
            "merges": "merges",
            "milestones": "milestones{/number}",
            "notifications": "notifications{?since,all,participating}",
            "pulls": "pulls{/number}",
            "releases": "releases{/id}",
            "stargazers": "stargazers",
            "statuses": "statuses/{sha}",
            "subscribers": "subscribers",
            "subscription": "subscription",
            "tags": "tags",
            "teams": "teams",
            "trees": "git/trees{/sha}",
        }.items()
    }
    return links | {
        "id": repository.id,
        "node_id": f"R_{repository.id}",
        "name": repository.name,
        "full_name": repository.full_name,
        "owner": user_view(site, repository.owner),
        "private": repository.private,
        "html_url": site.html(repository),
        "description": None,
        "fork": repository.fork_of is not None,
        "url": api,
    }


def full_repository(site: Site, repository: Repository) -> Json:
    """A repository with all that is public about it."""
    open_issues = sum(each.state == "open" for each in repository.issues.values())
    host = site.url.split("://")[1]
    return minimal_repository(site, repository) | {
        "git_url": f"git://{host}/{repository.full_name}.git",
        "ssh_url": f"git@{host}:{repository.full_name}.git",
        "clone_url": f"{site.html(repository)}.git",
        "svn_url": site.html(repository),
        "mirror_url": None,
        "homepage": None,
        "language": "Python",
        "forks_count": 0,
        "forks": 0,
        "stargazers_count": 0,
        "watchers_count": 0,
        "watchers": 0,
        "size": 108,
        "default_branch": repository.default_branch,
        "open_issues_count": open_issues,
        "open_issues": open_issues,
        "has_issues": True,
        "has_projects": True,
        "has_wiki": False,
        "has_pages": False,
        "has_discussions": False,
        "has_downloads": True,
        "archived": False,
        "disabled": False,
        "visibility": "private" if repository.private else "public",
        "pushed_at": repository.created_at,
        "created_at": repository.created_at,
        "updated_at": repository.created_at,
        "subscribers_count": 1,
        "network_count": 0,
        "license": None,
        "allow_forking": True,
        "is_template": False,
        "topics": [],
        "web_commit_signoff_required": False,
    }


def association(repository: Repository, login: str) -> str:
    """What somebody is to a repository."""
    if login == repository.owner:
        return "OWNER"
    if login in repository.collaborators:
        return "COLLABORATOR"
    merged = any(each.login == login and each.pull and each.pull.merged for each in repository.issues.values())
    return "CONTRIBUTOR" if merged else "NONE"


@operation("repos/get")
def _get_repository(request: Request) -> Answer:
    return Answer(200, full_repository(request.site, request.repository))


@operation("users/get-authenticated")
def _get_authenticated(request: Request) -> Answer:
    login = request.login
    if request.by_app:
        raise not_accessible()
    counts = ("public_repos", "public_gists", "followers", "following")
    nobody_says = ("name", "company", "blog", "location", "email", "hireable", "bio")
    body = user_view(request.site, login) | dict.fromkeys(counts, 0) | dict.fromkeys(nobody_says)
    return Answer(200, body | {"created_at": EPOCH, "updated_at": EPOCH, "user_view_type": "public"})


@operation("repos/get-collaborator-permission-level")
def _get_permission(request: Request) -> Answer:
    repository, login = request.repository, request.path["username"]
    if login not in request.world.users and login not in repository.collaborators:
        raise Refusal(404, f"{login} is not a user")
    role = repository.collaborators.get(login, "none" if repository.private else "read")
    names = {"admin": 4, "maintain": 3, "write": 2, "triage": 1, "read": 0}
    rank = names.get(role, -1)
    flags = {"admin": 4, "maintain": 3, "push": 2, "triage": 1, "pull": 0}
    permissions = {name: rank >= least for name, least in flags.items()}
    user = user_view(request.site, login) | {"role_name": role, "permissions": permissions}
    return Answer(200, {"permission": ROLES.get(role, "none"), "role_name": role, "user": user})
