"""The daemon in the building: takes in what sensors say, watches, and tells the centre."""
