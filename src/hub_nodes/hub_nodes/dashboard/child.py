"""A command that works for the page in a process of its own, for a limited time."""
import asyncio


async def ask(command: tuple[str, ...], question: bytes, patience: float,
              environment: dict[str, str] | None = None) -> tuple[int, bytes, bytes] | None:
    """Return exit code, output and errors of a command that is told a question; None where `patience` [s] ended.

    Whatever happens it has ended, killed if need be.     Raises OSError where it cannot be started.
    """
    child = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env=environment)
    try:
        said, errors = await asyncio.wait_for(child.communicate(question), patience)
    except asyncio.TimeoutError:
        return None
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    return child.returncode, said, errors
