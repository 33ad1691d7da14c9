"""The kinds of login, by the YAML key that names each."""

from typing import Annotated

from pydantic import ValidatorFunctionWrapHandler, WrapValidator

from bot.probes.login import Login
from bot.probes.logins.authorization_code import AuthorizationCodeLogin
from bot.probes.logins.client_credentials import ClientCredentialsLogin
from bot.probes.logins.password import PasswordLogin
from bot.probes.logins.session import SessionLogin
from bot.probes.logins.static import StaticLogin

LOGINS: dict[str, type[Login]] = {
    "http": PasswordLogin,
    "session": SessionLogin,
    "client_credentials": ClientCredentialsLogin,
    "authorization_code": AuthorizationCodeLogin,
    "token": StaticLogin,
}


def _by_its_key(data: object, _handler: ValidatorFunctionWrapHandler) -> Login:
    """Read a login as the one kind that its keys name, so that an error is about that kind alone."""
    if isinstance(data, Login):
        return data
    if not isinstance(data, dict):
        raise ValueError(f"a login is a mapping with one of: {', '.join(LOGINS)}")
    kinds = [key for key in LOGINS if key in data and key != "token"]
    if len(kinds) > 1:
        raise ValueError(f"a login has one kind; this one has {' and '.join(kinds)}")
    if not kinds and "token" not in data:
        raise ValueError(f"a login needs one of: {', '.join(LOGINS)}")
    # `token` is a key of other kinds too: by itself it is one
    return LOGINS[kinds[0] if kinds else "token"].model_validate(data)


AnyLogin = Annotated[
    PasswordLogin | SessionLogin | ClientCredentialsLogin | AuthorizationCodeLogin | StaticLogin,
    WrapValidator(_by_its_key),
]
