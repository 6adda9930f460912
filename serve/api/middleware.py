"""What every request passes before a route reads it, and every reply on its way out.

Plain ASGI, so that a refused request's body is never read and a stream is never buffered.
"""

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cluster.errors import CineError, TooLarge
from cluster.settings import GatewaySettings

from . import problems
from .auth import Keys

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
API_ONLY = {"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox"}
API = "/v1"


class SafeHeaders:
    """Sets the headers above where a reply has not set its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._wanted(scope).items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, marked)

    @staticmethod
    def _wanted(scope: Scope) -> dict[str, str]:
        """The documentation pages load their scripts from elsewhere."""
        return HEADERS | API_ONLY if scope.get("path", "").startswith(API) else HEADERS


class KeyGuard:
    """Lets nobody into the API without a valid key."""

    def __init__(self, app: ASGIApp, keys: Keys) -> None:
        self._app, self._keys = app, keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and _in_api(scope["path"]):
            try:
                await self._keys.check(Headers(scope=scope).get("authorization"))
            except CineError as error:
                return await problems.respond(error)(scope, receive, send)
        return await self._app(scope, receive, send)


class BodyLimit:
    """Refuses a body that is declared, or turns out, to be larger than allowed.

    FastAPI's own `max_body_size` is one for the whole app, where forms and JSON have two; and it
    answers a declared excess in plain text past every exception handler, not with a problem that
    names the setting.
    """

    def __init__(self, app: ASGIApp, limits: GatewaySettings) -> None:
        self._app, self._limits = app, limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        headers = Headers(scope=scope)
        refusal = self._refusal(headers)
        most = refusal.most
        declared = headers.get("content-length", "")
        if declared.isdecimal() and int(declared) > most:
            return await problems.respond(refusal)(scope, receive, send)
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > most:
                raise refusal
            return message

        return await self._app(scope, counted, send)

    def _refusal(self, headers: Headers) -> "OverLimit":
        if headers.get("content-type", "").lower().startswith("multipart/form-data"):
            return OverLimit(self._limits.max_upload_bytes, "gateway.max_upload_bytes")
        return OverLimit(self._limits.max_json_bytes, "gateway.max_json_bytes")


class OverLimit(TooLarge):
    __doc__ = TooLarge.__doc__

    def __init__(self, most: int, setting: str) -> None:
        self.most = most
        super().__init__(f"The body may have at most {most} bytes ({setting})")


def _in_api(path: str) -> bool:
    return path == API or path.startswith(f"{API}/")
