"""The installer's commands, put together. Each group of them stands beside what it commands."""

import typer

site = typer.Typer(no_args_is_help=True, help="A building: its plan.")
home = typer.Typer(no_args_is_help=True, help="The homes in a plan.")
sensor = typer.Typer(no_args_is_help=True, help="The sensors of a home: found, given a place, replaced.")
plan = typer.Typer(no_args_is_help=True, help="The plan of a building: checked, compared, carried out.")


def add_to(cli: typer.Typer) -> None:
    """Add the groups that hold a command to `nachtwacht`."""
    # Not at the top: they join the groups above as they are read.
    from gateway.installer import (
        bed_commands,
        doctor_commands,
        pairing_commands,
        plan_commands,
        sensor_commands,
        survey_commands,
        upkeep_commands,
        walk_commands,
    )

    _ = pairing_commands, plan_commands, sensor_commands
    cli.command("survey")(survey_commands.survey)
    cli.command("calibrate-bed")(bed_commands.calibrate_bed)
    cli.command()(doctor_commands.doctor)
    for command in (upkeep_commands.backup, upkeep_commands.restore, upkeep_commands.update):
        cli.command()(command)
    cli.add_typer(walk_commands.walk_test, name="walk-test")
    for name, group in (("site", site), ("home", home), ("sensor", sensor), ("plan", plan)):
        if group.registered_commands:
            cli.add_typer(group, name=name)
