"""The care centre: takes in what buildings tell, keeps the board, and shows it to the night desk."""
