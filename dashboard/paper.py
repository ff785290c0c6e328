"""Pages as PDF. Made in a short process of its own: laying out a page takes a second, and the desk never waits.

Run by itself it reads a page on its standard input and writes the paper to its standard output. Nothing is fetched.
"""

import asyncio
import contextlib
import sys
from pathlib import Path

STYLE = Path(__file__).parent / "static" / "paper.css"
WITHIN_S = 20.0
PAGE_MAX = 1_000_000  # bytes


class NotPrinted(Exception):
    """The paper could not be made; says why."""


async def pdf(page: str, *, within_s: float = WITHIN_S) -> bytes:
    """Return a page as PDF. Raises `NotPrinted`."""
    body = page.encode()
    if len(body) > PAGE_MAX:
        raise NotPrinted("the page is too large")
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "dashboard.paper", stdin=pipe, stdout=pipe, stderr=pipe
    )
    try:
        async with asyncio.timeout(within_s):
            made, said = await process.communicate(body)
    except TimeoutError as error:
        raise NotPrinted("it took too long") from error
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    if process.returncode or not made.startswith(b"%PDF"):
        raise NotPrinted(said.decode(errors="replace")[-500:] or "no paper came out")
    return made


def main() -> None:
    """Turn the page on standard input into a PDF on standard output."""
    from weasyprint import CSS, HTML  # a second to load, and of no use to the desk itself
    from weasyprint.urls import URLFetcher

    page = sys.stdin.buffer.read(PAGE_MAX + 1).decode()
    nothing = URLFetcher(allowed_protocols=())  # whatever a page names, nothing is fetched
    paper = HTML(string=page, url_fetcher=nothing).write_pdf(stylesheets=[CSS(string=STYLE.read_text())], pdf_tags=True)
    sys.stdout.buffer.write(paper)


if __name__ == "__main__":
    main()
