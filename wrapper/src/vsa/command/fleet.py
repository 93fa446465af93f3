"""The fleet of an inventory file, and the option that names one of its hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vsa.ansible.run import Where
from vsa.command.options import Checked, option
from vsa.core import UsageError

if TYPE_CHECKING:
    from vsa.fleet.read import Fleet

__all__ = ("NODE_ID", "fleet_of")

NODE_ID = option(
    "--id",
    "name",
    type=Checked("node_name", "NAME"),
    required=True,
    help="The host's name in the inventory.",
)


def fleet_of(to: Where) -> Fleet:
    """Return the fleet of an inventory file. Raises UsageError if there is no file, or if something in it is wrong."""
    from vsa.fleet.check import refuse_wrong_inventory
    from vsa.fleet.read import read_fleet

    fleet = read_fleet(to.inventory)
    if fleet is None:
        raise UsageError(
            "there is no inventory file",
            field="--inventory",
            value="--local" if to.local else to.inventory,
            expected="-i FILE, a plain YAML inventory",
            hint="vsa init inventories/production",
        )
    refuse_wrong_inventory(to.inventory)
    return fleet
