"""The whole fleet looked back on: what today's detectors make of every home's last nights, on one core or on many."""
