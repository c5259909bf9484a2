"""A mail server that takes everything and delivers nothing: what Mailpit is in docker-compose.yml."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage

QUIT = b"QUIT"
DATA = b"DATA"


@dataclass
class MailSink:
    """Keeps what it is sent, oldest first."""

    mails: list[EmailMessage] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Talk SMTP with one client until it leaves."""
        writer.write(b"220 sink\r\n")
        try:
            while line := (await reader.readline()).strip().upper():
                if line.startswith(DATA):
                    writer.write(b"354 go on\r\n")
                    self._keep(await reader.readuntil(b"\r\n.\r\n"))
                writer.write(b"221 bye\r\n" if line == QUIT else b"250 sink\r\n")
                await writer.drain()
                if line == QUIT:
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the other side may leave whenever it likes
        finally:
            writer.close()

    def _keep(self, raw: bytes) -> None:
        mail = message_from_bytes(raw.removesuffix(b"\r\n.\r\n"), policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)


@asynccontextmanager
async def mail_sink(port: int) -> AsyncIterator[MailSink]:
    """A sink on a port of this machine."""
    sink = MailSink()
    server = await asyncio.start_server(sink.serve, "127.0.0.1", port)
    try:
        yield sink
    finally:
        server.close()
