"""Wires the command's nouns together."""

import typer

from .characters import characters
from .demo import demo
from .doctor import doctor
from .jobs import jobs
from .keys import keys
from .learn import learn
from .lora import lora
from .memory import memory
from .plan import plan
from .render import render
from .serve import serve

app = typer.Typer(
    name="cineai",
    help="Permanent digital actors: cast a character once, then ask for scenes.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)
app.command()(demo)
app.command()(serve)
app.command()(render)
app.command()(plan)
app.add_typer(characters, name="characters")
app.add_typer(jobs, name="jobs")
app.add_typer(memory, name="memory")
app.add_typer(lora, name="lora")
app.add_typer(learn, name="learn")
app.add_typer(keys, name="keys")
app.command()(doctor)
