"""`hearthgrid security`: SROS 2 for a home, and a look at the dependencies."""

import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help='SROS 2 policies of the home; known holes in dependencies.')
HomeFile = Annotated[
    Path | None, typer.Option('--home', help='YAML file of the home.', show_default='config/home.yaml')
]
MISSING = 3  # exit code where a check could not be made


@app.command()
def policies(
    folder: Annotated[Path, typer.Argument(help='Folder to write: a keystore of SROS 2.')],
    home: HomeFile = None,
    domain: Annotated[int, typer.Option(help='ROS_DOMAIN_ID of the home.', min=0, max=232)] = 0,
    days: Annotated[int, typer.Option(help='Certificates and permissions hold so long.', min=1, max=36500)] = 3650,
    simulation: Annotated[bool, typer.Option(help='With the simulated world.')] = True,
    each: Annotated[bool, typer.Option('--each', help='One process a node, as `up --each`.')] = False,
    sign: Annotated[bool, typer.Option(help='Make keys, certificates and signatures, too.')] = True,
) -> None:
    """Write who may say what: policy, governance, permissions of each process, signed; and Fast DDS profiles."""
    from hearthgrid import security_store
    from hearthgrid.bringup import Options
    from hearthgrid.cli import config_folder, fail
    from hearthgrid.dds_profiles import profiles_xml
    from hearthgrid.security import enclaves
    from hearthgrid_ros.home import HomeError, load

    try:
        made = enclaves(load(home or config_folder() / 'home.yaml'), Options('', '', simulation=simulation, each=each))
        files = security_store.write_policy(folder, made, domain, days)
        files.append(folder / 'fastdds.xml')
        files[-1].write_text(profiles_xml(made, (config_folder() / 'fastdds.xml').read_text(encoding='utf-8')),
                             encoding='utf-8')
        if sign:
            security_store.sign(folder, made, days)
    except HomeError as error:
        raise fail(error, 2) from None
    except ImportError as error:
        raise fail(f'{error}: the XML files are there, unsigned; sign them with `ros2 security` or openssl') from None
    except (OSError, ValueError) as error:
        raise fail(f'{folder}: {error}') from None
    for enclave in made:
        typer.echo(f'{enclave.path:32} {len(enclave.profiles)} nodes')
    typer.echo(f'{len(files)} files in {folder}{", signed" if sign else ", not signed"}')
    switches = 'ROS_SECURITY_ENABLE=true ROS_SECURITY_STRATEGY=Enforce'
    typer.echo(f'export ROS_SECURITY_KEYSTORE={folder.absolute()} {switches}')
    if not middleware():
        typer.echo('but the Fast DDS of this installation was built without DDS security: it cannot use them')


@app.command()
def dependencies(
    lock: Annotated[Path | None, typer.Option(help='Lock file.', show_default='requirements.lock')] = None,
    timeout: Annotated[float, typer.Option(help='So long PyPI is waited for \\[s].', min=1)] = 120.0,
    database: Annotated[
        Path | None,
        typer.Option(help='Advisories in the OSV format: folder, zip or file.', show_default='PyPI, through pip-audit'),
    ] = None,
) -> None:
    """Compare locked packages with a database of known holes. Exit code 1: one is known, 3: not looked."""
    from hearthgrid import audit_dependencies
    from hearthgrid.cli import fail

    path = lock or Path(__file__).resolve().parent.parent / 'requirements.lock'
    if not path.exists():
        raise fail(f'{path} is not there; give one with --lock', 2)
    if database and not database.exists():
        raise fail(f'{database} is not there', 2)
    level, text = (
        audit_dependencies.look_up(path, database) if database else audit_dependencies.ask(path, timeout)
    )
    typer.echo(text)
    raise typer.Exit({'ok': 0, 'error': 1}.get(level, MISSING))


def middleware() -> bool:
    """Return whether the middleware in use could enforce policies at all: its library has the plugins' names."""
    from ament_index_python.packages import PackageNotFoundError, get_package_prefix

    try:
        prefix = Path(get_package_prefix('fastdds'))
    except (PackageNotFoundError, KeyError):
        prefix = Path(sys.prefix)
    return any(b'builtin.PKI-DH' in file.read_bytes() for file in prefix.glob('lib*/libfastdds.so'))
