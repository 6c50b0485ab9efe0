"""`aarlab audit`: understand the best methods of a run, and sign."""

import sqlite3
import sys
from collections.abc import Sequence
from pathlib import Path

import rich_click as click

from aarlab.agents.models.api_keys import redacted
from aarlab.agents.models.base import ModelError
from aarlab.agents.models.registry import UnknownModel, check_role
from aarlab.audit.audit_output import audit_page, audit_text
from aarlab.audit.auditor_model import AuditorModel
from aarlab.audit.run_audit import CHECKLIST, AuditOptions, RunAudit, audit_run
from aarlab.cli.completion import complete_run
from aarlab.cli.options import allow_base_url_option, env_file_option, json_option, sandbox_option, set_option
from aarlab.cli.output import (
    Status,
    exit_on_bad_input,
    output_faults,
    print_chunked,
    print_json,
    print_note,
    stderr_console,
    stdout_console,
)
from aarlab.cli.progress_bar import DelayedProgressBar
from aarlab.cli.recorded_run import open_for_reading, warn_if_altered
from aarlab.cli.run_execution import confirm_addresses, load_recorded_run, require_tasks, task_file_option
from aarlab.config import ConfigError, Fault
from aarlab.config.scenario_files import load_scenario
from aarlab.graph.calls.live_settings import LiveSettings
from aarlab.memory.atomic_file import atomic_output
from aarlab.memory.audit_signatures import SignatureRefused, check_can_be_signed, sign
from aarlab.memory.events import AuditSigned, RunClosed
from aarlab.memory.file_lock import FileLocked
from aarlab.memory.run_reader import RunReader
from aarlab.tools.evaluator.laboratory_secret import LaboratorySecretError
from aarlab.tools.sandbox import SandboxMode, SandboxUnavailable


@click.command()
@click.argument("run", required=False, shell_complete=complete_run)
@click.option(
    "--top", type=click.IntRange(1, 20), default=3, show_default=True, help="Number of methods, the best first."
)
@click.option(
    "--worlds",
    type=int,
    default=32,
    show_default=True,
    metavar="N",
    help="Fresh worlds on which components are knocked out. More give shorter intervals. 0: measure nothing, and show "
    "what the file has.",
)
@click.option(
    "--out", metavar="FILE", type=click.Path(path_type=Path), help="Also write a page that works offline, audit.html."
)
@click.option("--sign", "who", metavar="NAME", help="Record in the run file that this person confirms the checklist.")
@click.option(
    "--confirm",
    metavar="LIST",
    help="With `--sign`: the numbers of the statements that are confirmed, such as `1,2,5`, or `all`. [default: asked "
    "on the terminal]",
)
@click.option("--why", default="", metavar="TEXT", help="With `--sign`: what the person adds.")
@click.option(
    "--predictability",
    "pairs",
    type=click.IntRange(min=1, max=500),
    metavar="N",
    help="Measure legibility: draw N pairs of variants of each method, and let a fresh agent predict from the "
    "finding's text, and from the code, which of the two scores higher.",
)
@click.option(
    "--model",
    "model_name",
    metavar="NAME",
    help="Base model that describes the methods and predicts variants, as `provider/model`. Each question is one "
    "call, which you pay for. [default: rules]",
)
@set_option
@env_file_option
@allow_base_url_option
@sandbox_option
@task_file_option
@json_option
def audit(
    run: str | None,
    top: int,
    worlds: int,
    out: Path | None,
    who: str | None,
    confirm: str | None,
    why: str,
    pairs: int | None,
    model_name: str | None,
    settings: tuple[str, ...],
    allowed_hosts: tuple[str, ...],
    sandbox: SandboxMode,
    as_json: bool,
) -> None:
    """Understand the best methods of a run: what they do, where they come from, what earns their score.

    RUN is a run file, a folder (its newest run) or the id of a run in ./runs (default: the newest run in ./runs).
    For each method the audit says what it does, step by step; which component earns the score (each is knocked out,
    and Shapley values share the score out over all of them, with intervals over fresh worlds); how the method does on
    held-out, shifted and transfer worlds; whether it uses the teacher; how complex and how new it is; how many
    experiments preceded it; what reviewers and monitors said; and its lineage, with what changed in the code at each
    borrowing.

    The run file is not changed, except by `--sign`, which adds an event after the run. A signed file has the same
    digest, and `aarlab check` and `aarlab replay` accept it.

    Try: `aarlab audit --top 1`, then `aarlab audit --out audit.html`, then `aarlab audit --sign "Ada Lovelace"`.
    """
    with exit_on_bad_input(as_json=as_json):
        path, _, scenario = load_recorded_run(run, models_needed=False)
        live = load_scenario(None, settings).live
        _check_options(path, worlds, out, who, confirm, pairs, model_name, live)
        if worlds:
            require_tasks(path, scenario)
        with open_for_reading(str(path)) as file:
            warn_if_altered(file)
    if model_name is not None:
        confirm_addresses([(live, model_name)], settings, allowed_hosts, as_json=as_json)
    with exit_on_bad_input(as_json=as_json):
        audited = _audit(path, top, worlds, pairs or 0, sandbox, model_name, live)
    if out is not None:
        _write(out, audit_page(audited))
    if not as_json:
        print_chunked(stdout_console(), audit_text(audited))
        if out is not None:
            click.echo(f"page  {out}")
    if who is not None:
        with exit_on_bad_input(as_json=as_json):
            _sign(path, audited, who, confirm, why)
    if as_json:
        print_json({"status": "done", **audited.to_json(), "page": None if out is None else str(out)})


