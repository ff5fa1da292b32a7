"""A mail server for tests: aiosmtpd with encryption and a sign-in, which writes what it takes to a folder.

mail_server.py FOLDER CERTIFICATE KEY starttls|tls|plain USER PASSWORD; it prints its port when it listens. A recipient
whose address begins with `nobody` is refused for good, one that begins with `later` for now.
"""

import asyncio
import pathlib
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

folder, certificate, key, security, user, password = sys.argv[1:7]


class Handler:
    taken = 0

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("nobody"):
            return "550 5.1.1 no such mailbox"
        if address.startswith("later"):
            return "451 4.3.0 try again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        self.taken += 1
        name = f"{self.taken:04}.eml"
        path = pathlib.Path(folder)
        (path / "writing").write_bytes(envelope.original_content)
        (path / "writing").rename(path / name)
        return "250 OK"


def authenticate(server, session, envelope, mechanism, given):
    right = isinstance(given, LoginPassword) and (given.login, given.password) == (user.encode(), password.encode())
    return AuthResult(success=right)


async def main():
    context = None
    if security != "plain":
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate, key)
    handler = Handler()

    def protocol():
        return SMTP(
            handler,
            hostname="localhost",
            tls_context=context if security == "starttls" else None,
            require_starttls=security == "starttls",
            authenticator=authenticate if security != "plain" else None,
            auth_required=security != "plain",
            auth_require_tls=security == "starttls",
        )

    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        protocol, "127.0.0.1", 0, ssl=context if security == "tls" else None
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
