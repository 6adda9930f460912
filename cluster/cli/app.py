"""Wires the command's nouns together."""

import typer

from cluster.cli.characters import characters
from cluster.cli.demo import demo
from cluster.cli.doctor import doctor
from cluster.cli.jobs import jobs
from cluster.cli.keys import keys
from cluster.cli.learn import learn
from cluster.cli.lora import lora
from cluster.cli.render import render
from cluster.cli.serve import serve

app = typer.Typer(
    name="cineai",
    help="Permanent digital actors: cast a character once, then ask for scenes.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)
app.command()(demo)
app.command()(serve)
app.command()(render)
app.add_typer(characters, name="characters")
app.add_typer(jobs, name="jobs")
app.add_typer(lora, name="lora")
app.add_typer(learn, name="learn")
app.add_typer(keys, name="keys")
app.command()(doctor)
