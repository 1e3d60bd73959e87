"""User accounts: the users file and its companion, passwords and hashes."""

from chat_server.accounts import edits
from chat_server.accounts.accounts import Accounts
from chat_server.accounts.accounts_in_use import AccountsInUse
from chat_server.accounts.demo import DEMO_PASSWORD, create_demo_accounts
from chat_server.accounts.edits import (
    AccountExistsError,
    ConfusableNameError,
    InvisibleNameError,
    NoSuchAccountError,
    check_new_name,
)
from chat_server.accounts.exposure import demo_password_problem, exposure_problems
from chat_server.accounts.fair_queue import Priority, Turn
from chat_server.accounts.file_editor import (
    add_account,
    disable_account,
    enable_account,
    remove_account,
    rename_account,
    set_hash,
    write_new_files,
)
from chat_server.accounts.file_format import NAME_RULE, UsersFileConflictError, UsersFileError
from chat_server.accounts.file_reader import load_or_empty, read_accounts
from chat_server.accounts.hash_pool import CheckStatus, HashPool, default_workers
from chat_server.accounts.password_generator import generate_password
from chat_server.accounts.password_hash import hash_password
from chat_server.accounts.rehash import Rehasher
from chat_server.accounts.shared_store import (
    SharedAccountStore,
    accounts_of_records,
    changes_between,
    open_accounts,
)
from chat_server.accounts.store import AccountStore
from chat_server.accounts.verified_passwords import VerifiedPasswords

__all__ = [
    "DEMO_PASSWORD",
    "NAME_RULE",
    "AccountExistsError",
    "AccountStore",
    "Accounts",
    "AccountsInUse",
    "CheckStatus",
    "ConfusableNameError",
    "HashPool",
    "InvisibleNameError",
    "NoSuchAccountError",
    "Priority",
    "Rehasher",
    "SharedAccountStore",
    "Turn",
    "UsersFileConflictError",
    "UsersFileError",
    "VerifiedPasswords",
    "accounts_of_records",
    "add_account",
    "changes_between",
    "check_new_name",
    "create_demo_accounts",
    "default_workers",
    "demo_password_problem",
    "disable_account",
    "edits",
    "enable_account",
    "exposure_problems",
    "generate_password",
    "hash_password",
    "load_or_empty",
    "open_accounts",
    "read_accounts",
    "remove_account",
    "rename_account",
    "set_hash",
    "write_new_files",
]
