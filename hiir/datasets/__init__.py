"""Clean images and the batches drawn from them."""
