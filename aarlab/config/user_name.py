"""The name under which what a person does is recorded."""

import getpass


def user_name() -> str:
    """Return the name of this user of the machine; `unknown` for one without a name."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "unknown"
