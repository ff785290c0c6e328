"""A simulated fleet of buildings before a real centre: what it takes, what it costs, and how soon it is there again."""
