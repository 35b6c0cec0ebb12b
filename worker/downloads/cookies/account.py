"""When a download is tried again with the operator's cookies, and what that shows about them.

An account that is used for everything is soon turned away, so the first try goes without.
"""

from worker.errors import Fault, JobError, Reason, Remedy

# What sites say to clients without an account, some of whom they would let in with one.
_WANTS_ACCOUNT = frozenset(
    {Reason.LOGIN_NEEDED, Reason.AGE_RESTRICTED, Reason.PRIVATE, Reason.FORBIDDEN}
)


def may_help(error: JobError) -> bool:
    """Whether a download that failed without cookies may succeed with those of an account."""
    if error.reason is Reason.BLOCKED_HERE:
        return error.remedy is not Remedy.SOFTWARE
    return error.reason in _WANTS_ACCOUNT


def refuses_cookies(error: JobError) -> bool:
    """Whether a try with cookies failed as one without them does."""
    if error.reason is Reason.LOGIN_NEEDED:
        return error.remedy is Remedy.COOKIES
    is_of_cookies = error.remedy in (Remedy.COOKIES, Remedy.NEW_COOKIES)
    return error.reason is Reason.BLOCKED_HERE and is_of_cookies


def says_they_are_over(error: JobError) -> bool:
    """Whether the site said of the cookies themselves that they are no longer valid."""
    return error.remedy is Remedy.NEW_COOKIES


def judged(error: JobError, *, they_work: bool = False) -> JobError:
    """The error of a try with cookies; if the site still asks for a login, they are to blame.

    Unless `they_work` for other links: then the fault lies in this one, for sites also ask for a
    login where an account may not see something. A site that has ended the session says so, or
    takes cookies away with its answer; then the caller no longer says that `they_work`.
    """
    if not refuses_cookies(error) or (they_work and error.reason is Reason.LOGIN_NEEDED):
        return error
    detail = f"in spite of its cookies: {error.reason}: {error.detail}"
    return JobError(
        Reason.BLOCKED_HERE, Fault.OPERATOR, detail, error.retry_after_s, Remedy.NEW_COOKIES
    )
