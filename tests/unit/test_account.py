"""When cookies of an account may help, and when they are what does not work."""

import pytest

from worker.downloads.cookies import account
from worker.errors import Fault, JobError, Reason, Remedy

OF_ACCOUNTS = {
    *(Reason.LOGIN_NEEDED, Reason.AGE_RESTRICTED, Reason.PRIVATE, Reason.FORBIDDEN),
    Reason.BLOCKED_HERE,
}


def failed(reason: Reason, remedy: Remedy | None = None) -> JobError:
    return JobError(reason, Fault.PERMANENT, "words", 7.0, remedy)


@pytest.mark.parametrize("reason", Reason)
def test_reasons_that_an_account_may_help_against(reason: Reason) -> None:
    assert account.may_help(failed(reason)) is (reason in OF_ACCOUNTS)


@pytest.mark.parametrize("remedy", Remedy)
def test_no_account_replaces_what_is_not_installed(remedy: Remedy) -> None:
    may_help = account.may_help(failed(Reason.BLOCKED_HERE, remedy))
    assert may_help is (remedy is not Remedy.SOFTWARE)


@pytest.mark.parametrize(
    ("error", "lies_in_cookies"),
    [
        (failed(Reason.LOGIN_NEEDED, Remedy.COOKIES), True),
        (failed(Reason.BLOCKED_HERE, Remedy.COOKIES), True),
        (failed(Reason.BLOCKED_HERE, Remedy.NEW_COOKIES), True),
        # What this account may not see, and what has nothing to do with it.
        (failed(Reason.LOGIN_NEEDED), False),
        (failed(Reason.PRIVATE), False),
        (failed(Reason.AGE_RESTRICTED), False),
        (failed(Reason.FORBIDDEN), False),
        (failed(Reason.BLOCKED_HERE, Remedy.ADDRESS), False),
        (failed(Reason.BLOCKED_HERE, Remedy.PACE), False),
        (failed(Reason.BLOCKED_HERE, Remedy.SOFTWARE), False),
        (failed(Reason.SITE_BUSY, Remedy.PACE), False),
        (failed(Reason.NOT_FOUND), False),
    ],
)
def test_what_a_failure_with_cookies_says_of_them(error: JobError, lies_in_cookies: bool) -> None:
    judged = account.judged(error)
    if not lies_in_cookies:
        assert judged is error
        return
    assert (judged.reason, judged.fault) == (Reason.BLOCKED_HERE, Fault.OPERATOR)
    assert judged.remedy is Remedy.NEW_COOKIES
    assert "words" in judged.detail
    assert judged.retry_after_s == 7.0


@pytest.mark.parametrize("reason", [Reason.LOGIN_NEEDED, Reason.BLOCKED_HERE])
def test_cookies_that_work_for_others_are_not_blamed_for_a_login(reason: Reason) -> None:
    error = failed(reason, Remedy.COOKIES)
    assert account.refuses_cookies(error), "which counts all the same"
    is_blamed = account.judged(error, they_work=True) is not error
    assert is_blamed is (reason is Reason.BLOCKED_HERE)
