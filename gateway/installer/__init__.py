"""What an installer does: a plan, devices in it, proof that all of it works, and a gateway that is who it says."""