def _check_options(
    path: Path,
    worlds: int,
    out: Path | None,
    who: str | None,
    confirm: str | None,
    pairs: int | None,
    model_name: str | None,
    live: LiveSettings,
) -> None:
    """Raise ConfigError with all faults of the input, before anything is measured or written."""
    faults: list[Fault] = []
    with RunReader.open(path) as file:
        if next(file.entries(RunClosed), None) is None:
            problem = f"the run is not closed ({file.info().status}), so it has no finalists"
            faults.append(Fault(str(path), None, problem, "a closed run", f"continue it: aarlab resume {path}"))
    if worlds < 0 or worlds == 1 or worlds > 1024:
        faults.append(Fault(f"--worlds {worlds}", None, "one world gives no interval", "0, or 2 to 1024"))
    if pairs and not worlds:
        faults.append(Fault("--predictability", None, "variants need worlds, and --worlds is 0", "--worlds 32"))
    if out is not None:
        faults += output_faults(out, ".html")
    if (confirm is not None) and who is None:
        faults.append(Fault("--confirm", None, "only a signature confirms statements", "--sign NAME --confirm LIST"))
    faults += _signature_faults(path, who, confirm)
    if model_name is not None:
        try:
            check_role(model_name, "auditor")
            if (missing := live.model(model_name).missing_requirement()) is not None:
                faults.append(Fault(f"--model {model_name}", None, missing, None))
        except UnknownModel as error:
            faults.append(Fault(f"--model {model_name}", None, str(error), None))
        except ValueError as error:
            faults.append(Fault(f"--model {model_name}", None, str(error), "a base model with a language model"))
    if faults:
        raise ConfigError(faults)


def _signature_faults(path: Path, who: str | None, confirm: str | None) -> list[Fault]:
    if who is None:
        return []
    faults = []
    if not who.strip() or len(who) > 200:
        faults.append(Fault(f"--sign {who!r}", None, "this is no name", "the name of a person"))
    try:
        check_can_be_signed(path)
    except SignatureRefused as error:
        faults.append(Fault(str(path), None, str(error), error.expected))
    if confirm is None and not sys.stdin.isatty():
        problem = "there is no terminal on which the checklist can be confirmed"
        faults.append(Fault("--sign", None, problem, f"--confirm all, or numbers from 1 to {len(CHECKLIST)}"))
    if confirm is not None and _numbers(confirm) is None:
        expected = f"all, or numbers from 1 to {len(CHECKLIST)}, such as 1,2"
        faults.append(Fault(f"--confirm {confirm}", None, "it is no list of statements", expected))
    return faults


def _numbers(confirm: str) -> list[int] | None:
    """Return the numbers of the confirmed statements; None if the text is not a list of them."""
    if confirm == "all":
        return list(range(1, len(CHECKLIST) + 1))
    parts = [part.strip() for part in confirm.split(",")]
    valid = all(part.isascii() and part.isdigit() and 1 <= int(part) <= len(CHECKLIST) for part in parts)
    return sorted({int(part) for part in parts}) if valid else None


def _audit(
    path: Path, top: int, worlds: int, pairs: int, sandbox: SandboxMode, model_name: str | None, live: LiveSettings
) -> RunAudit:
    """Return the audit, or print why there is none and exit."""
    try:
        with DelayedProgressBar(stderr_console(), delay_s=1.0) as progress_bar:
            model = None if model_name is None else AuditorModel(model_name, live, progress_bar)
            return audit_run(path, AuditOptions(top, worlds, pairs, sandbox, model), progress_bar)
    except LaboratorySecretError as error:
        fix = "or audit what the file has: --worlds 0"
        raise ConfigError([Fault(str(path), "scoring.secret", str(error), None, fix)]) from None
    except KeyboardInterrupt:
        click.echo("Stopped. The run file is unchanged.", err=True)
        sys.exit(Status.STOPPED)
    except (SandboxUnavailable, ModelError) as error:
        click.echo(redacted(f"The audit failed: {error}"), err=True)
        sys.exit(Status.FAILED)


def _write(out: Path, page: str) -> None:
    try:
        with atomic_output(out, replace=True) as temporary:
            temporary.write_text(page, encoding="utf-8")
    except OSError as error:
        click.echo(f"The page could not be written to {out}: {error.strerror or error}", err=True)
        sys.exit(Status.FAILED)


def _sign(path: Path, audited: RunAudit, who: str, confirm: str | None, why: str) -> None:
    """Record the signature, after asking about each statement if `confirm` does not say which are confirmed."""
    confirmed = _asked() if confirm is None else (_numbers(confirm) or [])
    signature = AuditSigned(
        who=who.strip(),
        findings=[method.record.finding for method in audited.methods],
        confirmed=[text for number, text in enumerate(CHECKLIST, 1) if number in confirmed],
        open=[text for number, text in enumerate(CHECKLIST, 1) if number not in confirmed],
        why=why,
        digest=audited.digest,
        report=audited.report_hash(),
    )
    try:
        sign(path, signature)
    except (SignatureRefused, FileLocked, sqlite3.OperationalError) as error:
        raise ConfigError([Fault(str(path), None, str(error), "a closed run that can be written to")]) from None
    print_note(
        f"Signed by {signature.who}: {len(signature.confirmed)} of {len(CHECKLIST)} statements confirmed. The digest "
        "of the run is unchanged."
    )


def _asked() -> Sequence[int]:
    """Ask about each statement. The end of the input and Ctrl-C sign nothing."""
    try:
        return [number for number, text in enumerate(CHECKLIST, 1) if click.confirm(f"{number}. {text}", err=True)]
    except click.Abort:
        click.echo("\nNothing was signed.", err=True)
        sys.exit(Status.STOPPED)
