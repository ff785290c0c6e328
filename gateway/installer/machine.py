"""Where a building keeps what on its machine, unless a command is told otherwise."""

from pathlib import Path

PLAN = Path("/etc/nachtwacht/site.toml")
BROKER_FILES = Path("/etc/nachtwacht/broker")  # the passwords of the building's broker
MOSQUITTO = Path("/etc/nachtwacht/mosquitto.conf")
RELEASES = Path("/etc/nachtwacht/release.pub")
JOURNAL = Path("/var/lib/nachtwacht/gateway.db")
IDENTITY = Path("/var/lib/nachtwacht/identity")
PROOFS = Path("/var/lib/nachtwacht/proofs")
BACKUPS = Path("/var/backups/nachtwacht")
BRIDGE = Path("/opt/zigbee2mqtt/data")
