"""Where the Bot API is, and who may call it."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class ApiAccess:
    """The address of the Bot API, and the bot's token.

    `local`: the server runs with `--local` and takes file URIs. `proxy` is the URL of a proxy for
    every call, or None for none, whatever the environment says.
    """

    token: str = field(repr=False)
    api_url: str = "https://api.telegram.org"
    local: bool = False
    proxy: str | None = field(default=None, repr=False)

    @property
    def base_url(self) -> str:
        """The address without a slash at its end."""
        return self.api_url.rstrip("/")

    @property
    def proxies(self) -> dict[str, str] | None:
        """The proxy as `requests` wants it."""
        return {"http": self.proxy, "https": self.proxy} if self.proxy else None
