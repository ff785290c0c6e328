"""Nights in a simulated world: the real gateway, link and centre, and everything around them going wrong.

One seed is one night: who lives there, what happens to them, and what fails. Time, network, broker and the deaths of
processes are simulated in one thread, without a sleep; the journals are real SQLite files. `promises` then holds what
came of it against what the system promises. `python -m tests.nights --seed N` replays a night and says what broke.
"""
