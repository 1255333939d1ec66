"""Set-up, sign in and out, accounts."""

from aiohttp import web

from orchestrator.identity.cookies import ACCOUNT, clear_cookie, set_cookie
from orchestrator.identity.errors import WrongPassword
from orchestrator.identity.logins import LOGIN_SECONDS
from orchestrator.protocol.rest import Account, Login, Me, NewAccount, Setup
from orchestrator.web.body import json_response, read_json
from orchestrator.web.rest.services import RestServices


class AccountRoutes:
    def __init__(self, services: RestServices) -> None:
        self._services = services
        self._logins = services.logins

    def add(self, app: web.Application) -> None:
        """Register the routes."""
        app.router.add_post("/api/setup", self.set_up)
        app.router.add_post("/api/login", self.sign_in)
        app.router.add_post("/api/logout", self.sign_out)
        app.router.add_get("/api/me", self.me)
        app.router.add_get("/api/accounts", self.list_all)
        app.router.add_post("/api/accounts", self.create)

    async def set_up(self, request: web.Request) -> web.Response:
        body = await read_json(request, Setup)
        account, token = await self._logins.set_up(body.token, body.username, body.password)
        await self._services.note(request, "account.setup", account.username, actor=body.username)
        return self._signed_in(request, account, token)

    async def sign_in(self, request: web.Request) -> web.Response:
        body = await read_json(request, Login)
        try:
            account, token = await self._logins.sign_in(
                body.username, body.password, request.remote or "?"
            )
        except WrongPassword:
            await self._services.note(request, "account.login_refused", body.username)
            raise
        await self._services.note(request, "account.login", actor=account.username)
        return self._signed_in(request, account, token)

    async def sign_out(self, request: web.Request) -> web.Response:
        token = request.cookies.get(ACCOUNT)
        if token is not None:
            principal = await self._logins.who(token)
            await self._logins.sign_out(token)
            if principal is not None:
                await self._services.note(request, "account.logout", actor=principal.account)
        response = web.json_response({}, headers={"Cache-Control": "no-store"})
        clear_cookie(response, ACCOUNT, secure=self._services.secure(request))
        return response

    async def me(self, request: web.Request) -> web.Response:
        """Every page asks this when it loads, so here the login is prolonged."""
        token = request.cookies.get(ACCOUNT)
        principal = await self._logins.who(token) if token is not None else None
        if token is None or principal is None or principal.account is None:
            return json_response(Me(setup_needed=await self._logins.setup_needed()))
        account = Account(username=principal.account, roles=tuple(sorted(principal.roles)))
        response = json_response(Me(account=account))
        if await self._logins.renew(token):
            self._set(request, response, token)
        return response

    async def list_all(self, _request: web.Request) -> web.Response:
        accounts = await self._logins.list_all()
        return web.json_response(
            {"accounts": [account.model_dump() for account in accounts]},
            headers={"Cache-Control": "no-store"},
        )

    async def create(self, request: web.Request) -> web.Response:
        body = await read_json(request, NewAccount)
        account = await self._logins.create(body.username, body.password, body.roles)
        await self._services.note(
            request, "account.create", account.username, roles=list(account.roles)
        )
        return json_response(account, 201)

    def _signed_in(self, request: web.Request, account: Account, token: str) -> web.Response:
        response = json_response(account)
        self._set(request, response, token)
        return response

    def _set(self, request: web.Request, response: web.Response, token: str) -> None:
        secure = self._services.secure(request)
        set_cookie(response, ACCOUNT, token, seconds=LOGIN_SECONDS, secure=secure)
