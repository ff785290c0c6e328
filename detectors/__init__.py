"""What is happening in a home. The ground floor: pure, no clock, no outside world, imports nothing of ours."""
