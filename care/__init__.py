"""What it means to people: homes, records, alerts, words. Pure, but for `journal`, `link`, `clock` and `notices`."""
